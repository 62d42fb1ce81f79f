//! Gives up the lead where this node makes no progress and others can.
//!
//! The disk of a leader may be full, or hang, while its heartbeats go on, so that nobody else is elected. Commits do
//! not show it: an entry is on the disks of the others before it is on the leader's own. So what counts is the age of
//! the leader's oldest entry that is not on its disk, or not applied.
//!
//! First it has another voter lead, which takes no disk. Where that does not come about, it falls silent: it sends its
//! followers nothing, and they elect one of them. A node whose storage stands still does not stand for election, since
//! a vote takes the disk. Nor does one whose state is not that of most nodes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use super::join::Joiner;
use super::state::MemberState;
use super::transfer::difference;
use crate::lead::Halt;
use crate::log_targets;
use crate::progress::STANDSTILL;
use crate::raft::Figures;

/// Between looks.
const TICK: Duration = Duration::from_millis(100);
/// A leader gives up the lead at most once in this time. Where the trouble moves with the lead, as on a storage that the
/// nodes share, the lead does not wander around.
const AGAIN: Duration = Duration::from_secs(30);
/// A voter keeps up that has answered within this time: an answer comes once all that the voter was sent before is on
/// its disk. It is shorter than [`STANDSTILL`], so that a storage which the nodes share fails them all at once.
const ANSWERS: Duration = Duration::from_millis(500);
/// A leader that keeps the lead refuses writes once its storage has stood still for so long.
const HANGS: Duration = Duration::from_secs(5);
/// How many election time-outs the silence may last.
const SILENCE: u32 = 4;

/// Looks after the progress of this node.
pub(super) struct StepAside {
    pub joiner: Arc<Joiner>,
    /// How long an election takes, about.
    pub election: Duration,
    pub rule: Rule,
}

impl StepAside {
    /// Goes on for as long as the node runs. A loop: it does not end.
    pub(super) async fn run(mut self) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stood_still = false;
        loop {
            tick.tick().await;
            let standstill = self.joiner.log.storage.health.progress().standstill();
            match &standstill {
                Some(why) if !stood_still => {
                    tracing::error!(target: log_targets::HEALTH, "the storage stands still: {why}");
                }
                None if stood_still => tracing::info!(target: log_targets::HEALTH, "the storage goes on"),
                _ => {}
            }
            stood_still = standstill.is_some();
            self.look(standstill).await;
        }
    }

    async fn look(&mut self, standstill: Option<String>) {
        let log = Arc::clone(&self.joiner.log);
        let now = log.figures();
        let is_alone = now.membership_config.voter_ids().eq([log.id()]);
        let is_removed = *self.joiner.state.borrow() == MemberState::Removed;
        let may_lead = standstill.is_none() && log.difference().is_none();
        log.raft.runtime_config().elect(!is_removed && (is_alone || may_lead));
        let progress = log.storage.health.progress();
        let hangs = standstill.clone().filter(|_| now.state.is_leader() && progress.stuck() >= HANGS);
        log.lead.halt(hangs.map(|why| Halt::Hangs(format!("writes wait for the storage: {why}"))));

        let able = self.able(&now);
        let sets = now.membership_config.get_joint_config();
        let leads_in = now.state.is_leader().then_some(now.current_term);
        let others_can = is_majority(sets, &able);
        if self.rule.is_due(Instant::now(), leads_in, progress.stalled(), others_can) {
            let why = standstill.unwrap_or_else(|| {
                format!("this leader has committed nothing for {} s", progress.stalled().as_secs())
            });
            self.give_up(&now, &able, why).await;
        }
    }

    /// The voters beside this node that take what they are sent.
    fn able(&self, now: &Figures) -> BTreeSet<u64> {
        let others = now.membership_config.voter_ids().filter(|id| *id != now.id);
        others.filter(|id| self.joiner.presence.has_answered(*id, ANSWERS)).collect()
    }

    async fn give_up(&self, now: &Figures, able: &BTreeSet<u64>, why: String) {
        let (log, lead) = (&self.joiner.log, &self.joiner.log.lead);
        let matched =
            |id: &u64| now.replication.as_ref().and_then(|matched| *matched.get(id)?).map(|id| id.index);
        // One whose state differs votes for another, and does not lead.
        let may_lead = |id: &u64| difference(log, &self.joiner.presence, *id).is_none();
        let Some(to) = able.iter().copied().filter(may_lead).max_by_key(matched) else { return };
        let name = now.membership_config.get_node(&to).map(|member| member.name.to_string());
        tracing::warn!(target: log_targets::HEALTH, to = name, "this node gives up the lead: {why}");
        lead.halt(Some(Halt::GivesUp(format!("the leader gives up the lead: {why}"))));
        // It fails only where openraft has ended, which is reported elsewhere.
        let _ = tokio::time::timeout(self.election, log.raft.trigger().transfer_leader(to)).await;
        if !self.is_followed(self.election).await {
            tracing::warn!(target: log_targets::HEALTH, "no other node leads yet: this one sends nothing to the others");
            lead.fall_silent(true);
            self.is_followed(self.election * SILENCE).await;
            lead.fall_silent(false);
        }
        lead.halt(None);
    }

    /// Whether another node leads within this time.
    async fn is_followed(&self, within: Duration) -> bool {
        let mut leadership = self.joiner.log.leadership();
        let followed = leadership.wait_for(|now| !now.is_leader);
        tokio::time::timeout(within, followed).await.is_ok()
    }
}

