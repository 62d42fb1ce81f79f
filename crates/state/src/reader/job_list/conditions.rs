//! What is asked of a job, as conditions of SQL.

use chronos_types::{Millis, Status};

use super::{JobFilter, JobList};
use crate::reader::page::Values;
use crate::reader::scope;
use crate::stored::code::{Code as _, disabled_job, enabled_job, live_job, open};

/// A run that has not begun so long after it was to fire is late, in milliseconds.
const LATE_MS: Millis = 5_000;

/// Runs that were to fire before this instant, and have not begun, are late.
pub(super) fn late_before(list: &JobList) -> Millis {
    list.now.saturating_sub(LATE_MS)
}

/// Whether a job has the state that is asked for.
pub(super) fn state_of(filter: &JobFilter) -> &'static str {
    match filter.enabled {
        Some(true) => enabled_job!("j."),
        Some(false) => disabled_job!("j."),
        None => live_job!("j."),
    }
}

/// How a statement has the job that it is at.
#[derive(Clone, Copy)]
pub(super) enum Job {
    /// By a row of `jobs` that is called `j`.
    Row,
    /// By its number alone, which stands in this column.
    Number(&'static str),
}

impl Job {
    /// The column of its number.
    pub(super) fn seq(self) -> &'static str {
        match self {
            Self::Row => "j.seq",
            Self::Number(column) => column,
        }
    }
}

/// Everything that is asked of a job, but for its texts and for tags before the number `skip`. What narrow rows say comes
/// first, because SQLite looks in this order: the wide row of a job is read last, and only where all else holds.
pub(super) fn all(list: &JobList, job: Job, skip: usize, values: &mut Values) -> String {
    let seq = job.seq();
    let JobFilter {
        enabled: _,
        tags,
        not_tags,
        set,
        status,
        failing,
        late,
        running,
        never_ran,
        texts: _,
        scope,
    } = &list.filter;
    let mut all = Vec::new();
    all.extend(scope.limit().map(|limit| scope::live(limit, seq, values)));
    let mut carries = |(key, value): &(String, String), not: &str| {
        let (key, value) = (values.add(key.clone()), values.add(value.clone()));
        format!(
            "{not} EXISTS (SELECT 1 FROM tags u WHERE u.key = {key} AND u.value = {value} AND u.seq = {seq})"
        )
    };
    all.extend(tags.iter().skip(skip).map(|tag| carries(tag, "")));
    all.extend(not_tags.iter().map(|tag| carries(tag, "NOT")));
    if let Some(set) = set {
        let set = values.add(set.clone());
        all.push(format!("EXISTS (SELECT 1 FROM job_sets o WHERE o.job = {seq} AND o.name = {set})"));
    }
    let before = late.map(|_| values.add(late_before(list))).unwrap_or_default();
    let mut is = |wanted: Option<bool>, condition: &dyn Fn() -> String| match wanted {
        Some(true) => all.push(format!("({})", condition())),
        Some(false) => all.push(format!("NOT ({})", condition())),
        None => {}
    };
    let stats =
        |condition: &str| format!("EXISTS (SELECT 1 FROM job_stats s WHERE s.job = {seq} AND {condition})");
    let open = |condition: &str| {
        let open = open!("e.");
        format!(
            "EXISTS (SELECT 1 FROM executions e INDEXED BY executions_open
            WHERE e.job = {seq} AND {open} AND {condition})"
        )
    };
    is(status.map(|_| true), &|| stats(&format!("s.last_status = {}", status.map_or(0, Status::code))));
    is(failing.filter(|_| !is_along_failing(list, job)), &|| stats("s.failures > 0"));
    is(*never_ran, &|| format!("NOT {}", stats("TRUE")));
    is(*running, &|| open(&format!("e.status = {}", Status::Running.code())));
    is(*late, &|| {
        let begins = open(&format!("e.status = {} AND e.fire_at < {before}", Status::Pending.code()));
        format!("{begins} OR EXISTS (SELECT 1 FROM due w WHERE w.seq = {seq} AND w.at < {before})")
    });
    let state = state_of(&list.filter);
    match job {
        Job::Row => all.push(state.to_owned()),
        // What is kept of a job beside its row is forgotten with it.
        Job::Number(_) if list.filter.enabled.is_none() => all.push("TRUE".to_owned()),
        Job::Number(seq) => {
            all.push(format!("EXISTS (SELECT 1 FROM jobs j WHERE j.seq = {seq} AND {state})"))
        }
    }
    all.join(" AND ")
}

/// Whether only jobs that are failing are gone along, and these are asked for.
fn is_along_failing(list: &JobList, job: Job) -> bool {
    list.has_keys_only() && matches!(job, Job::Number(_))
}
