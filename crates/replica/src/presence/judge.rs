//! Who of the members gets runs, and why others get none: judged by what their answers show, without any I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use chronos_types::NodeName;
use tokio::time::Instant;

use super::clocks::{Offset, majority};
use super::heard::Seen;
use super::view::{PassedOver, View};

/// A member is called silent this much later than it fences itself: a look may take so long, and so may
/// an answer of the member on its way.
const MARGIN: Duration = Duration::from_millis(500);

/// How long what may last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// A member that is not heard from for this long is silent. A member that is not proven to be heard for this long
    /// is fenced.
    pub reassign_after: Duration,
    /// After this time without a word from a leader, or from a majority, this node is cut off.
    pub stale_after: Duration,
    /// A member that answers later than this, or applies later than this what its leader has applied, gets no new
    /// runs. They are planned two seconds ahead, so that those it has are still on time.
    pub keeps_up: Duration,
}

/// What a leader knows of a member.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub id: u64,
    pub name: NodeName,
    pub has_vote: bool,
    /// It is the leader itself.
    pub leads: bool,
    /// For how long it has not been heard from doing its part, at most since the election.
    pub silence: Duration,
    /// What its answers show, once it has answered in this term.
    pub seen: Option<Seen>,
}

/// What follows for a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It gets runs.
    Live,
    /// It gets no new ones.
    PassedOver(PassedOver),
    /// It is about to stop.
    Leaving,
    /// It must have fenced itself, and others get what it holds.
    Silent,
}

impl Verdict {
    /// Whether it has what others have and takes what is written, so that it may vote and lead.
    pub(crate) fn is_well(self) -> bool {
        matches!(self, Self::Live | Self::PassedOver(PassedOver::DoesNotFire))
    }
}

/// Why a leader is to hand over the lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandOver {
    /// Its state is not that of most nodes, or it lacks an encryption key for it.
    Differs,
    /// Its clock is ahead of what most clocks say, by so many milliseconds.
    ClockOff(i64),
}

/// What a leader makes of all members.
#[derive(Clone, Debug)]
pub(crate) struct Judgement {
    pub members: Vec<(Facts, Verdict)>,
    /// How far the clocks of a majority are ahead of the leader's, where a majority agrees.
    pub time: Option<i64>,
    /// Whether a majority has answered in this term; and where their clocks agree on nothing, whether those that have not
    /// answered had the time to: one more answer may say whose clock is right.
    is_heard: bool,
}

/// Judges the members by what is known of them at this instant.
pub(crate) fn judge(members: Vec<Facts>, times: &Times, now: Instant) -> Judgement {
    let voters = members.iter().filter(|member| member.has_vote).count();
    let answered = members.iter().filter(|member| member.has_vote && member.seen.is_some()).count();
    let time = majority(&clocks(&members, times), voters);
    let is_to_come = |facts: &Facts| facts.has_vote && facts.seen.is_none() && facts.silence < times.keeps_up;
    let may_be_told = time.is_none() && members.iter().any(is_to_come);
    let judged = |facts: Facts| {
        let verdict = verdict(&facts, time, times, now);
        (facts, verdict)
    };
    let members = members.into_iter().map(judged).collect();
    Judgement { members, time, is_heard: answered * 2 > voters && !may_be_told }
}

/// The clocks of the voters that are heard from.
pub(crate) fn clocks(members: &[Facts], times: &Times) -> Vec<Offset> {
    let voters = members.iter().filter(|member| member.has_vote);
    let seen = voters.filter_map(|member| member.seen.filter(|seen| seen.answered < times.keeps_up));
    seen.map(|seen| seen.clock).collect()
}

