//! Giving unfinished executions to other nodes.

use super::context::Context;
use super::{record, remainder};
use crate::command::{Moved, Reassign};
use crate::error::StateError;
use crate::outcome::{Effect, Outcome};

pub(super) fn reassign(context: &mut Context<'_>, reassign: &Reassign) -> Result<Outcome, StateError> {
    for moved in &reassign.runs {
        one(context, moved)?;
    }
    Ok(Outcome::Done)
}

fn one(context: &mut Context<'_>, moved: &Moved) -> Result<(), StateError> {
    remainder::settle_first(context, moved.execution)?;
    let Some(mut record) = record::load(context, moved.execution)? else {
        return Ok(());
    };
    // It is over, or was moved already. So a command that arrives twice or late changes nothing.
    if record.is_finished() || record.node != moved.from {
        return Ok(());
    }
    record.node.clone_from(&moved.to);
    if moved.unsure {
        record.may_have_begun();
    }
    record.store(context)?;
    context.effects.push(Effect::Fire(record.owed(context)?));
    Ok(())
}
