//! The cluster as this node sees it.

use std::sync::Arc;
use std::time::Duration;

use openraft::Instant as _;
use openraft::async_runtime::WatchReceiver as _;
use tokio::sync::watch;
use tokio::time::Instant;

use super::contact::Contact;
use super::leaving::Leaving;
use super::types::Types;
use super::upkeep::Openraft;

/// Between looks. What is seen changes by itself, as time passes.
const TICK: Duration = Duration::from_millis(250);
/// A member is called silent so much later than it fences itself: what a look, and a sign of life on
/// its way, may take.
const MARGIN: Duration = Duration::from_millis(500);

/// Who is there to fire webhooks. It changes rarely: when a node comes, goes, or is not heard of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The names of the members that have been heard of within `reassign_after`, sorted, learners
    /// too, and are to go on. Only a leader knows, and counts itself; elsewhere it is empty.
    pub live: Vec<String>,
    /// The names of the members that have not, sorted. Only a leader knows.
    pub silent: Vec<String>,
    /// The names of the members that are heard of and about to stop, sorted: no new work is for them,
    /// and what they hold is theirs to end or to hand over. Only a leader knows.
    pub leaving: Vec<String>,
    /// This node has not heard of a leader for `reassign_after`, or leads and has not heard of a
    /// majority: others may be firing what is planned for it, so it must start no attempt.
    pub fenced: bool,
}

/// Looks at the cluster again and again.
pub(super) struct Lookout {
    pub raft: Openraft,
    pub id: u64,
    pub name: String,
    pub contact: Arc<Contact>,
    pub leaving: Arc<Leaving>,
    pub reassign_after: Duration,
    /// A leader, or a majority, that was not heard of for so long cannot be counted on.
    pub stale_after: Duration,
    pub view: watch::Sender<View>,
    /// Whether that is so.
    pub cut_off: watch::Sender<bool>,
    /// The term in which this node leads, and since when.
    pub elected: Option<(u64, Instant)>,
}

impl Lookout {
    /// Goes on until openraft ends.
    pub(super) async fn run(mut self) {
        let mut changes = self.raft.server_metrics();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                changed = changes.changed() => if changed.is_err() { return },
            }
            changes.borrow_watched();
            self.look();
        }
    }

    /// Looks once.
    pub(super) fn look(&mut self) {
        let now = self.raft.metrics().borrow_watched().clone();
        let (view, cut_off) = self.judge(&now);
        set(&self.cut_off, cut_off);
        set(&self.view, view);
    }

    fn judge(&mut self, now: &openraft::RaftMetrics<Types>) -> (View, bool) {
        let alone = now.membership_config.voter_ids().eq([self.id]);
        let mut view = View::default();
        if now.state.is_leader() {
            let since = match self.elected {
                Some((term, since)) if term == now.current_term => since,
                // A majority has just voted for this node.
                _ => self.elected.insert((now.current_term, Instant::now())).1,
            };
            self.contact.at(since);
            if let Some(acked) = now.last_quorum_acked {
                self.contact.ago(acked.elapsed());
            }
            for (id, member) in now.membership_config.nodes() {
                let heard = now.heartbeat.as_ref().and_then(|heard| *heard.get(id)?);
                let silent = heard.map_or(Duration::MAX, |at| at.elapsed()).min(since.elapsed());
                let is_live = *id == self.id || silent < self.reassign_after + MARGIN;
                let names = match is_live {
                    false => &mut view.silent,
                    true if self.leaving.contains(*id) => &mut view.leaving,
                    true => &mut view.live,
                };
                names.push(member.name.clone());
            }
            view.live.sort_unstable();
            view.silent.sort_unstable();
            view.leaving.sort_unstable();
        } else {
            self.elected = None;
            if alone {
                view.live.push(self.name.clone());
            }
        }
        view.fenced = !alone && !self.contact.within(self.reassign_after);
        (view, !alone && !self.contact.within(self.stale_after))
    }
}

fn set<T: PartialEq>(to: &watch::Sender<T>, new: T) {
    to.send_if_modified(|known| {
        let changed = *known != new;
        *known = new;
        changed
    });
}
