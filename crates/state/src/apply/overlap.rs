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
    let mut after = 0;
    loop {
        let page = context.open_of(job, after, i64::MAX, LOOK_AT)?;
        if let Some(open) = page.iter().find(|open| is_it(open) && !is_over(open, &remainders)) {
            return Ok(Some(open.run.execution));
        }
        match page.last() {
            Some(last) => after = last.seq,
            None => return Ok(None),
        }
    }
}

/// The node that holds the newest unfinished run of a job. It may be one that is gone: whoever moves what that node
/// holds moves all runs of the job together.
pub(super) fn holder(context: &Context<'_>, job: JobSeq) -> Result<Option<NodeName>, StateError> {
    let remainders = remainder::of_job(context, job)?;
    if remainders.is_empty() {
        return newest(context, job);
    }
    // What is to end counts as ended, however far that has come.
    let (mut holder, mut after) = (None, 0);
    loop {
        let page = context.open_of(job, after, i64::MAX, LOOK_AT)?;
        let Some(last) = page.last() else { return Ok(holder) };
        after = last.seq;
        let stays = page.into_iter().rev().find(|open| !is_over(open, &remainders));
        holder = stays.map(|open| open.node).or(holder);
    }
}

fn newest(context: &Context<'_>, job: JobSeq) -> Result<Option<NodeName>, StateError> {
    let sql = concat!(
        "SELECT seq, node FROM executions INDEXED BY executions_open WHERE job = ?1 AND ",
        open!(),
        " ORDER BY seq DESC LIMIT 1"
    );
    context.statements.with(sql, |statement| {
        let mut rows = statement.query([job.get()])?;
        rows.next()?.map(|row| row::read("executions", row, |row| columns::node(row, 1))).transpose()
    })
}

/// Whether a change of its job is to end it.
fn is_over(open: &Open, remainders: &[Remainder]) -> bool {
    let about = remainders.iter().filter(|remainder| remainder.is_about(open.seq));
    about.map(|remainder| open.fate(remainder)).any(|fate| fate.is_end())
}
