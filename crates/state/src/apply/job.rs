//! Creating, changing and deleting jobs.

use chronos_types::{By, EventType, JobId, Millis};
use rusqlite::ErrorCode;
use rusqlite::types::{Null, Value};

use super::context::{Context, LiveJob};
use super::pauses::AfterChange;
use super::{authors, job_stats, pauses, remainder, secrets, sets, skips};
use crate::command::{Confirm, DeleteJob, PutJob};
use crate::error::StateError;
use crate::outcome::{Effect, Outcome, Refusal};
use crate::remainder::Change;
use crate::run::JobSeq;
use crate::stored::code::{Code, JobState, live_job};
use crate::stored::event::{Event, JobEvent};
use crate::stored::spec::StoredSpec;
use crate::stored::{raw, row, spec};

/// Writes the row of a job, but for what never changes.
const UPDATE: &str =
    "UPDATE jobs SET name = ?3, state = ?4, version = ?5, updated_at = ?7, spec = ?8, sum = ?9
    WHERE seq = ?1";

pub(super) fn put(context: &mut Context<'_>, put: &PutJob, by: Option<&By>) -> Result<Outcome, StateError> {
    let json = spec::to_json(&put.spec)?;
    let outcome = match put.from_version {
        None => create(context, put, &json, by),
        Some(from) => match context.job(put.id)? {
            None => Context::refuse(Refusal::NoSuchJob),
            Some(job) if job.version != from => {
                Context::refuse(Refusal::VersionMismatch { current: job.version })
            }
            Some(job) => change(context, put, &job, &json, by),
        },
    };
    context.written_spec.set(json);
    outcome
}

fn create(
    context: &mut Context<'_>,
    put: &PutJob,
    json: &str,
    by: Option<&By>,
) -> Result<Outcome, StateError> {
    let name = &*put.spec.name;
    let number = context.jobs.next(context.db)?;
    let seq = JobSeq::new(number);
    let state = JobState::of(put.spec.enabled).code();
    let sql = "INSERT INTO jobs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    if taken(row::write_often(
        &context.statements,
        sql,
        row::cells![number, put.id.as_bytes(), name, state, 1, put.created_at, put.created_at, json],
        0..0,
        row::cells![],
    ))? {
        return Context::refuse(Refusal::NameTaken { name: name.to_owned() });
    }
    context.jobs.give(number);
    let sql = "INSERT INTO due (seq, at, version, sum, held) VALUES (?1, ?2, ?3, ?4, 0)";
    row::write_often(&context.statements, sql, row::cells![number, put.next_due, 1], 0..0, row::cells![])?;
    put_tags(context, seq, &put.spec)?;
    secrets::note_uses(context, seq, &put.spec.webhook, true)?;
    authors::note(context, seq, 1, by)?;
    context.effects.push(Effect::DueChanged);
    context.changed.push(seq);
    tell(context, EventType::JobCreated, seq, put.id, 1, name);
    Ok(Outcome::Job { seq, id: put.id, version: 1, at: put.created_at, next_due: put.next_due })
}

fn change(
    context: &mut Context<'_>,
    put: &PutJob,
    job: &LiveJob,
    json: &str,
    by: Option<&By>,
) -> Result<Outcome, StateError> {
    let name = &*put.spec.name;
    let version = job.version + 1;
    let state = JobState::of(put.spec.enabled).code();
    if taken(row::write(
        context.db,
        UPDATE,
        row::cells![job.seq.get(), put.id.as_bytes(), name, state, version, job.created_at, context.at, json],
        row::cells![],
    ))? {
        return Context::refuse(Refusal::NameTaken { name: name.to_owned() });
    }
    keep_version(context, job)?;
    authors::note(context, job.seq, version, by)?;
    tell(context, EventType::JobChanged, job.seq, put.id, version, name);
    if !has_tags(context, job.seq, &put.spec)? {
        context.db.prepare_cached("DELETE FROM tags WHERE seq = ?1")?.execute([job.seq.get()])?;
        put_tags(context, job.seq, &put.spec)?;
    }
    secrets::note_uses(context, job.seq, &put.spec.webhook, false)?;
    let pause = pauses::change(context, job.seq, put.resumes)?;
    if pause == AfterChange::Ended {
        tell(context, EventType::JobResumed, job.seq, put.id, version, name);
    }
    let old = text(&job.spec);
    // While it is paused it falls due at no instant.
    let next_due = put.next_due.filter(|_| pause != AfterChange::Paused);
    if job.enabled && pause == AfterChange::NotPaused && raw::same_instants(old, &put.spec) {
        // The next due instant stays, so that none is lost between the proposer's clock and this moment.
        // The runs that are planned run the new version.
        let at = due_at(context, job.seq)?;
        set_due(context, job.seq, at, version)?;
        remainder::begin(context, job.seq, Change::Renew(version))?;
    } else {
        set_due(context, job.seq, next_due, version)?;
        let is_disabled = job.enabled && !put.spec.enabled;
        let change = if is_disabled { Change::Disable } else { Change::Withdraw };
        remainder::begin(context, job.seq, change)?;
    }
    context.effects.push(Effect::DueChanged);
    context.changed.push(job.seq);
    Ok(Outcome::Job { seq: job.seq, id: put.id, version, at: context.at, next_due })
}

