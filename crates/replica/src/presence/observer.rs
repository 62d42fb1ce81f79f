//! Looks at the cluster and keeps the [`View`] of it up to date.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chronos_types::NodeName;
use openraft::async_runtime::WatchReceiver as _;
use tokio::sync::watch;
use tokio::time::Instant;

use super::contact::LastContact;
use super::followers::last_acked;
use super::judge::{HandOver, Judgement, Verdict, is_clock_off};
use super::lease::Lease;
use super::problems;
use super::survey::Survey;
use super::view::{PassedOver, View};
use crate::log::upkeep::raft_ended;
use crate::metrics::Metrics;
use crate::raft::{Figures, Raft, look_at};

/// Between looks. The view changes as time passes, without any message.
const TICK: Duration = Duration::from_millis(250);

/// Looks at the cluster again and again.
pub(crate) struct Observer {
    raft: Raft,
    id: u64,
    name: NodeName,
    survey: Arc<Survey>,
    contact: Arc<LastContact>,
    lease: Lease,
    metrics: Metrics,
    view: watch::Sender<View>,
    cut_off: watch::Sender<bool>,
}

/// What the [`Observer`] sees, and by what it judges.
pub(crate) struct Observed {
    pub view: watch::Receiver<View>,
    /// Whether no leader, or as a leader no majority, was heard from lately.
    pub cut_off: watch::Receiver<bool>,
    /// When this node last heard from a leader, or as a leader from a majority.
    pub contact: Arc<LastContact>,
    /// What this node's firing goes by.
    pub lease: Lease,
    pub survey: Arc<Survey>,
}

impl Observer {
    /// Until it has looked, this node counts as fenced and cut off. `id` and `name` are this node's.
    pub(crate) fn new(
        raft: Raft,
        id: u64,
        name: NodeName,
        survey: Survey,
        lease: Lease,
        metrics: Metrics,
    ) -> (Self, Observed) {
        let contact = Arc::<LastContact>::default();
        let survey = Arc::new(survey);
        let (view_sender, view) = watch::channel(View { fenced: true, ..View::default() });
        let (cut_off_sender, cut_off) = watch::channel(true);
        let observer = Self {
            raft,
            id,
            name,
            survey: survey.clone(),
            contact: contact.clone(),
            lease: lease.clone(),
            metrics,
            view: view_sender,
            cut_off: cut_off_sender,
        };
        (observer, Observed { view, cut_off, contact, lease, survey })
    }

