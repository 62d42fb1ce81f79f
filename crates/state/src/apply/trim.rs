//! Forgets records whose retention has passed. The leader chooses them, so that every node forgets the
//! same.
//!
//! A command forgets [`MAX_ROWS`] rows at most. What it does not come to is found again and named by a later one.

use super::context::Context;
use crate::command::{MAX_ROWS, Trim};
use crate::error::StateError;
use crate::outcome::Outcome;
use crate::run::JobSeq;
use crate::stored::code::{deleted_job, finished};
use crate::stored::columns;

pub(super) fn trim(context: &mut Context<'_>, trim: &Trim) -> Result<Outcome, StateError> {
    let mut rows = Rows { left: MAX_ROWS };
    for seq in &trim.executions {
        if rows.left == 0 {
            break;
        }
        let sql = concat!("DELETE FROM executions WHERE seq = ?1 AND ", finished!(), " RETURNING job");
        let mut statement = context.db.prepare_cached(sql)?;
        let mut found = statement.query([seq])?;
        let job = match found.next()? {
            Some(row) => Some(columns::job_seq(row, 0)?),
            None => None,
        };
        drop(found);
        if let Some(job) = job {
            rows.take(1);
            context.add_held(job, -1)?;
            forget_deleted(context, job, &mut rows)?;
        }
    }
    for job in &trim.jobs {
        forget_deleted(context, *job, &mut rows)?;
    }
    for (seq, version) in &trim.versions {
        if rows.left == 0 {
            break;
        }
        // A version stays while an execution ran it, or may come to: it tells what was sent.
        let sql = "DELETE FROM versions WHERE seq = ?1 AND version = ?2
            AND NOT EXISTS (SELECT 1 FROM executions WHERE job = ?1 AND executions.version = ?2)
            AND NOT EXISTS (SELECT 1 FROM withdrawn WHERE job = ?1 AND withdrawn.version = ?2)";
        rows.take(context.db.prepare_cached(sql)?.execute((seq.get(), version))?);
    }
    let sql = "DELETE FROM keys WHERE key IN
        (SELECT key FROM keys WHERE at < ?1 ORDER BY at, key LIMIT ?2)";
    context.db.prepare_cached(sql)?.execute((trim.keys_before, rows.left))?;
    Ok(Outcome::Done)
}

/// How many rows the command may still forget.
struct Rows {
    left: usize,
}

impl Rows {
    fn take(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count);
    }
}

/// Forgets a deleted job once no execution refers to it or may come to: its versions first, for they can be many.
fn forget_deleted(context: &Context<'_>, job: JobSeq, rows: &mut Rows) -> Result<(), StateError> {
    if rows.left == 0 {
        return Ok(());
    }
    let sql = concat!(
        "SELECT 1 FROM jobs WHERE seq = ?1 AND ",
        deleted_job!(),
        " AND NOT EXISTS (SELECT 1 FROM executions WHERE job = ?1)
        AND NOT EXISTS (SELECT 1 FROM withdrawn WHERE job = ?1)"
    );
    if !context.db.prepare_cached(sql)?.exists([job.get()])? {
        return Ok(());
    }
    let sql = "DELETE FROM versions WHERE seq = ?1 AND version IN
        (SELECT version FROM versions WHERE seq = ?1 ORDER BY version LIMIT ?2)";
    rows.take(context.db.prepare_cached(sql)?.execute((job.get(), rows.left))?);
    if rows.left == 0 {
        return Ok(());
    }
    context.db.prepare_cached("DELETE FROM jobs WHERE seq = ?1")?.execute([job.get()])?;
    context.db.prepare_cached("DELETE FROM due WHERE seq = ?1")?.execute([job.get()])?;
    rows.take(1);
    Ok(())
}