/// When a leader gives up the lead.
#[derive(Debug, Default)]
pub(super) struct Rule {
    /// The term in which this node leads, and since when others could lead without it.
    able: Option<(u64, Instant)>,
    /// When it was last given up.
    last: Option<Instant>,
}

impl Rule {
    /// Whether it is to be given up now, by a node that leads in this term, if it does. Its oldest entry has waited
    /// for `stalled`. Whether others can lead without it must have been so for as long: nodes that have just come back
    /// have yet to take what waits for them.
    fn is_due(&mut self, now: Instant, leads_in: Option<u64>, stalled: Duration, others_can: bool) -> bool {
        let Some(term) = leads_in.filter(|_| others_can) else {
            self.able = None;
            return false;
        };
        let since = match self.able {
            Some((known, since)) if known == term => since,
            _ => self.able.insert((term, now)).1,
        };
        let has_rested = self.last.is_none_or(|last| now.saturating_duration_since(last) >= AGAIN);
        let is_due = stalled.min(now.saturating_duration_since(since)) >= STANDSTILL && has_rested;
        if is_due {
            self.last = Some(now);
        }
        is_due
    }
}

/// Whether these nodes are a majority of each of these sets of voters.
fn is_majority(sets: &[BTreeSet<u64>], nodes: &BTreeSet<u64>) -> bool {
    sets.iter().all(|voters| voters.intersection(nodes).count() * 2 > voters.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lead_is_given_up_after_a_second_without_progress_and_not_soon_again() {
        let begin = Instant::now();
        let mut rule = Rule::default();
        // At this time (ms): leads in this term, its oldest entry has waited for so long, others could lead.
        let mut check = |at: u64, leads_in: Option<u64>, stalled: u64, others_can: bool, expected: bool| {
            let (now, stalled) = (begin + Duration::from_millis(at), Duration::from_millis(stalled));
            assert_eq!(rule.is_due(now, leads_in, stalled, others_can), expected, "at {at} ms");
        };
        check(0, Some(1), 0, true, false);
        check(5_000, Some(1), 999, true, false);
        check(5_100, Some(1), 1_000, true, true);
        check(9_000, Some(2), 9_000, true, false);
        check(35_099, Some(2), 9_000, true, false);
        check(35_100, Some(2), 9_000, true, true);
        // What waited before the election is not this leader's fault.
        check(90_000, Some(3), 60_000, true, false);
        check(90_999, Some(3), 60_000, true, false);
        check(91_000, Some(3), 60_000, true, true);
        // Others have just come back, and have yet to take what waited for them.
        check(200_000, Some(3), 60_000, false, false);
        check(201_000, Some(3), 60_000, true, false);
        check(201_900, Some(3), 60_000, true, false);
        check(202_000, Some(3), 60_000, true, true);
        check(300_000, None, 60_000, true, false);
    }

    #[test]
    fn a_majority_must_be_there_without_the_leader() {
        let set = |ids: &[u64]| ids.iter().copied().collect::<BTreeSet<u64>>();
        let check = |sets: &[&[u64]], able: &[u64], expected| {
            let sets: Vec<_> = sets.iter().map(|ids| set(ids)).collect();
            assert_eq!(is_majority(&sets, &set(able)), expected, "{sets:?} {able:?}");
        };
        check(&[&[1]], &[], false);
        check(&[&[1, 2]], &[2], false);
        check(&[&[1, 2, 3]], &[2], false);
        check(&[&[1, 2, 3]], &[2, 3], true);
        check(&[&[1, 2, 3, 4, 5]], &[2, 3], false);
        check(&[&[1, 2, 3], &[1, 2, 4]], &[2, 3], false);
        check(&[&[1, 2, 3], &[1, 2, 4]], &[2, 3, 4], true);
    }
}
