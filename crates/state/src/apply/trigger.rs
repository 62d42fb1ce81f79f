//! Runs that no schedule asked for: manual ones, and replays of earlier executions.

use chronos_types::{Concurrency, Trigger};
use rusqlite::Row;

use super::context::{Context, Open};
use super::insert::insert;
use crate::command::TriggerRun;
use crate::error::StateError;
use crate::outcome::{Effect, Outcome, Refusal};
use crate::run::{Fire, RunRef};
use crate::stored::{row, spec};

pub(super) fn trigger(context: &mut Context<'_>, run: &TriggerRun) -> Result<Outcome, StateError> {
    let Some(job) = context.job(run.job)? else {
        return Context::refuse(Refusal::NoSuchJob);
    };
    let (version, trigger) = match run.replay_of {
        None => (job.version, Trigger::Manual),
        Some(original) => {
            let sql = "SELECT seq, version FROM executions WHERE id = ?1 AND job = ?2";
            let mut statement = context.db.prepare_cached(sql)?;
            let mut rows = statement.query((original.as_bytes(), job.seq.get()))?;
            let read = |row: &Row<'_>| Ok(row.get(1)?);
            let version = rows.next()?.map(|row| row::read("executions", row, read)).transpose()?;
            let Some(version) = version else {
                return Context::refuse(Refusal::NoSuchExecution);
            };
            (version, Trigger::Replay)
        }
    };
    // The policy of the job as it stands now counts, also for a replay of an old version.
    if spec::from_json(&job.spec)?.concurrency == Concurrency::Forbid {
        // A trigger may arrive twice, and its own execution must not be in its way.
        let in_the_way =
            |open: &Open| open.run.scheduled_time <= context.at && open.run.execution != run.execution;
        let due = context.open_of(job.seq)?.into_iter().find(in_the_way);
        if let Some(open) = due {
            return Context::refuse(Refusal::Overlap { unfinished: open.run.execution });
        }
    }
    let identity =
        RunRef { execution: run.execution, job: job.seq, version, scheduled_time: context.at, trigger };
    let fire = Fire::first(identity, context.at, run.node.clone());
    if insert(context, &fire, run.replay_of)? {
        context.add_held(job.seq, 1)?;
        context.effects.push(Effect::Fire(fire));
    }
    Ok(Outcome::Execution { id: run.execution, job: run.job })
}
