//! Giving unfinished executions to other nodes.
//!
//! The runs of a job that does not allow overlap stand under one node, which judges what overlaps. When a command was
//! proposed, another run of the job may have been on its way into the log, to the node that the others leave here. So
//! the later ones go along. And where some are elsewhere already, all others go there, whatever is known of that node:
//! who gives runs away in several commands may know less of it at the first than at the last. If it is gone too, its
//! own runs are given away, all of them together.

use chronos_types::{Concurrency, NodeName};

use super::context::Context;
use super::{overlap, record, remainder};
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
        if let Some((job, seq, to)) = one(context, moved)? {
            take_along(context, &Moved { to, ..moved.clone() }, job, seq, &mut left)?;
        }
    }
    Ok(Outcome::Done)
}

/// Moves one, and says of which job it is, which number it has, and where it went.
fn one(context: &mut Context<'_>, moved: &Moved) -> Result<Option<(JobSeq, i64, NodeName)>, StateError> {
    remainder::settle_first(context, moved.execution)?;
    let Some(mut record) = record::load(context, moved.execution)? else {
        return Ok(None);
    };
    // It is over, or was moved already. So a command that arrives twice or late changes nothing.
    if record.is_finished() || record.node != moved.from {
        return Ok(None);
    }
    let job = record.job();
    let to = beside(context, job, &moved.from)?.unwrap_or_else(|| moved.to.clone());
    record.node.clone_from(&to);
    if moved.unsure {
        record.may_have_begun();
    }
    record.store(context)?;
    let owed = record.owed(context)?;
    context.effects.push(Effect::Fire(owed));
    Ok(Some((job, record.seq, to)))
}

/// Where the runs of a job are that it does not share with this node, if they are to be in one place.
fn beside(context: &Context<'_>, job: JobSeq, from: &NodeName) -> Result<Option<NodeName>, StateError> {
    let elsewhere = overlap::holder_beside(context, job, from)?;
    // Most often there is none, and nothing else need be read.
    if elsewhere.is_none() || raw::policy(context.db, job)? == Some(Concurrency::Allow) {
        return Ok(None);
    }
    Ok(elsewhere)
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
