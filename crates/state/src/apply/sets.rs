//! Jobs that are written together, and the sets that own them.
//!
//! A set owns a job from the first command on that names both, until the job is deleted. Each apply of a set has a number,
//! in the order in which they began, and a job bears the highest number of those that named it. So a prune deletes what
//! its apply did not name, and never what a later apply did, however late it comes.

use chronos_types::{By, EventType, JobId};
use rusqlite::{OptionalExtension as _, Row};

use super::context::Context;
use super::job;
use crate::command::{DeleteJob, PruneSet, PutItem, PutJob, PutJobs, SETS_SINCE, SetOwner};
use crate::error::StateError;
use crate::outcome::{Outcome, PutOutcome, Refusal};
use crate::run::JobSeq;
use crate::stored::code::live_job;
use crate::stored::{columns, row};

/// So many applies of a set are remembered, the newest: more than are under way at a time.
const APPLIES: i64 = 16;

/// Writes jobs together. It looks at all of them before it writes the first.
pub(super) fn put(context: &mut Context<'_>, puts: &PutJobs, by: Option<&By>) -> Result<Outcome, StateError> {
    let PutJobs { set, items } = puts;
    for (place, item) in items.iter().enumerate() {
        if !is_as_read(context, item, set.as_ref())? {
            return Context::refuse(Refusal::Stale { item: place });
        }
    }
    let apply = set.as_ref().map(|set| number(context, set)).transpose()?.unwrap_or_default();
    let mut jobs = Vec::with_capacity(items.len());
    for item in items {
        let (seq, outcome) = match item {
            PutItem::Put(put) => match job::put(context, put, by)? {
                Outcome::Job { seq, version, .. } if put.from_version.is_some() => {
                    (seq, PutOutcome::Changed(version))
                }
                Outcome::Job { seq, .. } => (seq, PutOutcome::Created),
                // Only where it was there twice.
                _ => {
                    jobs.push(PutOutcome::Refused);
                    continue;
                }
            },
            PutItem::Keep { job, version } => (*job, PutOutcome::Unchanged(*version)),
            PutItem::Refused => {
                jobs.push(PutOutcome::Refused);
                continue;
            }
        };
        let is_taken_over = set.as_ref().map_or(Ok(false), |set| own(context, seq, &set.name, apply))?;
        jobs.push(match outcome {
            PutOutcome::Unchanged(version) if is_taken_over => {
                context.changed.push(seq);
                job::tell_beside(context, EventType::JobChanged, seq)?;
                PutOutcome::Changed(version)
            }
            other => other,
        });
    }
    if let Some(set) = set {
        forget_if_empty(context, &set.name)?;
    }
    Ok(Outcome::Jobs { jobs })
}

/// Whether a job is as it was read, and the set may own it.
fn is_as_read(context: &Context<'_>, item: &PutItem, set: Option<&SetOwner>) -> Result<bool, StateError> {
    let job = match item {
        PutItem::Refused => return Ok(true),
        PutItem::Put(put) => match read_of(context, put)? {
            Read::New => return Ok(true),
            Read::There(job) => job,
            Read::Other => return Ok(false),
        },
        PutItem::Keep { job, version } => {
            let sql = concat!("SELECT 1 FROM jobs WHERE seq = ?1 AND version = ?2 AND ", live_job!());
            if !context.db.prepare_cached(sql)?.exists((job.get(), version))? {
                return Ok(false);
            }
            *job
        }
    };
    match set {
        Some(set) if !set.adopt => Ok(of(context, job)?.is_some_and(|(name, _)| name == set.name)),
        _ => Ok(true),
    }
}

/// How the job that is to be written stands.
enum Read {
    /// There is no such job, as it should be.
    New,
    /// It is there, in the version that it should have.
    There(JobSeq),
    /// It is something else than what was read.
    Other,
}

fn read_of(context: &Context<'_>, put: &PutJob) -> Result<Read, StateError> {
    // The one with the name, and the one with the id.
    let sql = "SELECT seq, id, name, version FROM jobs WHERE name = ?1 OR id = ?2";
    let mut statement = context.db.prepare_cached(sql)?;
    let mut rows = statement.query((&put.spec.name, put.id.as_bytes()))?;
    let mut found = Read::New;
    while let Some(row) = rows.next()? {
        let (seq, id, is_live, version) = row::read("jobs", row, |row| {
            let is_live = row.get_ref(2)?.as_str_or_null()?.is_some();
            Ok((columns::job_seq(row, 0)?, JobId::from_bytes(row.get(1)?), is_live, row.get::<_, u64>(3)?))
        })?;
        if id != put.id || !is_live || put.from_version != Some(version) {
            return Ok(Read::Other);
        }
        found = Read::There(seq);
    }
    Ok(match (found, put.from_version) {
        (Read::New, Some(_)) => Read::Other,
        (found, _) => found,
    })
}

