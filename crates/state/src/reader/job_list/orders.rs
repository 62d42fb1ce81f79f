//! The statements that go along jobs in an order. Each gives of a job its number, what it is ordered by, whether it fits
//! but for its texts, and where these are asked for how many bytes are searched, its name and its specification.
//!
//! The indexes are named where there is a choice, since the order must be theirs: a statement that sorts looks at
//! everything first.

use super::conditions::Job;
use super::{JobFilter, JobKey, JobList, JobOrder, JobPlace, conditions};
use crate::reader::page::Values;
use crate::run::JobSeq;

/// What a job of the row `j` is ordered by.
pub(super) fn key(order: JobOrder) -> &'static str {
    match order {
        JobOrder::Created => "NULL",
        JobOrder::Name => "j.name",
        JobOrder::NextRun => "(SELECT k.at FROM due k WHERE k.seq = j.seq)",
        JobOrder::LastRun => "(SELECT k.last_run FROM job_stats k WHERE k.job = j.seq)",
        JobOrder::Failures => "(SELECT nullif(k.failures, 0) FROM job_stats k WHERE k.job = j.seq)",
        JobOrder::PausedAt => "(SELECT k.paused_at FROM pauses k WHERE k.job = j.seq)",
        JobOrder::Duration => "(SELECT k.duration FROM job_stats k WHERE k.job = j.seq)",
    }
}

/// How an order is gone along: the table, what holds for the rows that have a place in it, the column of the index in
/// front of the number of the job, and that.
struct Index {
    from: &'static str,
    holds: &'static str,
    key: Option<&'static str>,
    job: Job,
}

fn index(order: JobOrder) -> Index {
    let (from, holds, key, job) = match order {
        JobOrder::Created => ("jobs j", "TRUE", None, Job::Row),
        JobOrder::Name => ("jobs j", "j.name IS NOT NULL", Some("j.name"), Job::Row),
        JobOrder::NextRun => {
            ("due d INDEXED BY due_at", "d.at IS NOT NULL", Some("d.at"), Job::Number("d.seq"))
        }
        JobOrder::LastRun => {
            ("job_stats r INDEXED BY job_stats_last_run", "TRUE", Some("r.last_run"), Job::Number("r.job"))
        }
        JobOrder::Failures => (
            "job_stats r INDEXED BY job_stats_failures",
            "r.failures > 0",
            Some("r.failures"),
            Job::Number("r.job"),
        ),
        JobOrder::PausedAt => {
            ("pauses p INDEXED BY pauses_at", "TRUE", Some("p.paused_at"), Job::Number("p.job"))
        }
        JobOrder::Duration => (
            "job_stats r INDEXED BY job_stats_duration",
            "r.duration IS NOT NULL",
            Some("r.duration"),
            Job::Number("r.job"),
        ),
    };
    Index { from, holds, key, job }
}

/// Along the jobs that have a place in the order, behind one of them.
pub(super) fn ordered(list: &JobList, after: Option<&JobPlace>) -> (String, Values) {
    let Index { from, holds, key, mut job } = index(list.order);
    let mut from = from.to_owned();
    let (mut values, mut holds, mut skip) = (Values::default(), holds.to_owned(), 0);
    let is_by_creation = list.order == JobOrder::Created;
    // Of these orders the narrowest index can be followed: that of a tag, else that of the state.
    if let (true, Some((key, value))) = (is_by_creation, list.filter.tags.first()) {
        (from, job, skip) = ("tags t".to_owned(), Job::Number("t.seq"), 1);
        let (key, value) = (values.add(key.clone()), values.add(value.clone()));
        holds = format!("t.key = {key} AND t.value = {value}");
    } else if is_by_creation && list.filter.enabled.is_some() {
        from = "jobs j INDEXED BY jobs_state".to_owned();
        holds = conditions::state_of(&list.filter).to_owned();
    }
    let seq = job.seq();
    if list.filter.texts.is_some() && !matches!(job, Job::Row) {
        from.push_str(&format!(" CROSS JOIN jobs j ON j.seq = {seq}"));
    }
    let (beyond, down) = if list.is_reversed { ("<", " DESC") } else { (">", "") };
    let behind = match after {
        None => String::new(),
        Some(JobPlace { key: at, seq: after }) => {
            let after = values.add(after.get());
            match (key, at) {
                (Some(key), Some(at)) => {
                    let at = match at {
                        JobKey::Number(number) => values.add(*number),
                        JobKey::Text(text) => values.add(text.clone()),
                    };
                    format!(" AND ({key}, {seq}) {beyond} ({at}, {after})")
                }
                _ => format!(" AND {seq} {beyond} {after}"),
            }
        }
    };
    let fits = conditions::all(list, job, skip, &mut values);
    let searched = searched(&list.filter);
    let order = key.map_or(String::new(), |key| format!("{key}{down}, "));
    let shown = key.unwrap_or("NULL");
    let sql = format!(
        "SELECT {seq}, {shown}, ({fits}) IS TRUE{searched} FROM {from}
        WHERE {holds}{behind} ORDER BY {order}{seq}{down}"
    );
    (sql, values)
}

/// Along the jobs that have no place in the order, behind one of them; none where all jobs have one.
pub(super) fn rest(list: &JobList, after: Option<&JobPlace>) -> Option<(String, Values)> {
    if matches!(list.order, JobOrder::Created | JobOrder::Name) {
        return None;
    }
    let mut values = Values::default();
    let after = values.add(after.map_or(JobSeq::default(), |after| after.seq).get());
    let fits = conditions::all(list, Job::Row, 0, &mut values);
    let (key, searched) = (key(list.order), searched(&list.filter));
    // Only jobs that are disabled or enabled stand in the index of that.
    let (from, holds) = match list.filter.enabled {
        Some(_) => ("jobs j INDEXED BY jobs_state", conditions::state_of(&list.filter)),
        None => ("jobs j", "TRUE"),
    };
    let sql = format!(
        "SELECT j.seq, NULL, ({fits} AND {key} IS NULL) IS TRUE{searched} FROM {from}
        WHERE {holds} AND j.seq > {after} ORDER BY j.seq"
    );
    Some((sql, values))
}

/// The job with the number that is the first of the values, alone.
pub(super) fn one(list: &JobList) -> (String, Values) {
    let mut values = Values::default();
    let job = values.add(0);
    let fits = conditions::all(list, Job::Row, 0, &mut values);
    let searched = searched(&list.filter);
    (format!("SELECT j.seq, NULL, ({fits}) IS TRUE{searched} FROM jobs j WHERE j.seq = {job}"), values)
}

/// The columns of what is searched for a text.
fn searched(filter: &JobFilter) -> &'static str {
    if filter.texts.is_some() { ", octet_length(j.spec), j.name, j.spec" } else { "" }
}
