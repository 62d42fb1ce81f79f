//! Jobs in JSON: what is taken reads back as the same job, and what is refused is named.

#![no_main]

use chronos_api::{JobInput, merge_patch, parse_json};
use chronos_engine::Schedules;
use chronos_fuzz::{check_refusal, limit_memory};
use chronos_types::{Invalid, JobSpec, MAX_QUOTED_BYTES, Webhook};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|body: &[u8]| {
    limit_memory(body.len());
    let value = match parse_json(body) {
        Ok(value) => value,
        Err(error) => return check_refusal(&error.to_string()),
    };
    assert_eq!(parse_json(value.to_string().as_bytes()).as_ref(), Ok(&value));
    match parse(&value, None) {
        Ok(spec) => reads_back(&spec),
        Err(invalid) => names_each(&invalid),
    }
});

fn parse(value: &Value, stored: Option<&Webhook>) -> Result<JobSpec, Invalid> {
    JobInput::parse(value, stored, &Schedules::check)
}

fn names_each(invalid: &Invalid) {
    assert!(!invalid.is_empty());
    for error in invalid.fields() {
        check_refusal(&error.message);
        assert!(error.field.len() <= 2 * MAX_QUOTED_BYTES, "a field's name has {} bytes", error.field.len());
    }
}

/// Written back as it is shown, it is the same job, with the secrets that it had. So it is after a patch without changes.
fn reads_back(spec: &JobSpec) {
    let shown = JobInput::from(spec);
    let value = serde_json::to_value(&shown).expect("plain data");
    assert_eq!(serde_json::from_value::<JobInput>(value.clone()).expect("what a client reads"), shown);
    assert_eq!(parse(&value, Some(&spec.webhook)).as_ref(), Ok(spec));
    for patch in [json!({}), value] {
        let merged = merge_patch(spec, &patch).expect("an object");
        assert_eq!(parse(&merged, Some(&spec.webhook)).as_ref(), Ok(spec));
    }
}
