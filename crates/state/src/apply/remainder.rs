//! What a change of a job has to do with its unfinished runs, a portion at a time.
//!
//! A job can have any number of them: 86,400 that wait for a jitter of a day, or as many calls that a target does
//! not answer. No command changes more than [`MAX_ROWS`](crate::MAX_ROWS) rows. What a change leaves undone is put on
//! record, and the leader proposes [`Command::Portion`](crate::Command::Portion) until nothing is left.
//!
//! It makes no difference to the state in how many portions it is done. A remainder says which runs are meant, those
//! numbered up to a number, and the instant of the change. A command that comes upon a run of a remainder first does
//! to it what is to be done ([`settle_first`]), as if that had been done at once.

use chronos_types::ExecutionId;

use super::context::{Context, Open};
use super::{authors, record, withdraw};
use crate::error::StateError;
use crate::outcome::{Effect, Outcome};
use crate::remainder::{Change, Fate, Remainder};
use crate::run::JobSeq;
use crate::stored::columns::{self, remainder_columns};
use crate::stored::row;

/// Begins to do what a change of a job has to do with its unfinished runs.
pub(super) fn begin(context: &mut Context<'_>, job: JobSeq, change: Change) -> Result<(), StateError> {
    let earlier = of_job(context, job)?;
    let upto = context.executions.next(context.db)? - 1;
    let nr = earlier.last().map_or(0, |last| last.nr) + 1;
    let mut remainder = Remainder { job, nr, change, at: context.at, after: 0, upto };
    // What an earlier change left comes first.
    if !earlier.is_empty() || !go_on(context, &mut remainder)? {
        store(context, &remainder)?;
        context.effects.push(Effect::Remains(remainder));
    }
    Ok(())
}

/// Does the next portion of what changes of jobs have left.
pub(super) fn portion(context: &mut Context<'_>) -> Result<Outcome, StateError> {
    while let Some(mut remainder) = first(context)? {
        if !go_on(context, &mut remainder)? {
            store(context, &remainder)?;
            break;
        }
        let sql = "DELETE FROM remainders WHERE job = ?1 AND nr = ?2";
        context.db.prepare_cached(sql)?.execute((remainder.job.get(), remainder.nr))?;
        context.is_any_remainder.set(None);
    }
    Ok(Outcome::Done)
}

/// Does to a run what a remainder has for it, before anything else is done with it.
pub(super) fn settle_first(context: &mut Context<'_>, id: ExecutionId) -> Result<(), StateError> {
    if !is_any(context)? {
        return Ok(());
    }
    let Some(open) = record::load(context, id)?.and_then(|record| record.open()) else { return Ok(()) };
    for remainder in of_job(context, open.run.job)? {
        // What one remainder did, the next one sees.
        let Some(open) = record::load(context, id)?.and_then(|record| record.open()) else { return Ok(()) };
        if remainder.is_about(open.seq) {
            settle(context, &remainder, open)?;
        }
    }
    Ok(())
}

/// The remainders of a job, in their order.
pub(super) fn of_job(context: &Context<'_>, job: JobSeq) -> Result<Vec<Remainder>, StateError> {
    if !is_any(context)? {
        return Ok(Vec::new());
    }
    let sql = concat!("SELECT ", remainder_columns!(), " FROM remainders WHERE job = ?1 ORDER BY nr");
    let mut statement = context.db.prepare_cached(sql)?;
    let mut rows = statement.query([job.get()])?;
    let mut remainders = Vec::new();
    while let Some(row) = rows.next()? {
        remainders.push(columns::remainder(row)?);
    }
    Ok(remainders)
}

/// Goes on with a remainder, as far as this batch may. Answers whether nothing is left of it.
fn go_on(context: &mut Context<'_>, remainder: &mut Remainder) -> Result<bool, StateError> {
    while context.rows_left > 0 {
        let limit = context.rows_left;
        let open = context.open_of(remainder.job, remainder.after, remainder.upto, limit)?;
        let is_last = open.len() < limit;
        for open in open {
            if context.rows_left == 0 {
                return Ok(false);
            }
            remainder.after = open.seq;
            // One that is only looked at counts too: the time that a command takes is bounded by this.
            let rows = settle(context, remainder, open)?.max(1);
            context.rows_left = context.rows_left.saturating_sub(rows);
        }
        if is_last {
            return Ok(true);
        }
    }
    Ok(context.open_of(remainder.job, remainder.after, remainder.upto, 1)?.is_empty())
}

/// Does to one run what is to be done. Answers how many rows that changed.
fn settle(context: &mut Context<'_>, remainder: &Remainder, open: Open) -> Result<usize, StateError> {
    match open.fate(remainder) {
        Fate::Stays => Ok(0),
        Fate::Renewed(version) => withdraw::renew(context, open, version).map(|()| 1),
        Fate::Withdrawn => withdraw::planned(context, open).map(|()| 2),
        Fate::Cancelled(why) => {
            // Who disabled a job is told by its version.
            let is_deletion = remainder.change == Change::Delete;
            let by = if is_deletion { authors::of_deletion(context, remainder.job)? } else { None };
            record::cancel(context, &open, remainder.at, why, by.as_ref()).map(|()| 1)
        }
    }
}

/// Whether there may be any. Mostly there is none, and it is asked for each run that is planned or reported.
fn is_any(context: &Context<'_>) -> Result<bool, StateError> {
    if let Some(is_any) = context.is_any_remainder.get() {
        return Ok(is_any);
    }
    let mut statement = context.db.prepare_cached("SELECT EXISTS (SELECT 1 FROM remainders)")?;
    let is_any = statement.query_row([], |row| row.get(0))?;
    context.is_any_remainder.set(Some(is_any));
    Ok(is_any)
}

fn first(context: &Context<'_>) -> Result<Option<Remainder>, StateError> {
    let sql = concat!("SELECT ", remainder_columns!(), " FROM remainders ORDER BY job, nr LIMIT 1");
    let mut statement = context.db.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    rows.next()?.map(columns::remainder).transpose()
}

fn store(context: &Context<'_>, remainder: &Remainder) -> Result<(), StateError> {
    let Remainder { job, nr, change, at, after, upto } = *remainder;
    let (what, version) = change.code();
    row::write(
        context.db,
        "INSERT OR REPLACE INTO remainders VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        row::cells![job.get(), nr, what, version, at, after, upto],
        row::cells![],
    )?;
    context.is_any_remainder.set(Some(true));
    Ok(())
}
