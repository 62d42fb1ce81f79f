//! What a new run of a job meets: the unfinished runs of the job.
//!
//! The node that fires a run judges what the run overlaps with, and it knows only what it holds itself. So the unfinished
//! runs of a job that does not allow overlap are to stand under one node. Which one that is can only be told here: when
//! a command was proposed, another run may have been on its way into the log.

use chronos_types::{ExecutionId, NodeName};

use super::context::{Context, Open};
use super::remainder;
use crate::error::StateError;
use crate::remainder::Remainder;
use crate::run::JobSeq;
use crate::stored::code::open;
use crate::stored::{columns, row};

/// Unfinished runs that are looked at in one go.
const LOOK_AT: usize = 16;

/// The first unfinished run of a job that is not merely planned for an instant to come. A command may arrive twice, and
/// its own run is not in its way.
pub(super) fn in_the_way(
    context: &Context<'_>,
    job: JobSeq,
    own: ExecutionId,
) -> Result<Option<ExecutionId>, StateError> {
    let remainders = remainder::of_job(context, job)?;
    let is_it = |open: &Open| !open.is_to_come(context.at) && open.run.execution != own;
    Ok(first(context, job, &remainders, is_it)?.map(|open| open.run.execution))
}

/// The node that holds the first unfinished run of a job. It may be one that is gone: whoever moves what that node
/// holds moves all runs of the job together.
pub(super) fn holder(context: &Context<'_>, job: JobSeq) -> Result<Option<NodeName>, StateError> {
    let remainders = remainder::of_job(context, job)?;
    if !remainders.is_empty() {
        return Ok(first(context, job, &remainders, |_| true)?.map(|open| open.node));
    }
    // The same, as a plan asks it of each of its runs.
    let sql = concat!(
        "SELECT seq, node FROM executions INDEXED BY executions_open WHERE job = ?1 AND ",
        open!(),
        " ORDER BY seq LIMIT 1"
    );
    context.statements.with(sql, |statement| {
        let mut rows = statement.query([job.get()])?;
        rows.next()?.map(|row| row::read("executions", row, |row| columns::node(row, 1))).transpose()
    })
}

/// The node that holds the first unfinished run of a job of those that this one does not hold.
pub(super) fn holder_beside(
    context: &Context<'_>,
    job: JobSeq,
    node: &NodeName,
) -> Result<Option<NodeName>, StateError> {
    let remainders = remainder::of_job(context, job)?;
    Ok(first(context, job, &remainders, |open| open.node != *node)?.map(|open| open.node))
}

/// The first unfinished run of a job that is one of those looked for. What a change is to end counts as ended, however
/// far that has come.
fn first(
    context: &Context<'_>,
    job: JobSeq,
    remainders: &[Remainder],
    is_it: impl Fn(&Open) -> bool,
) -> Result<Option<Open>, StateError> {
    let mut after = 0;
    loop {
        let page = context.open_of(job, after, i64::MAX, LOOK_AT)?;
        let Some(last) = page.last() else { return Ok(None) };
        after = last.seq;
        if let Some(found) = page.into_iter().find(|open| is_it(open) && !is_over(open, remainders)) {
            return Ok(Some(found));
        }
    }
}

/// Whether a change of its job is to end it.
fn is_over(open: &Open, remainders: &[Remainder]) -> bool {
    let about = remainders.iter().filter(|remainder| remainder.is_about(open.seq));
    about.map(|remainder| open.fate(remainder)).any(|fate| fate.is_end())
}
