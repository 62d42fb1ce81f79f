//! Forgets records whose retention has passed. The leader chooses them, so that every node forgets the
//! same.
//!
//! A command forgets [`MAX_ROWS`] rows at most. What it does not come to is found again and named by a later one.

use std::collections::BTreeMap;

use chronos_types::ExecutionId;
use rusqlite::Row;

use super::context::Context;
use super::{authors, lookups, overrides};
use crate::command::{AUTHORS_SINCE, MAX_ROWS, Trim};
use crate::error::StateError;
use crate::outcome::Outcome;
use crate::run::JobSeq;
use crate::stored::code::{self, deleted_job, finished};
use crate::stored::{columns, row};

pub(super) fn trim(context: &mut Context<'_>, trim: &Trim) -> Result<Outcome, StateError> {
    let mut left = MAX_ROWS;
    // Of one job often many go at once, so what is kept of the job is written once.
    let mut jobs = BTreeMap::new();
    for seq in trim.executions.iter().take(left) {
        let sql =
            concat!("SELECT seq, job, id, status, trigger FROM executions WHERE seq = ?1 AND ", finished!());
        let mut statement = context.db.prepare_cached(sql)?;
        let mut rows = statement.query([seq])?;
        let read = |row: &Row<'_>| {
            let run = (ExecutionId::from_bytes(row.get(2)?), code::status(row.get(3)?), row.get(4)?);
            Ok((columns::job_seq(row, 1)?, run))
        };
        let Some((job, run)) = rows.next()?.map(|row| row::read("executions", row, read)).transpose()? else {
            continue;
        };
        drop(rows);
        // With what it is found by, and what it sent.
        let own = overrides::count(context, *seq, run.2)?;
        let count = 1 + lookups::count(context, run)? + own;
        if count > left {
            break;
        }
        context.db.prepare_cached("DELETE FROM executions WHERE seq = ?1")?.execute([seq])?;
        lookups::forget(context, run)?;
        if own > 0 {
            overrides::forget(context, *seq)?;
        }
        *jobs.entry(job).or_insert(0) += 1;
        left -= count;
    }
    for (job, count) in &jobs {
        context.add_held(*job, -*count)?;
    }
    for job in trim.jobs.iter().chain(jobs.keys()) {
        left = left.saturating_sub(forget_deleted(context, *job, left)?);
    }
    // With who made it, a version is two rows.
    let rows_each = if context.version()? < AUTHORS_SINCE { 1 } else { 2 };
    for (seq, version) in trim.versions.iter().take(left / rows_each) {
        // A version stays while an execution ran it, or may come to: it tells what was sent. And while the answer
        // to a request shows it that may be repeated.
        let sql = "DELETE FROM versions WHERE seq = ?1 AND version = ?2
            AND NOT EXISTS (SELECT 1 FROM executions WHERE job = ?1 AND executions.version = ?2)
            AND NOT EXISTS (SELECT 1 FROM withdrawn WHERE job = ?1 AND withdrawn.version = ?2)
            AND NOT EXISTS (SELECT 1 FROM keys WHERE job = ?1 AND keys.version = ?2)";
        let mut count = context.db.prepare_cached(sql)?.execute((seq.get(), version))?;
        if count > 0 {
            count += authors::forget(context, *seq, *version)?;
        }
        left = left.saturating_sub(count);
    }
    // The oldest first, in the order of the index. So the same go on every node.
    let sql = "DELETE FROM keys WHERE key IN (SELECT key FROM keys WHERE at < ?1 ORDER BY at, key LIMIT ?2)";
    context.db.prepare_cached(sql)?.execute((trim.keys_before, left))?;
    Ok(Outcome::Done)
}

/// Forgets a deleted job once no execution refers to it or may come to, and no answer: its versions and who made them
/// first, for they can be many.
/// No more than `most` rows go. Answers how many went.
fn forget_deleted(context: &Context<'_>, job: JobSeq, most: usize) -> Result<usize, StateError> {
    let sql = concat!(
        "SELECT 1 FROM jobs WHERE seq = ?1 AND ",
        deleted_job!(),
        " AND NOT EXISTS (SELECT 1 FROM executions WHERE job = ?1)
        AND NOT EXISTS (SELECT 1 FROM withdrawn WHERE job = ?1)
        AND NOT EXISTS (SELECT 1 FROM keys WHERE job = ?1)"
    );
    if most == 0 || !context.db.prepare_cached(sql)?.exists([job.get()])? {
        return Ok(0);
    }
    let mut count = authors::forget_first(context, job, most)?;
    let sql = "DELETE FROM versions WHERE seq = ?1 AND version IN
        (SELECT version FROM versions WHERE seq = ?1 ORDER BY version LIMIT ?2)";
    count += context.db.prepare_cached(sql)?.execute((job.get(), most - count))?;
    // The job itself is two rows.
    if most - count < 2 {
        return Ok(count);
    }
    context.db.prepare_cached("DELETE FROM jobs WHERE seq = ?1")?.execute([job.get()])?;
    context.db.prepare_cached("DELETE FROM due WHERE seq = ?1")?.execute([job.get()])?;
    Ok(count + 2)
}
