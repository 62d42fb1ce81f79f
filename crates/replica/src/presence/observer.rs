//! Looks at the cluster and keeps the [`View`] of it up to date.

use std::sync::Arc;
use std::time::Duration;

use chronos_types::NodeName;
use openraft::async_runtime::WatchReceiver as _;
use tokio::sync::watch;
use tokio::time::Instant;

use super::contact::LastContact;
use super::followers::{Followers, last_acked};
use super::leaving::Leaving;
use super::view::View;
use crate::log::upkeep::raft_ended;
use crate::raft::{Figures, Raft};

/// Between looks. The view changes as time passes, without any message.
const TICK: Duration = Duration::from_millis(250);
/// A member is called silent this much later than it fences itself: a look may take so long, and so may
/// an answer of the member on its way.
const MARGIN: Duration = Duration::from_millis(500);

/// Looks at the cluster again and again.
pub(crate) struct Observer {
    raft: Raft,
    id: u64,
    name: NodeName,
    followers: Arc<Followers>,
    contact: Arc<LastContact>,
    lease: Arc<LastContact>,
    leaving: Arc<Leaving>,
    times: Times,
    view: watch::Sender<View>,
    cut_off: watch::Sender<bool>,
    /// The term in which this node leads, and since when.
    elected: Option<(u64, Instant)>,
}

/// What the [`Observer`] sees, and by what it judges.
pub(crate) struct Observed {
    pub view: watch::Receiver<View>,
    /// Whether no leader, or as a leader no majority, was heard from lately.
    pub cut_off: watch::Receiver<bool>,
    /// When this node last heard from a leader, or as a leader from a majority.
    pub contact: Arc<LastContact>,
    /// The last instant at which it is proven that a leader heard from this node.
    pub lease: Arc<LastContact>,
    /// The members that said they are about to stop.
    pub leaving: Arc<Leaving>,
}

/// How long silence may last.
pub(crate) struct Times {
    /// A member that is not heard from for this long is silent.
    pub reassign_after: Duration,
    /// After this time without a word from a leader, or from a majority, this node is cut off.
    pub stale_after: Duration,
}

impl Observer {
    /// Until it has looked, this node counts as fenced and cut off. `id` and `name` are this node's.
    pub(crate) fn new(
        raft: Raft,
        id: u64,
        name: NodeName,
        followers: Arc<Followers>,
        times: Times,
    ) -> (Self, Observed) {
        let (contact, lease) = (Arc::<LastContact>::default(), Arc::<LastContact>::default());
        let leaving = Arc::<Leaving>::default();
        let (view_sender, view) = watch::channel(View { fenced: true, ..View::default() });
        let (cut_off_sender, cut_off) = watch::channel(true);
        let observer = Self {
            raft,
            id,
            name,
            followers,
            contact: contact.clone(),
            lease: lease.clone(),
            leaving: leaving.clone(),
            times,
            view: view_sender,
            cut_off: cut_off_sender,
            elected: None,
        };
        (observer, Observed { view, cut_off, contact, lease, leaving })
    }

    /// Goes on for as long as the node runs. A loop: it does not end.
    pub(crate) async fn run(mut self) {
        let mut changes = self.raft.server_metrics();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                changed = changes.changed() => if changed.is_err() { return raft_ended().await },
            }
            changes.borrow_watched();
            self.look();
        }
    }

    /// Looks once.
    pub(crate) fn look(&mut self) {
        let now = self.raft.metrics().borrow_watched().clone();
        let (view, cut_off) = self.judge(&now);
        self.tell(&view);
        set(&self.cut_off, cut_off);
        set(&self.view, view);
    }

    /// Says for people what has changed.
    fn tell(&self, new: &View) {
        let known = self.view.borrow();
        for node in new.silent.iter().filter(|node| !known.silent.contains(node)) {
            tracing::warn!(
                node = node.as_str(),
                "a node is not heard of; others take over what it was to fire"
            );
        }
        for node in new.live.iter().filter(|node| known.silent.contains(node)) {
            tracing::info!(node = node.as_str(), "a node is heard of again");
        }
        if new.fenced && !known.fenced {
            tracing::warn!("cut off from the cluster: no attempts are started");
        }
    }

    fn judge(&mut self, now: &Figures) -> (View, bool) {
        let alone = now.membership_config.voter_ids().eq([self.id]);
        let mut view = View::default();
        if now.state.is_leader() {
            let since = match self.elected {
                Some((term, since)) if term == now.current_term => since,
                // A majority has just voted for this node.
                _ => self.elected.insert((now.current_term, Instant::now())).1,
            };
            for instant in [Some(since), last_acked(now)].into_iter().flatten() {
                self.contact.at(instant);
                self.lease.at(instant);
            }
            for (id, member) in now.membership_config.nodes() {
                let heard = self.followers.last(*id).map_or(since, |last| last.max(since));
                let is_live = *id == self.id || heard.elapsed() < self.times.reassign_after + MARGIN;
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
        view.fenced = !alone && !self.lease.within(self.times.reassign_after);
        (view, !alone && !self.contact.within(self.times.stale_after))
    }
}

fn set<T: PartialEq>(to: &watch::Sender<T>, new: T) {
    to.send_if_modified(|known| {
        let changed = *known != new;
        *known = new;
        changed
    });
}
