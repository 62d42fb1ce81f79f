//! Putting coming runs on record and moving each job to its next due instant, in one step.

use super::Context;
use crate::{Effect, Fire, Outcome, Plan, PlannedRun, StateError};

pub(super) fn plan(context: &mut Context<'_>, plan: &Plan) -> Result<Outcome, StateError> {
    for run in &plan.runs {
        one(context, run)?;
    }
    Ok(Outcome::Done)
}

fn one(context: &mut Context<'_>, run: &PlannedRun) -> Result<(), StateError> {
    // A job changed or moved on since is planned anew, so a plan that arrives twice or late, also
    // from a leader of before, changes nothing. Due instants only ever move forward.
    let runs = run.slot.is_some() && run.execution.is_some();
    let sql = "UPDATE due SET at = ?2, held = held + ?4
        WHERE seq = ?1 AND version = ?3 AND at = ?5 AND (?2 IS NULL OR at < ?2)";
    let values = (run.job, run.next_due, run.version, i64::from(runs), run.from);
    let moved = context.db.prepare_cached(sql)?.execute(values)?;
    if moved == 0 {
        return Ok(());
    }
    let (Some(slot), Some(execution)) = (run.slot, run.execution) else {
        return Ok(());
    };
    let fire = Fire {
        execution,
        job: run.job,
        version: run.version,
        slot,
        fire_at: run.fire_at,
        attempt: 1,
        trigger: run.trigger,
        node: run.node.clone(),
        begun: false,
    };
    if context.insert(&fire, None)? {
        context.effects.push(Effect::Fire(fire));
    } else {
        context.add_held(run.job, -1)?;
    }
    Ok(())
}
