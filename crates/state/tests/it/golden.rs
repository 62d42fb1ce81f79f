//! What a release has written is read by all that come after it, so each form is kept as a file. And every
//! form has one: the readers themselves say which commands, variants and fields they know.

use std::collections::BTreeSet;

use chronos_state::{Batch, Outcome};
use chronos_testkit::golden;

use crate::forms;
use crate::strict::{self, Object};

const CRATE: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn commands_keep_their_form() {
    keep_their_form("commands", forms::batches());
}

#[test]
fn what_version_2_adds_to_commands_keeps_its_form() {
    keep_their_form("commands-2", forms::batches_of_2());
}

fn keep_their_form(group: &str, forms: Vec<(&str, Batch)>) {
    golden(CRATE, group, forms.iter().map(|(name, batch)| (*name, batch.encode().unwrap())));
    for (name, batch) in forms {
        let kept = std::fs::read(format!("{CRATE}/tests/golden/{group}/{name}")).unwrap();
        assert_eq!(Batch::decode(&kept).unwrap(), batch, "{name}");
    }
}

#[cfg(feature = "next")]
#[test]
fn commands_of_the_next_version_keep_their_form() {
    keep_their_form("next", forms::batches_of_next());
}

#[test]
fn outcomes_keep_their_form() {
    outcomes_of("outcomes", forms::outcomes());
}

#[test]
fn what_version_2_adds_to_outcomes_keeps_its_form() {
    outcomes_of("outcomes-2", forms::outcomes_of_2());
}

fn outcomes_of(group: &str, forms: Vec<(&str, Outcome)>) {
    golden(CRATE, group, forms.iter().map(|(name, outcome)| (*name, text(outcome).into_bytes())));
    for (name, outcome) in forms {
        let kept = std::fs::read(format!("{CRATE}/tests/golden/{group}/{name}")).unwrap();
        assert_eq!(serde_json::from_slice::<Outcome>(&kept).unwrap(), outcome, "{name}");
    }
}

#[test]
fn every_command_and_every_field_has_its_file() {
    let all = [forms::batches(), forms::batches_of_2()].concat();
    #[cfg(feature = "next")]
    let all = [all, forms::batches_of_next()].concat();
    let texts = all.iter().map(|(_, batch)| String::from_utf8(batch.encode().unwrap()).unwrap());
    let known = complete(texts.collect(), |text| Batch::decode(text.as_bytes()).unwrap_err().to_string());
    for name in ["put_job", "raise_version", "not_begun", "spec", "tls_skip_verify", "fingerprint", "unsure"]
    {
        assert!(known.contains(name), "{name} is not among {known:?}");
    }
}

#[test]
fn every_outcome_and_every_field_has_its_file() {
    let all = [forms::outcomes(), forms::outcomes_of_2()].concat();
    let texts = all.iter().map(|(_, outcome)| text(outcome)).collect();
    let read = |text: &str| serde_json::from_str::<Outcome>(text).unwrap_err().to_string();
    let known = complete(texts, read);
    for name in ["execution", "version_not_followed", "unfinished"] {
        assert!(known.contains(name), "{name} is not among {known:?}");
    }
}

/// Checks that each name that a reader knows is in one of the texts. A reader tells the names where it finds
/// one that it does not know.
fn complete(texts: Vec<String>, fails: impl Fn(&str) -> String) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for Object { text, open } in texts.iter().flat_map(|text| strict::with_a_stranger(text)) {
        if !open {
            let error = fails(&text);
            let expected = error.split("expected").nth(1).unwrap_or_default();
            known.extend(expected.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    for name in &known {
        let quoted = format!("\"{name}\"");
        assert!(texts.iter().any(|text| text.contains(&quoted)), "{name} is in none of the forms");
    }
    known
}

fn text(outcome: &Outcome) -> String {
    serde_json::to_string(outcome).unwrap()
}
