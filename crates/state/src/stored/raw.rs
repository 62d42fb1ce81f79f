//! What `apply` asks of a specification on record. No rule of the domain has a say in it: the text is compared as it
//! stands, so that every release gives the same answer.

use std::borrow::Cow;

use chronos_types::{Concurrency, Millis, Trigger};
use rusqlite::Connection;
use serde::Deserialize;

use super::row;
use super::spec::StoredSpec;
use crate::error::StateError;
use crate::run::{Fire, JobSeq};

/// What decides when a job falls due.
#[derive(Deserialize)]
struct Instants<'a> {
    #[serde(borrow)]
    schedule: Cow<'a, str>,
    #[serde(borrow)]
    timezone: Cow<'a, str>,
    #[serde(default)]
    start_at: Option<Millis>,
    #[serde(default)]
    end_at: Option<Millis>,
}

/// Whether a job that runs falls due at the same instants by a new specification as by the text of the old one. By
/// a text that cannot be read it does not.
pub(crate) fn same_instants(old: &str, new: &StoredSpec<'_>) -> bool {
    // Decide on a new field here: does it change the instants?
    let StoredSpec {
        schedule,
        timezone,
        start_at,
        end_at,
        enabled,
        name: _,
        description: _,
        webhook: _,
        retry: _,
        timeout_ms: _,
        concurrency: _,
        missed_runs: _,
        jitter_ms: _,
        tags: _,
    } = new;
    let Ok(old) = serde_json::from_str::<Instants<'_>>(old) else { return false };
    let same =
        (&old.schedule, &old.timezone, &old.start_at, &old.end_at) == (schedule, timezone, start_at, end_at);
    *enabled && same
}

/// The part of a specification that says whether runs may overlap.
#[derive(Deserialize)]
struct Policy<'a> {
    #[serde(borrow)]
    concurrency: Cow<'a, str>,
}

/// What a text says of overlap; none where that cannot be read.
pub(crate) fn concurrency(text: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Policy<'_>>(text).ok().map(|policy| policy.concurrency)
}

/// A run that is to be fired, with what counts of overlap. That is for its node alone, and goes into no state: so a text
/// that today's rules do not know may count as nothing here.
pub(crate) fn with_policy(db: &Connection, fire: Fire) -> Result<Fire, StateError> {
    // What has begun keeps its turn.
    if fire.run.trigger != Trigger::Replay || fire.begun {
        return Ok(fire);
    }
    Ok(Fire { policy: policy(db, fire.run.job)?, ..fire })
}

/// What counts of overlap for a job, as it stands now; none where there is no such job, or today's rules do not know it.
pub(crate) fn policy(db: &Connection, job: JobSeq) -> Result<Option<Concurrency>, StateError> {
    let mut statement = db.prepare_cached("SELECT seq, spec FROM jobs WHERE seq = ?1")?;
    let mut rows = statement.query([job.get()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    row::read("jobs", row, |row| {
        let text = concurrency(row.get_ref(1)?.as_str().unwrap_or_default());
        Ok(text.and_then(|text| Concurrency::parse(&text).ok()))
    })
}

/// The part of a specification that says what the job is called.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

/// What a text calls the job; nothing where that cannot be read.
pub(crate) fn name(text: &str) -> String {
    serde_json::from_str::<Named<'_>>(text).map(|named| named.name.into_owned()).unwrap_or_default()
}
