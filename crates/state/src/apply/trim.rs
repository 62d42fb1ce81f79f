//! Forgets records whose retention has passed. The leader chooses them, so that every node forgets the
//! same.

use super::context::Context;
use crate::command::Trim;
use crate::error::StateError;
use crate::outcome::Outcome;
use crate::run::JobSeq;
use crate::stored::code::{deleted_job, finished};
use crate::stored::columns;

pub(super) fn trim(context: &mut Context<'_>, trim: &Trim) -> Result<Outcome, StateError> {
    for seq in &trim.executions {
        let sql = concat!("DELETE FROM executions WHERE seq = ?1 AND ", finished!(), " RETURNING job");
        let mut statement = context.db.prepare_cached(sql)?;
        let mut rows = statement.query([seq])?;
        let job = match rows.next()? {
            Some(row) => Some(columns::job_seq(row, 0)?),
            None => None,
        };
        drop(rows);
        if let Some(job) = job {
            context.add_held(job, -1)?;
            forget_deleted(context, job)?;
        }
    }
    for job in &trim.jobs {
        forget_deleted(context, *job)?;
    }
    for (seq, version) in &trim.versions {
        // A version stays while an execution ran it, or may come to: it tells what was sent.
        let sql = "DELETE FROM versions WHERE seq = ?1 AND version = ?2
            AND NOT EXISTS (SELECT 1 FROM executions WHERE job = ?1 AND executions.version = ?2)
            AND NOT EXISTS (SELECT 1 FROM withdrawn WHERE job = ?1 AND withdrawn.version = ?2)";
        context.db.prepare_cached(sql)?.execute((seq.get(), version))?;
    }
    context.db.prepare_cached("DELETE FROM keys WHERE at < ?1")?.execute([trim.keys_before])?;
    Ok(Outcome::Done)
}

/// Forgets a deleted job once no execution refers to it or may come to.
fn forget_deleted(context: &Context<'_>, job: JobSeq) -> Result<(), StateError> {
    let sql = concat!(
        "DELETE FROM jobs WHERE seq = ?1 AND ",
        deleted_job!(),
        " AND NOT EXISTS (SELECT 1 FROM executions WHERE job = ?1)
        AND NOT EXISTS (SELECT 1 FROM withdrawn WHERE job = ?1)"
    );
    if context.db.prepare_cached(sql)?.execute([job.get()])? == 1 {
        context.db.prepare_cached("DELETE FROM versions WHERE seq = ?1")?.execute([job.get()])?;
        context.db.prepare_cached("DELETE FROM due WHERE seq = ?1")?.execute([job.get()])?;
    }
    Ok(())
}
