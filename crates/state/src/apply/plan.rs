//! Putting coming runs on record and moving each job to its next due instant, in one step.

use super::context::Context;
use super::insert::{Origin, insert};
use super::{missed, overlap, skips};
use crate::command::{Plan, PlanStep};
use crate::error::StateError;
use crate::outcome::{Effect, Outcome};
use crate::stored::row;

pub(super) fn plan(context: &mut Context<'_>, plan: &Plan) -> Result<Outcome, StateError> {
    for step in &plan.steps {
        one(context, step)?;
    }
    Ok(Outcome::Done)
}

fn one(context: &mut Context<'_>, step: &PlanStep) -> Result<(), StateError> {
    // If the job has changed or moved on since, it is planned anew. So a plan that arrives twice or late,
    // even from an earlier leader, changes nothing. Due instants only ever move forward.
    let sql = "UPDATE due SET at = ?2, sum = ?4, held = held + ?5
        WHERE seq = ?1 AND version = ?3 AND at = ?6 AND (?2 IS NULL OR at < ?2)";
    let records = i64::try_from(step.puts_on_record()).unwrap_or_default();
    let moved = row::write_often(
        &context.statements,
        sql,
        row::cells![step.job.get(), step.next_due, step.version],
        0..0,
        row::cells![records, step.from],
    )?;
    if moved == 0 {
        return Ok(());
    }
    if let Some(passed_over) = &step.missed
        && !missed::record(context, step, passed_over)?
    {
        context.add_held(step.job, -1)?;
    }
    let Some(mut fire) = step.fire() else {
        return Ok(());
    };
    // A run that was asked for meanwhile may be under way elsewhere.
    if step.run.as_ref().is_some_and(|run| run.beside)
        && let Some(holder) = overlap::holder(context, step.job)?
    {
        fire.node = holder;
    }
    let skipping = skips::takes(context, &fire.run)?;
    if insert(context, &fire, &Origin::default())? {
        match skipping {
            Some(skipping) => skipping.record(context, &fire.run)?,
            None => context.effects.push(Effect::Fire(fire)),
        }
    } else {
        context.add_held(step.job, -1)?;
    }
    Ok(())
}
