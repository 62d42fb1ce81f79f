//! Giving unfinished executions to other nodes.
//!
//! The runs of a job that does not allow overlap stand under one node, which judges what overlaps. When a command was
//! proposed, another run of the job may have been on its way into the log, to the node that the others leave here. So
//! the later ones go along.

use chronos_types::Concurrency;

use super::context::Context;
use super::{record, remainder};
use crate::command::{MAX_ALONG, Moved, Reassign};
use crate::error::StateError;
use crate::outcome::{Effect, Outcome};
use crate::run::JobSeq;
use crate::stored::raw;

/// Later runs of a job that are looked at in one go.
const LOOK_AT: usize = 16;

pub(super) fn reassign(context: &mut Context<'_>, reassign: &Reassign) -> Result<Outcome, StateError> {
    let mut left = MAX_ALONG;
    for moved in &reassign.runs {
        if let Some((job, seq)) = one(context, moved)? {
            take_along(context, moved, job, seq, &mut left)?;
        }
    }
    Ok(Outcome::Done)
}

/// Moves one, and says of which job it is and which number it has.
fn one(context: &mut Context<'_>, moved: &Moved) -> Result<Option<(JobSeq, i64)>, StateError> {
    remainder::settle_first(context, moved.execution)?;
    let Some(mut record) = record::load(context, moved.execution)? else {
        return Ok(None);
    };
    // It is over, or was moved already. So a command that arrives twice or late changes nothing.
    if record.is_finished() || record.node != moved.from {
        return Ok(None);
    }
    record.node.clone_from(&moved.to);
    if moved.unsure {
        record.may_have_begun();
    }
    record.store(context)?;
    let owed = record.owed(context)?;
    let place = (owed.run.job, record.seq);
    context.effects.push(Effect::Fire(owed));
    Ok(Some(place))
}

/// Moves the later runs of a job along with one that has moved, where they may not overlap. It looks at no more than are
/// `left`; the others are moved by a later command.
fn take_along(
    context: &mut Context<'_>,
    moved: &Moved,
    job: JobSeq,
    mut after: i64,
    left: &mut usize,
) -> Result<(), StateError> {
    // Most often there is none, and nothing else need be read.
    if context.open_of(job, after, i64::MAX, 1)?.is_empty()
        || raw::policy(context.db, job)? == Some(Concurrency::Allow)
    {
        return Ok(());
    }
    while *left > 0 {
        let page = context.open_of(job, after, i64::MAX, LOOK_AT.min(*left))?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.seq;
        *left -= page.len();
        for open in page.iter().filter(|open| open.node == moved.from) {
            one(context, &Moved { execution: open.run.execution, ..moved.clone() })?;
        }
    }
    Ok(())
}
