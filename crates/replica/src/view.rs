//! The cluster as this node sees it.

use std::sync::Arc;
use std::time::Duration;

use chronos_types::NodeName;
use openraft::async_runtime::WatchReceiver as _;
use tokio::sync::watch;
use tokio::time::Instant;

use super::contact::{Contact, Hearing, last_acked};
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
    pub live: Vec<NodeName>,
    /// The names of the members that have not, sorted. Only a leader knows.
    pub silent: Vec<NodeName>,
    /// The names of the members that are heard of and about to stop, sorted: no new work is for them,
    /// and what they hold is theirs to end or to hand over. Only a leader knows.
    pub leaving: Vec<NodeName>,
    /// It is not proven that a leader heard of this node within `reassign_after`, or, where it leads, that a majority
    /// did: others may be firing what is planned for it, so it must start no attempt.
    pub fenced: bool,
}

impl View {
    /// Whether a node is no member, as a leader knows; one that leads no more knows of nobody.
    #[must_use]
    pub fn lacks(&self, node: &NodeName) -> bool {
        let knows = !self.live.is_empty() && !self.fenced;
        let members = [&self.live, &self.silent, &self.leaving].into_iter().flatten();
        knows && !members.into_iter().any(|member| member == node)
    }
}

/// Looks at the cluster again and again.
pub(super) struct Lookout {
    pub raft: Openraft,
    pub id: u64,
    pub name: NodeName,
    pub contact: Arc<Contact>,
    pub lease: Arc<Contact>,
    pub hearing: Arc<Hearing>,
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

    fn judge(&mut self, now: &openraft::RaftMetrics<Types>) -> (View, bool) {
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
                let heard = self.hearing.last(*id).map_or(since, |last| last.max(since));
                let is_live = *id == self.id || heard.elapsed() < self.reassign_after + MARGIN;
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
        view.fenced = !alone && !self.lease.within(self.reassign_after);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_leads_knows_who_is_no_member() {
        let names = |names: &[&str]| names.iter().map(|name| NodeName::unchecked(name)).collect();
        let (live, silent, leaving) = (names(&["one"]), names(&["two"]), names(&["three"]));
        let leads = View { live, silent, leaving, fenced: false };
        let lacks =
            |view: &View| ["one", "two", "three", "four"].map(|name| view.lacks(&NodeName::unchecked(name)));
        assert_eq!(lacks(&leads), [false, false, false, true]);
        assert_eq!(lacks(&View { fenced: true, ..leads }), [false; 4]);
        assert_eq!(lacks(&View::default()), [false; 4]);
    }
}
