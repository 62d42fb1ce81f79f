//! [`look`]: what is to be planned next. It reads, and changes nothing.

use chronos_state::{DueJob, DuePlace, JobSeq, Reader, StateError};
use chronos_types::Millis;

use super::held::Held;
use super::missed::{CatchUp, Missed};
use super::portion::Portion;
use super::rules::{HORIZON_MS, Rules, TOGETHER_MS};
use super::targets::Targets;

/// Jobs looked at in one go; more follow at once. A look waits for its plan to be applied, some tens
/// of milliseconds under load, so it must be worth it; and a plan must not hold up the writer.
const JOBS_AT_ONCE: usize = 4_000;
/// The same of those that are late: as many as have room in a small portion.
const LATE_AT_ONCE: usize = 500;
/// Runs of one job in one plan; more follow at once.
const RUNS_PER_JOB: usize = 100;

/// What a look came to.
pub(super) enum Look {
    /// These steps are next. There may be none of them, and more to look at.
    Steps(Portion),
    /// There is nothing to plan before this instant.
    Idle(Option<Millis>),
}

/// Makes the next steps: of jobs that are on time before those that are late, and of these before those that
/// missed instants. So a job that is on time waits for one small portion at most, whatever others have missed.
pub(super) fn look(
    reader: &Reader,
    rules: &Rules,
    targets: &Targets,
    catch_up: &mut CatchUp,
    held: &Held,
) -> Result<Look, StateError> {
    let until = rules.now + HORIZON_MS;
    let late_until = rules.late_until();
    if reader.first_due_after(late_until)?.is_some_and(|first| first <= until) {
        let due = reader.due(behind(late_until), until + TOGETHER_MS, JOBS_AT_ONCE)?;
        let portion = plan(reader, rules, targets, &due, Portion::large())?;
        if !portion.is_empty() {
            return Ok(Look::Steps(portion));
        }
    }
    let missed_until = rules.missed_until();
    let first = reader.first_due()?;
    if first.is_some_and(|first| first <= late_until) {
        let due = reader.due(behind(missed_until), late_until, LATE_AT_ONCE)?;
        let portion = plan(reader, rules, targets, &due, Portion::small())?;
        if !portion.is_empty() {
            return Ok(Look::Steps(portion));
        }
    }
    if first.is_none_or(|first| first > missed_until) {
        catch_up.over(held);
    } else if let Missed::More(portion) = catch_up.look(reader, rules, targets, held)? {
        return Ok(Look::Steps(portion));
    }
    Ok(Look::Idle(reader.first_due_after(until)?))
}

/// Makes the steps of jobs, as far as there is room.
fn plan(
    reader: &Reader,
    rules: &Rules,
    targets: &Targets,
    due: &[DueJob],
    mut portion: Portion,
) -> Result<Portion, StateError> {
    let holders = targets.holders(reader, due)?;
    for job in due {
        if portion.is_full() {
            break;
        }
        rules.plan(job, targets.of_job(job, &holders), RUNS_PER_JOB, &mut portion);
    }
    Ok(portion)
}

/// Behind all jobs that fall due at an instant.
fn behind(at: Millis) -> DuePlace {
    (at, JobSeq::new(i64::MAX))
}
