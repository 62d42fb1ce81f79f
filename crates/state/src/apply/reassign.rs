//! Giving unfinished executions to other nodes.

use super::{Context, report};
use crate::{Effect, Moved, Outcome, Reassign, StateError};

pub(super) fn reassign(context: &mut Context<'_>, reassign: &Reassign) -> Result<Outcome, StateError> {
    for moved in &reassign.runs {
        one(context, moved)?;
    }
    Ok(Outcome::Done)
}

fn one(context: &mut Context<'_>, moved: &Moved) -> Result<(), StateError> {
    let Some(mut row) = report::load(context, moved.execution)? else {
        return Ok(());
    };
    // Over, or moved already: a command that arrives twice or late changes nothing.
    if row.is_finished() || row.node != moved.from {
        return Ok(());
    }
    row.node.clone_from(&moved.to);
    if moved.unsure {
        row.may_have_begun();
        row.store(context)?;
    } else {
        let sql = "UPDATE executions SET node = ?2 WHERE seq = ?1";
        context.db.prepare_cached(sql)?.execute((row.seq, row.node.as_str()))?;
    }
    context.effects.push(Effect::Fire(row.owed()));
    Ok(())
}
