//! A command of version 2 that exists in tests alone: it counts how often it was applied.

use super::context::Context;
use crate::error::StateError;
use crate::outcome::Outcome;

pub(super) fn probe(context: &Context<'_>) -> Result<Outcome, StateError> {
    let sql = "UPDATE counters SET last = last + 1 WHERE name = 'probe'";
    context.db.prepare_cached(sql)?.execute([])?;
    Ok(Outcome::Done)
}
