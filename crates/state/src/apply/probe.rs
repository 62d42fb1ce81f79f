//! A command of version 2 that exists in tests alone: it counts how often it was applied.

use super::context::Context;
use super::counter;
use crate::error::StateError;
use crate::outcome::Outcome;

/// Its counter.
const PROBE: &str = "probe";

pub(super) fn probe(context: &Context<'_>) -> Result<Outcome, StateError> {
    let count = counter::after(counter::last(context.db, PROBE)?)?;
    counter::set(context.db, PROBE, count)?;
    Ok(Outcome::Done)
}
