//! [`Survey`]: what a leader knows of all members at one instant.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chronos_types::Millis;
use tokio::time::Instant;

use super::agreed::AgreedTime;
use super::followers::{Followers, Look};
use super::heard::Seen;
use super::itself::Itself;
use super::judge::{Facts, Judgement, Times, judge};
use crate::raft::Figures;
use crate::types::Member;

/// Puts together what a leader knows of the members.
pub(crate) struct Survey {
    pub followers: Arc<Followers>,
    pub itself: Itself,
    pub times: Times,
    agreed: AgreedTime,
}

impl Survey {
    pub(crate) fn new(followers: Arc<Followers>, itself: Itself, times: Times) -> Self {
        Self { followers, itself, times, agreed: AgreedTime::default() }
    }

    /// The clock of this node may count, by what is known of the others'.
    pub(crate) fn agree(&self) {
        self.agreed.agree(self.itself.since_boot(), self.itself.wall_ms(), self.times.keeps_up);
    }

    /// This node does not lead, or has nobody to compare its clock with.
    pub(crate) fn forget_time(&self) {
        self.agreed.forget();
    }

    /// By what is known of the others' clocks, that of this node is off.
    pub(crate) fn doubt_time(&self) {
        self.agreed.doubt(self.itself.since_boot(), self.itself.wall_ms());
    }

    /// The time that this node goes by as a leader.
    pub(crate) fn time(&self) -> Millis {
        self.agreed.time(self.itself.since_boot(), self.itself.wall_ms())
    }

    /// Where these figures are of a leader: what it makes of the members, and since when it has known that it leads.
    pub(crate) fn take(&self, figures: &Figures) -> Option<(Judgement, Instant)> {
        if !figures.state.is_leader() {
            return None;
        }
        let now = Instant::now();
        let Look { since, awake_since, mut seen } = self.followers.look(figures.current_term, now);
        let voters: BTreeSet<u64> = figures.membership_config.voter_ids().collect();
        let facts = |(id, member): (&u64, &Member)| {
            let leads = *id == figures.id;
            let seen = if leads { Some(Seen::of_itself(self.itself.sign(), now)) } else { seen.remove(id) };
            // A new leader does not know how long a member was silent before, nor does one that was away itself.
            let begin = since.max(awake_since);
            let counted = seen.and_then(|seen| seen.counted).map_or(begin, |counted| counted.max(begin));
            let silence = if leads { Duration::ZERO } else { now.saturating_duration_since(counted) };
            Facts { id: *id, name: member.name.clone(), has_vote: voters.contains(id), leads, silence, seen }
        };
        let members = figures.membership_config.nodes().map(facts).collect();
        Some((judge(members, &self.times, now), since))
    }
}
