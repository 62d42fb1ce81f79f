//! Gives the unfinished executions of nodes that are gone to nodes that are there.
//!
//! The leader looks whenever the live nodes change. What stands under the name of a node that is silent, or is
//! no member any more, goes to live ones: planned runs, retries, and attempts that were under way, which are
//! made again with the same execution id and the same attempt number. For nodes that are no members any more
//! the leader also puts on record that nobody knows whether the runs withdrawn from them had begun. It never
//! decides which nodes are live.

use std::time::Duration;

use chronos_state::{Command, Fire, Proposal, Reader, Report, Reported};

use crate::error::LoopError;
use crate::hand_over::{AT_ONCE, give_away};
use crate::services::Services;
use crate::tick::Tick;

/// Between looks while a node is silent. A plan may name one that fell silent while the plan was
/// under way.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between looks otherwise: the same may happen to a node that was removed.
const LOOK_SELDOM: Duration = Duration::from_secs(10);
/// Between tries while the log takes nothing.
const PAUSE: Duration = Duration::from_millis(200);

/// The loop that looks after the executions of nodes that are gone.
#[derive(Debug)]
pub struct Reassignment {
    services: Services,
}

impl Reassignment {
    /// The loop, with what it works with.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self { services }
    }

    /// Looks after them for as long as the node runs.
    pub async fn run(self) {
        let mut leadership = self.services.proposer.leadership();
        let mut view = self.services.view.clone();
        loop {
            let leads = leadership.borrow_and_update().is_leader;
            let (decides, is_anyone_silent) = {
                let view = view.borrow_and_update();
                (leads && !view.fenced && !view.live.is_empty(), !view.silent.is_empty())
            };
            let mut look_again = None;
            if decides {
                look_again = match self.tick().await {
                    Ok(Tick::More) => continue,
                    Ok(Tick::Idle(())) if is_anyone_silent => Some(LOOK_EVERY),
                    Ok(Tick::Idle(())) => Some(LOOK_SELDOM),
                    Err(error) => {
                        tracing::warn!(
                            %error,
                            "what nodes that are gone hold cannot be reassigned; trying again"
                        );
                        Some(PAUSE)
                    }
                };
            }
            tokio::select! {
                changed = leadership.changed() => if changed.is_err() { return },
                // Where nobody looks after the view any more, what it said last holds.
                Ok(()) = view.changed() => {}
                () = tokio::time::sleep(look_again.unwrap_or_default()), if look_again.is_some() => {}
            }
        }
    }

    /// Settles all that stands under the names of nodes that are gone.
    async fn tick(&self) -> Result<Tick, LoopError> {
        let Services { store, proposer, view, metrics, .. } = &self.services;
        // A leader may be new, and what the one before it planned not applied yet.
        proposer.barrier().await?;
        let holding = store.read(Reader::open_nodes).await?;
        for (node, _) in holding {
            // Asked for each page anew: a node may come back, and another one go, meanwhile.
            let takers = || {
                let view = view.borrow();
                if !view.silent.contains(&node) && !view.lacks(&node) {
                    return (Vec::new(), Vec::new());
                }
                (view.live.clone(), view.passed_over.iter().map(|(name, _)| name.clone()).collect())
            };
            let moved = |page| metrics.reassigned(page);
            let count = give_away(&self.services, &node, takers, |_| false, |_| true, moved).await?;
            if count > 0 {
                tracing::info!(
                    node = node.as_str(),
                    count,
                    "reassigned the executions of a node that is gone"
                );
            }
        }
        self.report_for_the_gone().await
    }

    /// A run that was withdrawn waits for its node to say whether it had begun. A node that is no member any
    /// more never will, so it is put on record that nobody knows. A silent node may come back.
    async fn report_for_the_gone(&self) -> Result<Tick, LoopError> {
        let Services { store, proposer, view, .. } = &self.services;
        let now = proposer.time();
        let mut names = store.read(Reader::withdrawn_nodes).await?;
        names.retain(|name| view.borrow().lacks(name));
        let find = move |reader: &Reader| {
            let withdrawn = names.iter().map(|name| reader.withdrawn(name));
            Ok(withdrawn.collect::<Result<Vec<_>, _>>()?.concat())
        };
        // Before its instant it may be planned anew. An instant that no right clock would plan by now is not waited for.
        let is_over = |fire: &Fire| fire.run.scheduled_time < now || fire.run.is_beyond_plans(now);
        let gone = store.read(find).await?.into_iter().filter(is_over).take(AT_ONCE);
        let reports = gone.map(|fire| Command::Report(Report::of(&fire, Reported::Unknown)).into());
        let reports: Vec<Proposal> = reports.collect();
        if !reports.is_empty() {
            proposer.propose_all(reports).await?;
        }
        Ok(Tick::Idle(()))
    }
}