pub(super) fn confirm(context: &Context<'_>, confirm: &Confirm) -> Result<Outcome, StateError> {
    match context.job(confirm.job)? {
        None => Context::refuse(Refusal::NoSuchJob),
        Some(LiveJob { version, .. }) if version != confirm.version => {
            Context::refuse(Refusal::VersionMismatch { current: version })
        }
        Some(LiveJob { seq, version, .. }) => {
            let Confirm { job: id, next_due, .. } = *confirm;
            Ok(Outcome::Job { seq, id, version, at: context.at, next_due })
        }
    }
}

pub(super) fn delete(
    context: &mut Context<'_>,
    delete: &DeleteJob,
    by: Option<&By>,
) -> Result<Outcome, StateError> {
    let Some(job) = context.job(delete.id)? else {
        return Context::refuse(Refusal::NoSuchJob);
    };
    if delete.if_version.is_some_and(|wanted| wanted != job.version) {
        return Context::refuse(Refusal::VersionMismatch { current: job.version });
    }
    row::write(
        context.db,
        UPDATE,
        row::cells![
            job.seq.get(),
            delete.id.as_bytes(),
            Null,
            JobState::Deleted.code(),
            job.version,
            job.created_at,
            context.at,
            job.spec
        ],
        row::cells![],
    )?;
    set_due(context, job.seq, None, job.version)?;
    pauses::forget(context, job.seq)?;
    skips::forget(context, job.seq)?;
    context.db.prepare_cached("DELETE FROM tags WHERE seq = ?1")?.execute([job.seq.get()])?;
    secrets::forget_uses(context, job.seq)?;
    authors::note(context, job.seq, job.version + 1, by)?;
    sets::leave(context, job.seq)?;
    let name = raw::name(text(&job.spec));
    tell(context, EventType::JobDeleted, job.seq, delete.id, job.version, &name);
    job_stats::forget(context, job.seq)?;
    remainder::begin(context, job.seq, Change::Delete)?;
    context.changed.push(job.seq);
    Ok(Outcome::Done)
}

/// Tells those who listen what happened beside the specification of a job that is on record.
pub(super) fn tell_beside(context: &Context<'_>, what: EventType, job: JobSeq) -> Result<(), StateError> {
    let sql = concat!("SELECT seq, id, version, name FROM jobs WHERE seq = ?1 AND ", live_job!());
    let mut statement = context.db.prepare_cached(sql)?;
    let mut rows = statement.query([job.get()])?;
    let row = rows.next()?.ok_or_else(|| row::missing("jobs", job.get()))?;
    row::read("jobs", row, |row| {
        let name: String = row.get(3)?;
        tell(context, what, job, JobId::from_bytes(row.get(1)?), row.get(2)?, &name);
        Ok(())
    })
}

/// Tells those who listen what happened to a job.
fn tell(context: &Context<'_>, what: EventType, job: JobSeq, id: JobId, version: u64, name: &str) {
    let event = JobEvent { what, job, id, version, name: name.to_owned() };
    context.events.add(context.at, &Event::Job(event));
}

/// A specification on record as a text. One that is none says nothing.
pub(super) fn text(spec: &Value) -> &str {
    if let Value::Text(text) = spec { text } else { "" }
}

/// Whether an insert or update failed because another job has the name.
fn taken(result: rusqlite::Result<usize>) -> Result<bool, StateError> {
    match result {
        Ok(_) => Ok(false),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn keep_version(context: &Context<'_>, job: &LiveJob) -> Result<(), StateError> {
    row::write(
        context.db,
        "INSERT INTO versions VALUES (?1, ?2, ?3, ?4, ?5)",
        row::cells![job.seq.get(), job.version, job.updated_at, job.spec],
        row::cells![],
    )?;
    Ok(())
}

/// When a job falls due.
pub(super) fn due_at(context: &Context<'_>, job: JobSeq) -> Result<Option<Millis>, StateError> {
    let mut statement = context.db.prepare_cached("SELECT seq, at FROM due WHERE seq = ?1")?;
    let mut rows = statement.query([job.get()])?;
    let row = rows.next()?.ok_or_else(|| row::missing("due", job.get()))?;
    row::read("due", row, |row| Ok(row.get(1)?))
}

/// Sets when a job falls due, and which version of it.
pub(super) fn set_due(
    context: &Context<'_>,
    job: JobSeq,
    at: Option<Millis>,
    version: u64,
) -> Result<(), StateError> {
    let sql = "UPDATE due SET at = ?2, version = ?3, sum = ?4 WHERE seq = ?1";
    row::write(context.db, sql, row::cells![job.get(), at, version], row::cells![])?;
    Ok(())
}

/// Whether a job has these tags, and no others.
fn has_tags(context: &Context<'_>, seq: JobSeq, spec: &StoredSpec<'_>) -> Result<bool, StateError> {
    let sql = "SELECT key, value FROM tags WHERE seq = ?1 ORDER BY key, value";
    let mut statement = context.db.prepare_cached(sql)?;
    let mut rows = statement.query([seq.get()])?;
    let mut wanted = spec.tags.iter();
    while let Some(row) = rows.next()? {
        let found = (row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?);
        if wanted.next().is_none_or(|(key, value)| (&**key, &**value) != found) {
            return Ok(false);
        }
    }
    Ok(wanted.next().is_none())
}

fn put_tags(context: &Context<'_>, seq: JobSeq, spec: &StoredSpec<'_>) -> Result<(), StateError> {
    for (key, value) in &spec.tags {
        row::write(
            context.db,
            "INSERT INTO tags VALUES (?1, ?2, ?3, ?4)",
            row::cells![**key, **value, seq.get()],
            row::cells![],
        )?;
    }
    Ok(())
}
