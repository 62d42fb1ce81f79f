//! Creating, changing and deleting jobs.

use chronos_types::{JobSpec, Status};
use rusqlite::{ErrorCode, params};

use super::context::{Context, LiveJob};
use super::{record, withdraw};
use crate::command::{DeleteJob, PutJob};
use crate::error::StateError;
use crate::outcome::{Effect, Outcome, Refusal};
use crate::run::JobSeq;
use crate::stored::code::{Code, JobState, deleted_job};
use crate::stored::spec;

pub(super) fn put(context: &mut Context<'_>, put: &PutJob) -> Result<Outcome, StateError> {
    let json = spec::to_json(&put.spec)?;
    match put.from_version {
        None => create(context, put, &json),
        Some(from) => match context.job(put.id)? {
            None => Context::refuse(Refusal::NoSuchJob),
            Some(job) if job.version != from => {
                Context::refuse(Refusal::VersionMismatch { current: job.version })
            }
            Some(job) => change(context, put, &job, &json),
        },
    }
}

fn create(context: &mut Context<'_>, put: &PutJob, json: &str) -> Result<Outcome, StateError> {
    let name = put.spec.name.as_str();
    let sql = "INSERT INTO jobs (id, name, state, version, created_at, updated_at, spec)
        VALUES (?1, ?2, ?3, 1, ?4, ?4, ?5)";
    let values =
        params![put.id.as_bytes(), name, JobState::of(put.spec.enabled).code(), put.created_at, json];
    if taken(context.db.prepare_cached(sql)?.execute(values))? {
        return Context::refuse(Refusal::NameTaken { name: name.to_owned() });
    }
    let seq = JobSeq::new(context.db.last_insert_rowid());
    let sql = "INSERT INTO due (seq, at, version) VALUES (?1, ?2, 1)";
    context.db.prepare_cached(sql)?.execute((seq.get(), put.next_due))?;
    put_tags(context, seq, &put.spec)?;
    context.effects.push(Effect::DueChanged);
    Ok(Outcome::Job { id: put.id, version: 1, at: put.created_at })
}

fn change(context: &mut Context<'_>, put: &PutJob, job: &LiveJob, json: &str) -> Result<Outcome, StateError> {
    let old = spec::from_json(&job.spec)?;
    let name = put.spec.name.as_str();
    let version = job.version + 1;
    let sql =
        "UPDATE jobs SET name = ?2, state = ?3, version = ?4, updated_at = ?5, spec = ?6 WHERE seq = ?1";
    let values =
        params![job.seq.get(), name, JobState::of(put.spec.enabled).code(), version, context.at, json];
    if taken(context.db.prepare_cached(sql)?.execute(values))? {
        return Context::refuse(Refusal::NameTaken { name: name.to_owned() });
    }
    keep_version(context, job)?;
    if old.tags != put.spec.tags {
        context.db.prepare_cached("DELETE FROM tags WHERE seq = ?1")?.execute([job.seq.get()])?;
        put_tags(context, job.seq, &put.spec)?;
    }
    if old.same_instants(&put.spec) {
        // The next due instant stays, so that none is lost between the proposer's clock and this moment.
        // The runs that are planned run the new version.
        withdraw::renew(context, job.seq, version)?;
        let sql = "UPDATE due SET version = ?2 WHERE seq = ?1";
        context.db.prepare_cached(sql)?.execute((job.seq.get(), version))?;
    } else {
        withdraw::planned(context, job.seq)?;
        if old.enabled && !put.spec.enabled {
            end_waiting(context, job.seq, "the job was disabled")?;
        }
        let sql = "UPDATE due SET at = ?2, version = ?3 WHERE seq = ?1";
        context.db.prepare_cached(sql)?.execute((job.seq.get(), put.next_due, version))?;
    }
    context.effects.push(Effect::DueChanged);
    Ok(Outcome::Job { id: put.id, version, at: context.at })
}

pub(super) fn delete(context: &mut Context<'_>, delete: &DeleteJob) -> Result<Outcome, StateError> {
    let Some(job) = context.job(delete.id)? else {
        return Context::refuse(Refusal::NoSuchJob);
    };
    if delete.if_version.is_some_and(|wanted| wanted != job.version) {
        return Context::refuse(Refusal::VersionMismatch { current: job.version });
    }
    withdraw::planned(context, job.seq)?;
    for open in context.open_of(job.seq)? {
        record::cancel(context, &open, "the job was deleted")?;
    }
    let sql = concat!("UPDATE jobs SET ", deleted_job!(), ", name = NULL, updated_at = ?2 WHERE seq = ?1");
    context.db.prepare_cached(sql)?.execute((job.seq.get(), context.at))?;
    context.db.prepare_cached("UPDATE due SET at = NULL WHERE seq = ?1")?.execute([job.seq.get()])?;
    context.db.prepare_cached("DELETE FROM tags WHERE seq = ?1")?.execute([job.seq.get()])?;
    Ok(Outcome::Done)
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
    let sql = "INSERT INTO versions (seq, version, updated_at, spec) VALUES (?1, ?2, ?3, ?4)";
    context.db.prepare_cached(sql)?.execute((job.seq.get(), job.version, job.updated_at, &job.spec))?;
    Ok(())
}

fn put_tags(context: &Context<'_>, seq: JobSeq, spec: &JobSpec) -> Result<(), StateError> {
    for (key, value) in spec.tags.as_map() {
        let sql = "INSERT INTO tags (key, value, seq) VALUES (?1, ?2, ?3)";
        context.db.prepare_cached(sql)?.execute((key, value, seq.get()))?;
    }
    Ok(())
}

/// Ends the runs whose instant has come and that still wait for their jitter to pass.
fn end_waiting(context: &mut Context<'_>, job: JobSeq, why: &str) -> Result<(), StateError> {
    for open in context.open_of(job)? {
        if open.status == Status::Pending && open.fire_at > context.at {
            record::cancel(context, &open, why)?;
        }
    }
    Ok(())
}
