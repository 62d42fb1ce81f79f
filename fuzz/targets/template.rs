//! Bodies with placeholders: what is put in comes out, and in JSON it stays inside its string.

#![no_main]

use chronos_fuzz::{check_refusal, limit_memory};
use chronos_types::{SecretHosts, SecretName, SecretValues, Template, TemplateValues};
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;

const PLAIN: TemplateValues<'_> = values("1", 1);
/// As it is, it would end a string of JSON. Nothing in it is read as a placeholder once it is filled in.
const HOSTILE: &str = "\"}],{{.JobID}}{{secret.a}}\\\n";

fuzz_target!(|source: &str| {
    limit_memory(source.len());
    let template = match Template::parse(source) {
        Ok(template) => template,
        Err(error) => return check_refusal(&error.to_string()),
    };
    assert_eq!(template.source(), source);
    let names: Vec<&str> = template.secrets().collect();
    names.iter().for_each(|name| assert!(SecretName::parse(name).is_ok(), "{name:?} is a name"));
    let plain = template.render(&PLAIN, &SecretValues::default());
    assert!(plain.len() <= template.most_bytes(1));
    puts_placeholders_back(&template);
    if template.is_json() {
        keeps_its_shape(&template, &names);
    }
});

const fn values(value: &str, attempt: u32) -> TemplateValues<'_> {
    TemplateValues { job_id: value, job_name: value, execution_id: value, scheduled_time: value, attempt }
}

fn secrets(names: &[&str], value: &str) -> SecretValues {
    let mut values = SecretValues::default();
    for name in names {
        let hosts = SecretHosts::unchecked(vec!["*".to_owned()]);
        values.insert(&SecretName::unchecked(name), value.to_owned(), hosts);
    }
    values
}

/// A body whose placeholders are filled in with placeholders is the same body, but for blanks in them.
fn puts_placeholders_back(template: &Template) {
    let own = TemplateValues {
        job_id: "{{.JobID}}",
        job_name: "{{.JobName}}",
        execution_id: "{{.ExecutionID}}",
        scheduled_time: "{{.ScheduledTime}}",
        attempt: 7,
    };
    // A number that is filled in may make a placeholder of what is around it.
    if template.source().contains("Attempt") {
        return;
    }
    let filled = template.render(&own, &SecretValues::default());
    let again = Template::parse(&filled).expect("placeholders where there were some");
    assert!(again.secrets().eq(template.secrets()));
    assert_eq!(again.is_json(), template.is_json());
    let render = |template: &Template| template.render(&values("value", 7), &SecretValues::default());
    assert_eq!(render(&again), render(template));
}

/// A body that is JSON is JSON with numbers in it. Where a word does as well, each placeholder but that of the attempt
/// stands inside a string, and no value leaves it.
fn keeps_its_shape(template: &Template, names: &[&str]) {
    let render = |value: &str| template.render(&values(value, 1), &secrets(names, value));
    let is_json = |text: &str| serde_json::from_str::<&RawValue>(text).is_ok();
    let (number, word, hostile) = (render("1"), render("x"), render(HOSTILE));
    assert!(is_json(&number), "{number}");
    if is_json(&word) {
        assert!(is_json(&hostile), "{hostile}");
        assert_eq!(shape(&word), shape(&hostile));
    }
}

/// A JSON text without what is in its strings.
fn shape(json: &str) -> String {
    let (mut shape, mut inside, mut escaped) = (String::new(), false, false);
    for c in json.chars() {
        if !inside || (c == '"' && !escaped) {
            shape.push(c);
            inside ^= c == '"';
        }
        escaped = inside && c == '\\' && !escaped;
    }
    shape
}
