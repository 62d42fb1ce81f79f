//! Notes which rows are to be compared, for the end of the batch.

use super::context::Context;
use crate::command::Compare;
use crate::outcome::Outcome;

/// Notes the rows. Of several commands in one batch the last counts, so that no batch takes
/// longer than one.
pub(super) fn note(context: &mut Context<'_>, compare: &Compare) -> Outcome {
    context.compare = Some(compare.clone());
    Outcome::Done
}
