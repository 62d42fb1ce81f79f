//! Gives the unfinished executions of one node to others, page by page.

use chronos_state::{Command, Moved, OpenRun, Reader, Reassign};
use chronos_types::{ExecutionId, NodeName};

use crate::error::LoopError;
use crate::services::Services;
use crate::spread::node_beside;

/// Executions moved in one command: a few milliseconds of the writer's time.
pub(crate) const AT_ONCE: usize = Reassign::AT_ONCE;

/// Gives the unfinished executions of this node, which is about to stop, to `others`, but for those that are to
/// stay (`keep`), which it still has to do with. Those that it may have begun without a record (`unsure`) are
/// marked as such: if their job changes before their instant, a record of them stays. Answers how many. It sees
/// what this node has applied, and a plan may still come: so it is called again when the node's attempts are over.
///
/// # Errors
/// There is no leader, or the storage failed. What was not handed over stays open under the name of this node.
pub async fn hand_over(
    services: &Services,
    others: &[NodeName],
    keep: impl Fn(&OpenRun) -> bool,
    unsure: impl Fn(&ExecutionId) -> bool,
) -> Result<usize, LoopError> {
    give_away(services, &services.node, || (others.to_vec(), Vec::new()), keep, unsure, |_| {}).await
}

/// Moves the executions of a node for as long as `takers` names somebody to take them, as [`hand_over`] does. Behind
/// those that get runs it names those that only keep what they have. `moved` is told the count of each page.
pub(crate) async fn give_away(
    services: &Services,
    from: &NodeName,
    takers: impl Fn() -> (Vec<NodeName>, Vec<NodeName>),
    keep: impl Fn(&OpenRun) -> bool,
    unsure: impl Fn(&ExecutionId) -> bool,
    moved: impl Fn(usize),
) -> Result<usize, LoopError> {
    let Services { store, proposer, .. } = services;
    let (mut count, mut after) = (0, None::<OpenRun>);
    loop {
        let (live, stay) = takers();
        if live.is_empty() {
            return Ok(count);
        }
        let node = from.clone();
        let read = move |reader: &Reader| {
            let page = reader.open_of(&node, after.as_ref(), AT_ONCE)?;
            // Where some of a job's runs are elsewhere already, the others go there.
            let jobs: Vec<_> = page.iter().map(|run| run.job_seq).collect();
            let holders = reader.holders(&jobs, Some(&node))?;
            Ok((page, holders))
        };
        let (page, holders) = store.read(read).await?;
        let Some(last) = page.last() else { return Ok(count) };
        after = Some(last.clone());
        let runs: Vec<Moved> = page
            .iter()
            .filter(|run| !keep(run))
            .filter_map(|run| {
                let holder = holders.get(&run.job_seq);
                let to = node_beside(run.job, holder, &live, &stay)?;
                let unsure = unsure(&run.execution);
                Some(Moved { execution: run.execution, from: from.clone(), to: to.clone(), unsure })
            })
            .collect();
        if runs.is_empty() {
            continue;
        }
        let page = runs.len();
        proposer.propose(Command::Reassign(Reassign { runs }).into()).await?;
        moved(page);
        count += page;
    }
}
