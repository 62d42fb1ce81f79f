//! A command of the next version that exists in tests alone: it counts how often it was applied.

use super::context::Context;
use super::counter::Counter;
use crate::error::StateError;
use crate::outcome::Outcome;

pub(super) fn probe(context: &Context<'_>) -> Result<Outcome, StateError> {
    let mut counter = Counter::new("probe");
    counter.give(counter.next(context.db)?);
    counter.close(context.db)?;
    Ok(Outcome::Done)
}
