//! Gives the unfinished executions of a node that is gone to nodes that are there.
//!
//! The leader looks whenever who is live changes. Whatever stands under the name of a node that is
//! silent, or no member any more, goes to live ones: planned runs, retries, and attempts that
//! were under way, which are made again with the same execution id and the same attempt number. For
//! those that are no members any more it also says that nobody knows of what was withdrawn from them.
//! It never decides who is live.

use std::collections::HashSet;
use std::time::Duration;

use chronos_env::Env;
use chronos_replica::{Proposer, Store, View};
use chronos_state::{Command, Fire, Moved, OpenRun, Proposal, Reader, Reassign, Report, Reported};
use chronos_types::{ExecutionId, NodeName};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Metrics;
use crate::spread::node_beside;

/// Executions moved in one command: a few milliseconds of the writer's time.
const AT_ONCE: usize = 1_000;
/// Between looks while a node is silent. A plan may name one that fell silent while the plan was
/// under way.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between looks otherwise: the same may happen to a node that was removed.
const LOOK_SELDOM: Duration = Duration::from_secs(10);
/// Between tries while the log takes nothing.
const PAUSE: Duration = Duration::from_millis(200);

/// How reassignment is set up.
pub struct Config {
    /// Who is live.
    pub view: watch::Receiver<View>,
    /// The state.
    pub store: Store,
    /// Where commands go.
    pub proposer: Proposer,
    /// The clock.
    pub env: Env,
    /// The counters.
    pub metrics: Metrics,
}

/// Starts looking after the executions of nodes that are gone.
#[must_use]
pub fn start(config: Config, stop: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = run(&config) => {}
        }
    })
}

async fn run(config: &Config) {
    let mut leadership = config.proposer.leadership();
    let mut view = config.view.clone();
    loop {
        let leads = leadership.borrow_and_update().is_leader;
        let (decides, is_anyone_silent) = {
            let view = view.borrow_and_update();
            (leads && !view.fenced && !view.live.is_empty(), !view.silent.is_empty())
        };
        let mut look_again = None;
        if decides {
            look_again = Some(match look(config).await {
                Ok(()) if is_anyone_silent => LOOK_EVERY,
                Ok(()) => LOOK_SELDOM,
                Err(error) => {
                    tracing::warn!(error, "what nodes that are gone hold cannot be reassigned; trying again");
                    PAUSE
                }
            });
        }
        tokio::select! {
            changed = leadership.changed() => if changed.is_err() { return },
            // Where nobody looks after the view any more, what it said last holds.
            Ok(()) = view.changed() => {}
            () = tokio::time::sleep(look_again.unwrap_or_default()), if look_again.is_some() => {}
        }
    }
}

/// Settles all that stands under the names of nodes that are gone. Repeatable.
async fn look(config: &Config) -> Result<(), String> {
    let Config { view, store, proposer, metrics, .. } = config;
    // A leader may be new, and what the one before it planned not applied yet.
    proposer.barrier().await.map_err(|error| error.to_string())?;
    let holding = store.read(Reader::open_nodes).await.map_err(|error| error.to_string())?;
    for (node, _) in holding {
        // Asked for each page anew: a node may come back, and another one go, meanwhile.
        let live = || {
            let view = view.borrow();
            if view.silent.contains(&node) || view.lacks(&node) { view.live.clone() } else { Vec::new() }
        };
        let moved = |page| metrics.reassigned(page);
        let count = give_away(store, proposer, (&node, true), live, &HashSet::new(), moved).await?;
        if count > 0 {
            tracing::info!(node = node.as_str(), count, "reassigned the executions of a node that is gone");
        }
    }
    speak_for_the_gone(config).await
}

/// A run that was withdrawn waits for its node to say whether it had begun. Nodes that are no members
/// any more never will, so it is put on record that nobody knows. One that is silent may come back.
async fn speak_for_the_gone(Config { view, store, proposer, env, .. }: &Config) -> Result<(), String> {
    let now = env.now();
    let withdrawn = store.read(Reader::withdrawn).await.map_err(|error| error.to_string())?;
    // Before its instant it may be planned anew.
    let is_gone = |fire: &Fire| fire.fire_at < now && view.borrow().lacks(&fire.node);
    let gone = withdrawn.into_iter().filter(is_gone).take(AT_ONCE);
    let reports = gone.map(|fire| Command::Report(Report::of(&fire, Reported::Unknown)).into());
    let reports: Vec<Proposal> = reports.collect();
    if !reports.is_empty() {
        proposer.propose_all(reports).await.map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Gives the unfinished executions of `node`, which is about to stop, to `others`, but for those to
/// `keep`, which it still has to do with. Says how many. It sees what this node has applied, and a
/// plan may still come: so it is called again when the node's attempts are over.
///
/// # Errors
/// There is no leader, or the storage failed. What was not handed over stays open under the name of
/// the node.
pub async fn hand_over(
    store: &Store,
    proposer: &Proposer,
    node: &NodeName,
    others: &[NodeName],
    keep: &HashSet<ExecutionId>,
) -> Result<usize, String> {
    give_away(store, proposer, (node, false), || others.to_vec(), keep, |_| {}).await
}

/// Moves the executions of a node page by page, as long as there is somebody to take them. With the node
/// comes whether it may have begun some of them that nobody knows of.
async fn give_away(
    store: &Store,
    proposer: &Proposer,
    (from, unsure): (&NodeName, bool),
    live: impl Fn() -> Vec<NodeName>,
    keep: &HashSet<ExecutionId>,
    moved: impl Fn(usize),
) -> Result<usize, String> {
    let (mut count, mut after) = (0, None::<OpenRun>);
    loop {
        let live = live();
        if live.is_empty() {
            return Ok(count);
        }
        let node = from.clone();
        let read = move |reader: &Reader| {
            let page = reader.open_of(&node, after.as_ref(), AT_ONCE)?;
            let holders = reader.holders(&page.iter().map(|run| run.job_seq).collect::<Vec<_>>())?;
            Ok((page, holders))
        };
        let (page, holders) = store.read(read).await.map_err(|error| error.to_string())?;
        let Some(last) = page.last() else { return Ok(count) };
        after = Some(last.clone());
        let runs: Vec<Moved> = page
            .iter()
            .filter(|run| !keep.contains(&run.execution))
            .filter_map(|run| {
                let holder = holders.get(&run.job_seq);
                let to = node_beside(run.job, holder, &live)?;
                Some(Moved { execution: run.execution, from: from.clone(), to: to.clone(), unsure })
            })
            .collect();
        if runs.is_empty() {
            continue;
        }
        let page = runs.len();
        let command = Command::Reassign(Reassign { runs });
        proposer.propose(command.into()).await.map_err(|error| error.to_string())?;
        moved(page);
        count += page;
    }
}