/// Deletes jobs of a set that an apply did not name, nor one that began after it.
pub(super) fn prune(
    context: &mut Context<'_>,
    prune: &PruneSet,
    by: Option<&By>,
) -> Result<Outcome, StateError> {
    let PruneSet { set, apply, jobs, last } = prune;
    let Some(apply) = known(context, set, apply)? else {
        return Context::refuse(Refusal::NoSuchApply);
    };
    let mut names = Vec::new();
    for seq in jobs {
        let is_named = of(context, *seq)?.is_none_or(|(name, named)| name != *set || named >= apply);
        if is_named {
            continue;
        }
        let Some((id, name)) = live(context, *seq)? else { continue };
        if job::delete(context, &DeleteJob { id, if_version: None }, by)? == Outcome::Done {
            names.push(name);
        }
    }
    Ok(Outcome::Pruned { names, last: *last })
}

/// The id and the name of a job that is not deleted.
fn live(context: &Context<'_>, job: JobSeq) -> Result<Option<(JobId, String)>, StateError> {
    let sql = concat!("SELECT seq, id, name FROM jobs WHERE seq = ?1 AND ", live_job!());
    let mut statement = context.db.prepare_cached(sql)?;
    let mut rows = statement.query([job.get()])?;
    let read = |row: &Row<'_>| Ok((JobId::from_bytes(row.get(1)?), row.get(2)?));
    rows.next()?.map(|row| row::read("jobs", row, read)).transpose()
}

/// Takes a deleted job out of its set.
pub(super) fn leave(context: &Context<'_>, job: JobSeq) -> Result<(), StateError> {
    if context.version()? < SETS_SINCE {
        return Ok(());
    }
    let sql = "DELETE FROM job_sets WHERE job = ?1 RETURNING name";
    let mut statement = context.db.prepare_cached(sql)?;
    let name: Option<String> = statement.query_row([job.get()], |row| row.get(0)).optional()?;
    name.map_or(Ok(()), |name| forget_if_empty(context, &name))
}

/// The set that owns a job, and the number of the apply that named the job last.
fn of(context: &Context<'_>, job: JobSeq) -> Result<Option<(String, i64)>, StateError> {
    let mut statement = context.db.prepare_cached("SELECT job, name, apply FROM job_sets WHERE job = ?1")?;
    let mut rows = statement.query([job.get()])?;
    let read = |row: &Row<'_>| Ok((row.get(1)?, row.get(2)?));
    rows.next()?.map(|row| row::read("job_sets", row, read)).transpose()
}

/// Has a set own a job that an apply names. Answers whether the set of the job is another one than before.
fn own(context: &Context<'_>, job: JobSeq, set: &str, apply: i64) -> Result<bool, StateError> {
    let before = of(context, job)?;
    let apply = match &before {
        // An apply that began earlier may name it later.
        Some((name, named)) if name == set && *named >= apply => return Ok(false),
        _ => apply,
    };
    row::write_often(
        &context.statements,
        "INSERT OR REPLACE INTO job_sets VALUES (?1, ?2, ?3, ?4)",
        row::cells![job.get(), set, apply],
        0..0,
        row::cells![],
    )?;
    match before {
        Some((name, _)) if name == set => Ok(false),
        Some((name, _)) => forget_if_empty(context, &name).map(|()| true),
        None => Ok(true),
    }
}

/// The number of the apply that a command belongs to: a new one where it is the first of its apply, and that of the
/// newest where it belongs to none.
fn number(context: &Context<'_>, set: &SetOwner) -> Result<i64, StateError> {
    let SetOwner { name, apply, adopt: _ } = set;
    let sql = "SELECT coalesce(max(nr), 0) FROM set_applies WHERE name = ?1";
    let newest: i64 = context.db.prepare_cached(sql)?.query_row([name], |row| row.get(0))?;
    let Some(id) = apply else { return Ok(newest) };
    if let Some(number) = known(context, name, id)? {
        return Ok(number);
    }
    let number = newest + 1;
    let sql = "INSERT INTO set_applies VALUES (?1, ?2, ?3, ?4)";
    row::write(context.db, sql, row::cells![name, id, number], row::cells![])?;
    let sql = "DELETE FROM set_applies WHERE name = ?1 AND nr <= ?2";
    context.db.prepare_cached(sql)?.execute((name, number - APPLIES))?;
    Ok(number)
}

/// The number of an apply, where the set remembers it.
fn known(context: &Context<'_>, set: &str, id: &str) -> Result<Option<i64>, StateError> {
    let sql = "SELECT name, nr FROM set_applies WHERE name = ?1 AND id = ?2";
    let mut statement = context.db.prepare_cached(sql)?;
    let mut rows = statement.query((set, id))?;
    rows.next()?.map(|row| row::read("set_applies", row, |row| Ok(row.get(1)?))).transpose()
}

/// Forgets the applies of a set that owns no job any more. Such a set is none.
fn forget_if_empty(context: &Context<'_>, set: &str) -> Result<(), StateError> {
    if !context.db.prepare_cached("SELECT 1 FROM job_sets WHERE name = ?1 LIMIT 1")?.exists([set])? {
        context.db.prepare_cached("DELETE FROM set_applies WHERE name = ?1")?.execute([set])?;
    }
    Ok(())
}
