//! Coming runs that are recorded as skipped, because somebody asked for it.
//!
//! What counts is a run that comes on record, whatever its trigger of the schedule: those that catch up are among them,
//! and instants that a missed-runs policy passes over are none. So exactly as many are skipped as were asked for, whoever
//! leads. A run that is on record already is skipped too, unless it is to fire so soon that its node may have begun it.

use chronos_types::{By, EventType, Millis, Skip, Status, Trigger};
use rusqlite::Row;

use super::context::{Context, Open};
use super::job::{due_at, tell_beside};
use super::{record, remainder, withdrawn};
use crate::command::{CLOCKS_DIFFER_MS, PAUSES_SINCE, SKIPPED_AT_ONCE, SkipRuns};
use crate::error::StateError;
use crate::outcome::{Effect, Outcome, Refusal};
use crate::run::{JobSeq, RunRef};
use crate::stored::columns::{self, ByColumns, skip_columns};
use crate::stored::row;

/// Which runs of a job are skipped, and who asked for it.
pub(super) struct Skipping {
    job: JobSeq,
    at: Millis,
    skip: Skip,
    by: Option<By>,
}

pub(super) fn skip(
    context: &mut Context<'_>,
    wanted: &SkipRuns,
    by: Option<&By>,
) -> Result<Outcome, StateError> {
    let Some(job) = context.job(wanted.id)? else { return Context::refuse(Refusal::NoSuchJob) };
    if wanted.if_version.is_some_and(|version| version != job.version) {
        return Context::refuse(Refusal::VersionMismatch { current: job.version });
    }
    let had_any = forget(context, job.seq)?;
    let skip = wanted.skip();
    if had_any || skip.is_some() {
        tell_beside(context, EventType::JobChanged, job.seq)?;
    }
    if let Some(skip) = skip {
        let skipping = Skipping { job: job.seq, at: context.at, skip, by: by.cloned() };
        let skipping = on_record(context, skipping)?;
        store(context, &skipping)?;
    }
    context.changed.push(job.seq);
    let next_due = due_at(context, job.seq)?;
    Ok(Outcome::Job { seq: job.seq, id: wanted.id, version: job.version, at: context.at, next_due })
}

/// Skips those runs that wait on record. Of very many, the first are looked at.
fn on_record(context: &mut Context<'_>, mut skipping: Skipping) -> Result<Skipping, StateError> {
    let open = context.open_of(skipping.job, 0, i64::MAX, SKIPPED_AT_ONCE)?;
    let mut coming: Vec<_> = open.into_iter().filter(|open| is_coming(open, context.at)).collect();
    coming.sort_by_key(|open| (open.run.scheduled_time, open.seq));
    for Open { run: RunRef { execution, scheduled_time, .. }, .. } in coming {
        // What a change of the job has yet to do with it comes first.
        remainder::settle_first(context, execution)?;
        let Some(mut record) = record::load(context, execution)? else { continue };
        if record.is_finished() || !skipping.skip.takes(scheduled_time) {
            continue;
        }
        record.skip(context.at, skipping.by.as_ref());
        record.store(context)?;
        context.effects.push(Effect::Cancel(execution));
        context.ended.push(skipping.job);
        skipping.took_one();
    }
    Ok(skipping)
}

/// Whether it is a run of the schedule that its node has not begun: clocks do not differ by as much as it waits for.
fn is_coming(open: &Open, at: Millis) -> bool {
    open.status == Status::Pending
        && matches!(open.run.trigger, Trigger::Schedule | Trigger::CatchUp)
        && open.fire_at > at.saturating_add(CLOCKS_DIFFER_MS)
}

/// Whether a run that comes on record now is skipped.
pub(super) fn takes(context: &Context<'_>, run: &RunRef) -> Result<Option<Skipping>, StateError> {
    if !is_any(context)? {
        return Ok(None);
    }
    let sql = concat!("SELECT ", skip_columns!(), " FROM skips a WHERE a.job = ?1");
    let mut statement = context.db.prepare_cached(sql)?;
    let mut rows = statement.query([run.job.get()])?;
    let Some(found) = rows.next()?.map(|found| row::read("skips", found, read)).transpose()? else {
        return Ok(None);
    };
    if !found.skip.takes(run.scheduled_time) {
        forget(context, run.job)?;
        return Ok(None);
    }
    // It was taken off the record, and its node has not said yet whether it had begun.
    Ok(withdrawn::find(context, run.execution)?.is_none().then_some(found))
}

fn read(row: &Row<'_>) -> Result<Skipping, StateError> {
    let (job, at) = (columns::job_seq(row, 0)?, row.get(1)?);
    Ok(Skipping { job, at, skip: columns::skip(row, 2)?, by: columns::by(row, 4)? })
}

impl Skipping {
    /// Records a run that came on record as skipped.
    pub(super) fn record(mut self, context: &mut Context<'_>, run: &RunRef) -> Result<(), StateError> {
        let mut record = record::of_inserted(context, run.execution)?;
        record.skip(context.at, self.by.as_ref());
        record.store(context)?;
        context.ended.push(run.job);
        if matches!(self.skip, Skip::Count(_)) {
            self.took_one();
            store(context, &self)?;
        }
        Ok(())
    }

    fn took_one(&mut self) {
        if let Skip::Count(left) = &mut self.skip {
            *left = left.saturating_sub(1);
        }
    }
}

/// Whether there may be any. Mostly there is none, and it is asked for each run that is planned.
fn is_any(context: &Context<'_>) -> Result<bool, StateError> {
    if let Some(is_any) = context.is_any_skip.get() {
        return Ok(is_any);
    }
    let mut is_any = false;
    if context.version()? >= PAUSES_SINCE {
        let mut statement = context.db.prepare_cached("SELECT EXISTS (SELECT 1 FROM skips)")?;
        is_any = statement.query_row([], |row| row.get(0))?;
    }
    context.is_any_skip.set(Some(is_any));
    Ok(is_any)
}

/// Keeps what is left to skip, if anything is.
fn store(context: &Context<'_>, skipping: &Skipping) -> Result<(), StateError> {
    let Skipping { job, at, skip, by } = skipping;
    let (count, until) = match *skip {
        Skip::Count(0) => {
            forget(context, *job)?;
            return Ok(());
        }
        Skip::Count(count) => (Some(count), None),
        Skip::Until(until) => (None, Some(until)),
    };
    let ByColumns { kind, id, name, address, note } = by.as_ref().into();
    row::write(
        context.db,
        "INSERT OR REPLACE INTO skips VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        row::cells![job.get(), *at, count, until, kind, id, name, address, note],
        row::cells![],
    )?;
    context.is_any_skip.set(Some(true));
    Ok(())
}

/// Skips nothing more of a job. Answers whether anything was to be skipped.
pub(super) fn forget(context: &Context<'_>, job: JobSeq) -> Result<bool, StateError> {
    if context.version()? < PAUSES_SINCE {
        return Ok(false);
    }
    let gone = context.db.prepare_cached("DELETE FROM skips WHERE job = ?1")?.execute([job.get()])?;
    Ok(gone > 0)
}
