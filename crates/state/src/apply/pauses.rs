//! Pausing jobs. A pause stands beside the specification of its job: it is no version of it.
//!
//! While a job is paused its due instant is null, whatever else changes of it. Where the pause ends by itself, the leader
//! says from which instant on the job falls due then. It says so some seconds ahead, so that the runs of that instant are
//! planned before it, and again when the instant has come: only then the pause is over. Until then nothing else ends it,
//! for only the leader counts from its end.

use chronos_types::{By, EventType, Millis, Note};
use rusqlite::Row;

use super::context::{Context, LiveJob};
use super::job::{due_at, set_due, tell_beside};
use super::remainder;
use crate::command::{EndPauses, PAUSES_SINCE, PauseEnd, PauseJob, ResumeJob};
use crate::error::StateError;
use crate::outcome::{Effect, Outcome, Refusal};
use crate::remainder::Change;
use crate::run::JobSeq;
use crate::stored::columns::ByColumns;
use crate::stored::row;

pub(super) fn pause(
    context: &mut Context<'_>,
    pause: &PauseJob,
    by: Option<&By>,
) -> Result<Outcome, StateError> {
    let PauseJob { id, if_version, reason, until } = pause;
    let Some(job) = context.job(*id)? else { return Context::refuse(Refusal::NoSuchJob) };
    if if_version.is_some_and(|wanted| wanted != job.version) {
        return Context::refuse(Refusal::VersionMismatch { current: job.version });
    }
    let reason = reason.clone().map(Note::unchecked);
    begin(context, &job, reason.as_ref(), *until, by)?;
    Ok(Outcome::Job { seq: job.seq, id: *id, version: job.version, at: context.at, next_due: None })
}

pub(super) fn resume(context: &mut Context<'_>, resume: &ResumeJob) -> Result<Outcome, StateError> {
    let ResumeJob { id, version, next_due } = *resume;
    let Some(job) = context.job(id)? else { return Context::refuse(Refusal::NoSuchJob) };
    if version != job.version {
        return Context::refuse(Refusal::VersionMismatch { current: job.version });
    }
    end(context, &job, next_due)?;
    let next_due = due_at(context, job.seq)?;
    Ok(Outcome::Job { seq: job.seq, id, version, at: context.at, next_due })
}

/// Pauses a job, for a reason and until an instant where these are given. One that is paused stays so since when it is.
pub(super) fn begin(
    context: &mut Context<'_>,
    job: &LiveJob,
    reason: Option<&Note>,
    until: Option<Millis>,
    by: Option<&By>,
) -> Result<(), StateError> {
    let at = find(context, job.seq)?.filter(|pause| !pause.is_over(context.at));
    let at = at.map_or(context.at, |pause| pause.at);
    let ByColumns { kind, id, name, address, note } = by.into();
    row::write(
        context.db,
        "INSERT OR REPLACE INTO pauses VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        row::cells![job.seq.get(), at, until, reason.map(Note::as_str), kind, id, name, address, note],
        row::cells![],
    )?;
    set_due(context, job.seq, None, job.version)?;
    tell_beside(context, EventType::JobPaused, job.seq)?;
    remainder::begin(context, job.seq, Change::Pause)?;
    context.effects.push(Effect::DueChanged);
    context.changed.push(job.seq);
    Ok(())
}

/// Ends the pause of a job, which falls due at `next_due` from now on. Answers whether there was one that is not over by
/// itself: such a one the leader ends.
pub(super) fn end(
    context: &mut Context<'_>,
    job: &LiveJob,
    next_due: Option<Millis>,
) -> Result<bool, StateError> {
    if find(context, job.seq)?.is_none_or(|pause| pause.is_over(context.at)) {
        return Ok(false);
    }
    forget(context, job.seq)?;
    set_due(context, job.seq, next_due.filter(|_| job.enabled), job.version)?;
    tell_beside(context, EventType::JobResumed, job.seq)?;
    // Those that were planned for the end of the pause: they are planned anew.
    remainder::begin(context, job.seq, Change::Withdraw)?;
    context.effects.push(Effect::DueChanged);
    context.changed.push(job.seq);
    Ok(true)
}

/// Ends pauses that end by themselves.
pub(super) fn end_by_themselves(context: &mut Context<'_>, ends: &EndPauses) -> Result<Outcome, StateError> {
    let mut moved = false;
    for end in &ends.pauses {
        let PauseEnd { job, version, until, next_due } = *end;
        let Some(due) = due_beside(context, job, version, until)? else { continue };
        if due.is_none() && next_due.is_some() {
            set_due(context, job, next_due, version)?;
            moved = true;
        }
        if until <= context.at {
            forget(context, job)?;
            tell_beside(context, EventType::JobResumed, job)?;
            context.changed.push(job);
        }
    }
    if moved {
        context.effects.push(Effect::DueChanged);
    }
    Ok(Outcome::Done)
}

/// When a job at a version falls due whose pause ends at an instant; none where that is not how it stands.
fn due_beside(
    context: &Context<'_>,
    job: JobSeq,
    version: u64,
    until: Millis,
) -> Result<Option<Option<Millis>>, StateError> {
    let sql = "SELECT d.seq, d.at FROM pauses p JOIN due d ON d.seq = p.job
        WHERE p.job = ?1 AND p.until = ?2 AND d.version = ?3";
    let mut statement = context.db.prepare_cached(sql)?;
    let mut rows = statement.query((job.get(), until, version))?;
    rows.next()?.map(|row| row::read("due", row, |row| Ok(row.get(1)?))).transpose()
}

/// What the commands ask of a pause.
struct Paused {
    at: Millis,
    until: Option<Millis>,
}

impl Paused {
    fn is_over(&self, now: Millis) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// The pause of a job, if it has one, which may be over.
fn find(context: &Context<'_>, job: JobSeq) -> Result<Option<Paused>, StateError> {
    if context.version()? < PAUSES_SINCE {
        return Ok(None);
    }
    let mut statement =
        context.db.prepare_cached("SELECT job, paused_at, until FROM pauses WHERE job = ?1")?;
    let mut rows = statement.query([job.get()])?;
    let read = |row: &Row<'_>| Ok(Paused { at: row.get(1)?, until: row.get(2)? });
    rows.next()?.map(|row| row::read("pauses", row, read)).transpose()
}

/// Whether a job has a pause, also one that is over and that the leader has yet to end.
pub(super) fn is_paused(context: &Context<'_>, job: JobSeq) -> Result<bool, StateError> {
    Ok(find(context, job)?.is_some())
}

/// What a change of a job does to its pause.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterChange {
    /// It has none.
    NotPaused,
    /// It ends.
    Ended,
    /// It stays.
    Paused,
}

/// Ends the pause of a job that is changed by a request which `resumes` it.
pub(super) fn change(context: &Context<'_>, job: JobSeq, resumes: bool) -> Result<AfterChange, StateError> {
    match find(context, job)? {
        None => Ok(AfterChange::NotPaused),
        Some(pause) if resumes && !pause.is_over(context.at) => {
            forget(context, job)?;
            Ok(AfterChange::Ended)
        }
        Some(_) => Ok(AfterChange::Paused),
    }
}

/// Forgets the pause of a job, if it has one.
pub(super) fn forget(context: &Context<'_>, job: JobSeq) -> Result<(), StateError> {
    if context.version()? >= PAUSES_SINCE {
        context.db.prepare_cached("DELETE FROM pauses WHERE job = ?1")?.execute([job.get()])?;
    }
    Ok(())
}