    /// Goes on for as long as the node runs. A loop: it does not end.
    pub(crate) async fn run(self) {
        let mut changes = self.raft.server_metrics();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = self.survey.followers.news() => {}
                changed = changes.changed() => if changed.is_err() { return raft_ended().await },
            }
            self.look();
        }
    }

    /// Looks once.
    pub(crate) fn look(&self) {
        let now = look_at(&self.raft.metrics(), Figures::clone);
        self.lease.mark();
        // First: one that differs is not to take the lease up for a moment.
        self.lease.set_differs(self.survey.itself.differs());
        // One that was started anew since it was asked to leave knows of its removal by its log alone.
        let config = &now.membership_config;
        let is_member = config.nodes().any(|(id, _)| *id == self.id);
        let is_removed = is_left_out(config.get_joint_config(), is_member, self.id);
        self.lease.set_removed(is_removed);
        let taken = self.survey.take(&now);
        let judgement = taken.as_ref().map(|(judgement, _)| judgement);
        if let Some((judgement, since)) = &taken {
            self.lead(&now, judgement, *since);
        }
        self.metrics.clocks(judgement.map(Judgement::skews).unwrap_or_default());
        let alone = now.membership_config.voter_ids().eq([self.id]);
        let mut view = judgement.map(Judgement::view).unwrap_or_default();
        if judgement.is_none() && alone {
            view.live.push(self.name.clone());
        }
        self.lease.set_alone(alone);
        view.fenced = self.lease.now().is_none();
        let cut_off = !alone && !self.contact.within(self.survey.times.stale_after);
        if view.may_plan && !alone {
            self.survey.agree();
        } else if alone || judgement.is_none() {
            self.survey.forget_time();
        } else if judgement.is_some_and(|it| matches!(it.hands_over(), Some(HandOver::ClockOff(_)))) {
            self.survey.doubt_time();
        }
        self.tell(&view, judgement, is_removed, cut_off);
        set(&self.cut_off, cut_off);
        set(&self.view, view);
    }

    /// Takes in what this leader makes of the members.
    fn lead(&self, now: &Figures, judgement: &Judgement, since: Instant) {
        // When it was elected, a majority had just voted for this node.
        let acked = last_acked(now);
        for instant in [Some(since), acked].into_iter().flatten() {
            self.contact.at(instant);
        }
        // That it was elected was seen some time later, so only what a majority acknowledged since is proof.
        if let Some(acked) = acked {
            self.lease.acknowledged(acked);
        }
        for (facts, verdict) in &judgement.members {
            let is_off = is_clock_off(facts, judgement.time);
            self.survey.followers.judged(facts.id, now.current_term, is_off, *verdict);
        }
    }

    /// Says for people what has changed.
    fn tell(&self, new: &View, judgement: Option<&Judgement>, is_removed: bool, cut_off: bool) {
        let known = self.view.borrow();
        for (facts, verdict) in judgement.into_iter().flat_map(|judgement| &judgement.members) {
            let node = &facts.name;
            let was_silent = known.silent.contains(node);
            let was = known.passed_over.iter().find(|(known, _)| known == node).map(|(_, why)| *why);
            let is_new = match verdict {
                Verdict::Silent => !was_silent,
                Verdict::PassedOver(why) => is_worth_saying(*why) && was != Some(*why),
                Verdict::Live | Verdict::Leaving => false,
            };
            if let Some(judgement) = judgement.filter(|_| is_new) {
                let times = &self.survey.times;
                for problem in problems::of_member(facts, *verdict, judgement, times, Instant::now()) {
                    tracing::warn!(node = node.as_str(), "{problem}");
                }
            }
            if *verdict == Verdict::Live && (was_silent || was.is_some_and(is_worth_saying)) {
                tracing::info!(node = node.as_str(), "a node does its part again, and gets runs");
            }
        }
        // Of a state that differs something else tells.
        if new.fenced && !known.fenced && !self.survey.itself.differs() {
            let why = if is_removed {
                "this node is being removed from its cluster"
            } else if cut_off {
                "cut off from the cluster"
            } else {
                "the leader does not count on this node, because it does not hear it, this node applies nothing, or its \
                 clock is off"
            };
            tracing::warn!("{why}: no attempts are started");
        }
    }
}

/// Each node that starts is not heard from and does not fire for a moment.
fn is_worth_saying(why: PassedOver) -> bool {
    !matches!(why, PassedOver::Unheard | PassedOver::DoesNotFire)
}

fn set<T: PartialEq>(to: &watch::Sender<T>, new: T) {
    to.send_if_modified(|known| {
        let changed = *known != new;
        *known = new;
        changed
    });
}

/// Whether there is a cluster without this node, as its log has it, or a change of the voters is under way from a set with
/// this node to one without it. It may lead until that is agreed on.
fn is_left_out(sets: &[BTreeSet<u64>], is_member: bool, id: u64) -> bool {
    let has = |set: &BTreeSet<u64>| set.contains(&id);
    let is_leaving = || sets.iter().any(has) && !sets.last().is_some_and(has);
    !sets.is_empty() && (!is_member || is_leaving())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_left_out_of_the_voters_that_are_to_come_is_being_removed() {
        let is = |sets: &[&[u64]], is_member| {
            let sets: Vec<BTreeSet<u64>> = sets.iter().map(|set| set.iter().copied().collect()).collect();
            is_left_out(&sets, is_member, 1)
        };
        assert!(is(&[&[1, 2, 3], &[2, 3]], true));
        assert!(is(&[&[2, 3]], false), "and who is left out of the cluster is, also where it leads still");
        // In it; about to get a vote; without one, as a learner; the same while others change.
        let others: [&[&[u64]]; 4] =
            [&[&[1, 2, 3]], &[&[1, 2], &[1, 2, 3]], &[&[2, 3]], &[&[2, 3], &[2, 3, 4]]];
        assert_eq!(others.map(|sets| is(sets, true)), [false; 4]);
        assert!(!is(&[], false), "it is of no cluster yet");
    }
}
