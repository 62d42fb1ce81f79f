//! Changes of jobs.

use chronos_types::Headers;

use super::*;

#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Describe,
    Tag,
    Period(i64),
    Rename(u8),
    Enabled(bool),
    Forbid(bool),
    /// A header that names a secret, or none.
    Names(Option<u8>),
}

pub(super) fn changed(old: &JobSpec, change: Change) -> JobSpec {
    let mut spec = old.clone();
    match change {
        Change::Describe => spec.description.push('x'),
        Change::Tag => {
            spec.tags = support::tags([("k", if spec.tags.as_map().is_empty() { "v" } else { "w" })])
        }
        Change::Period(period) => spec.schedule = format!("@every {}s", period / 1000),
        Change::Rename(name) => spec.name = JobName::parse(&format!("job-{name}")).unwrap(),
        Change::Enabled(enabled) => spec.enabled = enabled,
        Change::Forbid(forbid) => {
            spec.concurrency = if forbid { Concurrency::Forbid } else { Concurrency::Allow };
        }
        Change::Names(secret) => {
            let header = |number| {
                let placeholder = format!("Bearer {{{{secret.{}}}}}", secrets::name_of(number));
                ("Authorization".to_owned(), placeholder)
            };
            spec.webhook.headers = Headers::parse(secret.map(header).into_iter().collect()).unwrap();
        }
    }
    spec
}