fn verdict(facts: &Facts, time: Option<i64>, times: &Times, now: Instant) -> Verdict {
    if facts.silence >= times.reassign_after + MARGIN {
        return Verdict::Silent;
    }
    let Some(seen) = &facts.seen else { return Verdict::PassedOver(PassedOver::Unheard) };
    if seen.sign.leaving {
        return Verdict::Leaving;
    }
    if seen.answered >= times.keeps_up {
        Verdict::PassedOver(PassedOver::Unheard)
    } else if seen.sign.differs {
        Verdict::PassedOver(PassedOver::Differs)
    } else if seen.sign.disk_full {
        Verdict::PassedOver(PassedOver::DiskFull)
    } else if is_clock_off(facts, time) {
        Verdict::PassedOver(PassedOver::ClockOff)
    } else if !seen.keeps_up(times.keeps_up, now) {
        // Each member needs a moment to show a new leader that it keeps up.
        let is_late = seen.lag(now) > times.keeps_up;
        Verdict::PassedOver(if is_late { PassedOver::Behind } else { PassedOver::Unheard })
    } else if !seen.sign.fires {
        Verdict::PassedOver(PassedOver::DoesNotFire)
    } else {
        Verdict::Live
    }
}

/// Whether the clock of a member differs from what most clocks say.
pub(crate) fn is_clock_off(facts: &Facts, time: Option<i64>) -> bool {
    let clock = facts.seen.map(|seen| seen.clock);
    clock.zip(time).is_some_and(|(clock, time)| clock.is_off(time))
}

impl Judgement {
    /// Whether the leader is to hand over the lead, and why. It stays where no other voter could lead as well.
    pub(crate) fn hands_over(&self) -> Option<HandOver> {
        let takes = |(facts, verdict): &(Facts, Verdict)| facts.has_vote && !facts.leads && verdict.is_well();
        if !self.members.iter().any(takes) {
            return None;
        }
        let (leader, _) = self.members.iter().find(|(facts, _)| facts.leads)?;
        if leader.seen.is_some_and(|seen| seen.sign.differs) {
            return Some(HandOver::Differs);
        }
        let time = self.time?;
        is_clock_off(leader, Some(time)).then(|| HandOver::ClockOff(time.saturating_neg()))
    }

    /// How far the clock of each member that has answered is ahead of what most clocks say, in milliseconds. Where no
    /// majority agrees, the leader's clock takes the place of that.
    pub(crate) fn skews(&self) -> BTreeMap<NodeName, i64> {
        let time = self.time.unwrap_or_default();
        let skew = |(facts, verdict): &(Facts, Verdict)| {
            let is_heard = *verdict != Verdict::PassedOver(PassedOver::Unheard);
            let seen = facts.seen.filter(|_| is_heard || facts.leads)?;
            Some((facts.name.clone(), seen.clock.from(time)))
        };
        self.members.iter().filter_map(skew).collect()
    }

    /// The names of the members that may vote and lead.
    pub(crate) fn well(&self) -> Vec<NodeName> {
        self.named(|verdict| verdict.is_well().then_some(())).into_iter().map(|(name, ())| name).collect()
    }

    /// The cluster as this leader sees it, but for what it may do itself.
    pub(crate) fn view(&self) -> View {
        let names = |wanted: Verdict| {
            let named = self.named(|verdict| (verdict == wanted).then_some(()));
            named.into_iter().map(|(name, ())| name).collect::<Vec<_>>()
        };
        let mut live = names(Verdict::Live);
        let mut passed_over = self.named(|verdict| match verdict {
            Verdict::PassedOver(why) => Some(why),
            _ => None,
        });
        // Somebody must fire: where nobody does all of its part, those who do most of it.
        let tiers: [fn(PassedOver) -> bool; 2] = [
            |why| why == PassedOver::DoesNotFire,
            |why| !matches!(why, PassedOver::Unheard | PassedOver::Differs),
        ];
        for is_next in tiers {
            if live.is_empty() {
                let (next, others): (Vec<_>, _) = passed_over.into_iter().partition(|(_, why)| is_next(*why));
                live = next.into_iter().map(|(name, _)| name).collect();
                passed_over = others;
            }
        }
        View {
            live,
            silent: names(Verdict::Silent),
            leaving: names(Verdict::Leaving),
            passed_over,
            fenced: false,
            may_plan: self.is_heard && self.hands_over().is_none(),
        }
    }

    /// The names of those that have it, sorted.
    fn named<T: Ord>(&self, what: impl Fn(Verdict) -> Option<T>) -> Vec<(NodeName, T)> {
        let named =
            self.members.iter().filter_map(|(facts, verdict)| Some((facts.name.clone(), what(*verdict)?)));
        let mut named: Vec<_> = named.collect();
        named.sort_unstable();
        named
    }
}

#[cfg(test)]
mod tests;
