//! What was wrong with whom, and when: the faults as spans of time, for the invariants to ask whether one of them explains
//! what was seen.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::faults::{Fault, MAX_OFF_MS, QUICK_MS};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The node does not run, or was asked to stop.
    Down,
    /// Nothing of the node runs for a while, or its machine is suspended.
    Paused,
    /// The node is to be removed from the cluster, and fires nothing once it has heard of it.
    Leaving,
    /// No message passes between the node and all others.
    CutOff,
    /// Messages from the node to another one are lost, or from that one to it.
    HalfCutOff,
    /// Its disk is slow.
    SlowDisk,
    /// Its disk has no space.
    FullDisk,
    /// Its disk hangs.
    HungDisk,
    /// Its clock is off.
    Clock,
    /// All messages take long.
    Network,
    /// The node sends few bytes a second.
    Narrow,
}

/// What keeps a node that runs from hearing others and from being heard, or its disk from taking what it is told.
pub(crate) const HINDERS: [Kind; 8] = [
    Kind::Paused,
    Kind::CutOff,
    Kind::HalfCutOff,
    Kind::SlowDisk,
    Kind::FullDisk,
    Kind::HungDisk,
    Kind::Network,
    Kind::Narrow,
];
/// A node that comes back may be heard of just when its runs are given to others, and has yet to say what it did.
pub(crate) const COMES_BACK: Duration = Duration::from_secs(2);

/// What a fault changes.
pub(crate) enum Turn {
    /// This begins, for these nodes together.
    Begins(Kind, Vec<usize>),
    /// These end.
    Ends(Vec<Kind>, Vec<usize>),
    /// Nothing is wrong; or the end of each node is told beside it.
    Neither,
}

impl Fault {
    /// What it changes in a cluster of so many nodes. The number behind theirs is that of a guest.
    pub(crate) fn turn(self, nodes: usize) -> Turn {
        let begins = |kind, node| Turn::Begins(kind, vec![node]);
        let ends = |kind, node| Turn::Ends(vec![kind], vec![node]);
        let turn = |is, kind, node| if is { begins(kind, node) } else { ends(kind, node) };
        let all = || (0..=nodes).collect::<Vec<_>>();
        match self {
            Self::Crash { node, .. } | Self::Stop { node } => begins(Kind::Down, node),
            Self::Replace { node, .. } => begins(Kind::Leaving, node),
            Self::Restart { node } => Turn::Ends(vec![Kind::Down, Kind::Leaving, Kind::Paused], vec![node]),
            Self::Pause { node, .. } => begins(Kind::Paused, node),
            Self::Resume { node } => ends(Kind::Paused, node),
            Self::Hold { node } => begins(Kind::CutOff, node),
            Self::Release { node } => ends(Kind::CutOff, node),
            Self::Cut { from, to } => Turn::Begins(Kind::HalfCutOff, vec![from, to]),
            Self::Mend { from, to } => Turn::Ends(vec![Kind::HalfCutOff], vec![from, to]),
            Self::Clock { node, off_ms } => turn(off_ms != 0, Kind::Clock, node),
            Self::Disk { node, slow_ms } => turn(slow_ms > 0, Kind::SlowDisk, node),
            Self::Full { node, full, .. } => turn(full, Kind::FullDisk, node),
            Self::Freeze { node, frozen, .. } => turn(frozen, Kind::HungDisk, node),
            Self::Narrow { node, bytes_per_ms } => turn(bytes_per_ms > 0, Kind::Narrow, node),
            Self::Latency { max_ms } if max_ms > QUICK_MS => Turn::Begins(Kind::Network, all()),
            Self::Latency { .. } => Turn::Ends(vec![Kind::Network], all()),
            // A clock that is to be off by days is set later, and that is told then.
            Self::PowerCut { .. }
            | Self::ClockDays { .. }
            | Self::Transfer { .. }
            | Self::Invite { .. }
            | Self::Backup { .. } => Turn::Neither,
        }
    }

    /// Whether it is about this node and no other.
    pub(crate) fn is_about(self, node: usize, nodes: usize) -> bool {
        match self {
            Self::PowerCut { .. } | Self::Invite { .. } | Self::Backup { .. } => false,
            Self::ClockDays { node: of, .. } => of == node,
            // One end of a link is enough to say whose trouble it is.
            Self::Cut { from, to } | Self::Mend { from, to } => from == node || to == node,
            _ => match self.turn(nodes) {
                Turn::Begins(_, of) | Turn::Ends(_, of) => of == [node],
                Turn::Neither => true,
            },
        }
    }
}

/// A span in which something is wrong.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) kind: Kind,
    nodes: Vec<usize>,
    pub(crate) from: Duration,
    pub(crate) to: Duration,
}

/// All that was wrong in a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Troubles {
    nodes: usize,
    all: Vec<Trouble>,
    /// When messages passed again on a link, in order.
    opened: Vec<Duration>,
    /// When a clock was days behind. The time of the cluster stands still for as long as such a node leads.
    behind: Vec<(Duration, Duration)>,
    /// How far any clock was off, but for those that were off by days. The time of the cluster does not go with such a
    /// clock, and no client asks its node for anything.
    pub(crate) off_ms: i64,
}

impl Troubles {
    /// Makes spans of the faults, of which each has ended by `end`.
    pub(crate) fn of(faults: &[(Duration, Fault)], nodes: usize, end: Duration) -> Self {
        let (mut open, mut all) = (BTreeMap::new(), Vec::new());
        let (mut off_ms, mut opened, mut behind) =
            (0, Vec::new(), BTreeMap::<usize, Vec<(Duration, Duration)>>::new());
        for (at, fault) in faults {
            if matches!(fault, Fault::Release { .. } | Fault::Mend { .. }) {
                opened.push(*at);
            }
            if let Fault::Clock { off_ms: off, .. } = fault
                && off.abs() <= MAX_OFF_MS
            {
                off_ms = off_ms.max(off.abs());
            }
            if let Fault::Clock { node, off_ms } = fault {
                let of_node = behind.entry(*node).or_default();
                of_node.iter_mut().for_each(|(_, until)| *until = (*until).min(*at));
                if *off_ms < -MAX_OFF_MS {
                    of_node.push((*at, Duration::MAX));
                }
            }
            match fault.turn(nodes) {
                Turn::Begins(kind, of) => {
                    open.entry((kind, of)).or_insert(*at);
                }
                Turn::Ends(kinds, of) => {
                    for kind in kinds {
                        if let Some(from) = open.remove(&(kind, of.clone())) {
                            all.push(Trouble { kind, nodes: of.clone(), from, to: *at });
                        }
                    }
                }
                Turn::Neither => {}
            }
        }
        all.extend(open.into_iter().map(|((kind, nodes), from)| Trouble {
            kind,
            nodes,
            from,
            to: end.max(from),
        }));
        let behind = behind.into_values().flatten().collect();
        Self { nodes, all, opened, behind, off_ms }
    }

    /// What the true time was at most when the time of the cluster was this: it may have stood still.
    pub(crate) fn latest(&self, at: Duration) -> Duration {
        let still = self.behind.iter().filter(|(from, until)| (*from..=*until).contains(&at));
        still.map(|(_, until)| *until).fold(at, Duration::max)
    }

    /// The spans that have a part between these times.
    fn within(&self, from: Duration, to: Duration) -> impl Iterator<Item = &Trouble> {
        self.all.iter().filter(move |trouble| trouble.from <= to && trouble.to >= from)
    }

    /// Whether anything was wrong between these times.
    pub(crate) fn any(&self, from: Duration, to: Duration) -> bool {
        self.within(from, to).next().is_some()
    }

    /// Whether anything began to be wrong between these times.
    pub(crate) fn any_begins(&self, from: Duration, to: Duration) -> bool {
        self.all.iter().any(|trouble| (from..=to).contains(&trouble.from))
    }

    /// Whether this was wrong with a node between these times, or with all. What waits on a narrow link may be for any
    /// node.
    pub(crate) fn explain(&self, node: &str, from: Duration, to: Duration, kinds: &[Kind]) -> bool {
        self.within(from, to).any(|trouble| {
            let is_of_node = || trouble.nodes.iter().any(|number| name(*number) == node);
            kinds.contains(&trouble.kind) && (trouble.kind == Kind::Narrow || is_of_node())
        })
    }

    /// Whether something may have kept from the record, until then, what a node did at this time: it ended before it
    /// said so, or it was hindered.
    pub(crate) fn keep_from_record(&self, node: &str, did: Duration, until: Duration) -> bool {
        let from = did.saturating_sub(COMES_BACK);
        self.explain(node, from, until, &HINDERS) || self.explain(node, from, until, &[Kind::Down])
    }

    /// The nodes with which all was well between these times. A link that fails is the trouble of the end that has other
    /// trouble, too; where neither has, or both do without it, it is that of both.
    pub(crate) fn well(&self, from: Duration, to: Duration) -> Vec<String> {
        let (links, own): (Vec<_>, Vec<_>) =
            self.within(from, to).partition(|trouble| trouble.kind == Kind::HalfCutOff);
        let mut ill: BTreeSet<_> =
            own.into_iter().flat_map(|trouble| trouble.nodes.iter().copied()).collect();
        let mut links: Vec<_> = links.into_iter().map(|link| &link.nodes).collect();
        links.retain(|ends| !ends.iter().any(|end| ill.contains(end)));
        let is_common = |number: &usize| links.iter().all(|ends| ends.contains(number));
        let common: Vec<_> = (0..self.nodes).filter(is_common).collect();
        match (links.as_slice(), common.as_slice()) {
            ([_, _, ..], [one]) => ill.extend([*one]),
            _ => ill.extend(links.iter().flat_map(|ends| ends.iter().copied())),
        }
        (0..self.nodes).filter(|number| !ill.contains(number)).map(name).collect()
    }

    /// The spans in which a node was cut off from all others: its name, and from when until when. Where messages pass again
    /// on any link, one of its own may be among them.
    pub(crate) fn cut_off(&self) -> impl Iterator<Item = (String, Duration, Duration)> {
        let cut_off = self.all.iter().filter(|trouble| trouble.kind == Kind::CutOff);
        cut_off.flat_map(|trouble| {
            let opened = self.opened.iter().copied().find(|at| *at > trouble.from);
            let to = opened.map_or(trouble.to, |opened| trouble.to.min(opened));
            trouble.nodes.iter().map(move |number| (name(*number), trouble.from, to))
        })
    }
}

/// The name of a node.
pub(crate) fn name(number: usize) -> String {
    format!("n{}", number + 1)
}

/// Of the seeds, one in so many has a single node that all faults are about, so that a majority is well all the time:
/// only then there is a bound on how late runs may be.
const ONE_VICTIM_IN: u64 = 4;

/// The node that all faults are about, if the seed has a single one, and that is restarted when they are over.
pub(crate) fn victim(seed: u64, nodes: usize) -> usize {
    usize::try_from(seed / ONE_VICTIM_IN).unwrap_or_default() % nodes
}

/// Leaves of a plan what is about the seed's one victim, if it has one.
pub(crate) fn spare_the_others(seed: u64, nodes: usize, mut plan: Vec<(u64, Fault)>) -> Vec<(u64, Fault)> {
    if seed.is_multiple_of(ONE_VICTIM_IN) {
        let victim = victim(seed, nodes);
        plan.retain(|(_, fault)| fault.is_about(victim, nodes));
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn faults_are_spans() {
        let faults = [
            (s(1), Fault::Hold { node: 0 }),
            (s(2), Fault::Crash { node: 1, keeps: 100 }),
            (s(3), Fault::Release { node: 0 }),
            (s(4), Fault::Clock { node: 2, off_ms: -7 }),
        ];
        let troubles = Troubles::of(&faults, 3, s(9));
        assert_eq!(troubles.well(s(0), s(1)), ["n2", "n3"]);
        assert_eq!(troubles.well(s(3), s(3)), ["n3"]);
        assert_eq!(troubles.well(s(5), s(5)), ["n1"]);
        assert!(troubles.any(s(9), s(10)) && !troubles.any(s(10), s(11)));
        assert_eq!(troubles.off_ms, 7);
        assert_eq!(troubles.cut_off().collect::<Vec<_>>(), [("n1".to_owned(), s(1), s(3))]);
        assert!(troubles.explain("n2", s(3), s(3), &[Kind::Down]));
        assert!(!troubles.explain("n2", s(3), s(3), &[Kind::CutOff]));
    }

    #[test]
    fn what_a_fault_leaves_of_a_node_is_a_span() {
        let faults = [
            (s(1), Fault::Pause { node: 0, suspended: false }),
            (s(1), Fault::Freeze { node: 1, frozen: true, after: 3 }),
            (s(1), Fault::Full { node: 1, full: true, after: 0 }),
            (s(1), Fault::Crash { node: 3, keeps: 100 }),
            (s(2), Fault::Resume { node: 0 }),
            (s(2), Fault::Full { node: 1, full: false, after: 0 }),
            (s(2), Fault::Restart { node: 3 }),
            (s(3), Fault::Stop { node: 2 }),
            (s(4), Fault::Crash { node: 2, keeps: 100 }),
            (s(5), Fault::Restart { node: 2 }),
            (s(6), Fault::Narrow { node: 0, bytes_per_ms: 20 }),
            (s(7), Fault::Narrow { node: 0, bytes_per_ms: 0 }),
            (s(7), Fault::Clock { node: 0, off_ms: 40 * MAX_OFF_MS }),
        ];
        let troubles = Troubles::of(&faults, 3, s(9));
        // The fourth is a guest.
        assert_eq!(troubles.well(s(1), s(1)), ["n3"]);
        assert!(troubles.explain("n4", s(1), s(1), &[Kind::Down]));
        assert_eq!(troubles.well(s(4), s(4)), ["n1"], "the second one's disk still hangs");
        assert_eq!(troubles.well(s(8), s(8)), ["n3"]);
        assert!(troubles.explain("n3", s(6), s(6), &[Kind::Narrow]) && troubles.off_ms == 0);
    }

    #[test]
    fn the_time_may_stand_still_while_a_clock_is_days_behind() {
        let set = |at, off_ms| (s(at), Fault::Clock { node: 1, off_ms });
        let troubles = Troubles::of(&[set(2, -40 * MAX_OFF_MS), set(5, 0), set(7, 40 * MAX_OFF_MS)], 3, s(9));
        assert_eq!([1, 3, 6, 8].map(|at| troubles.latest(s(at))), [1, 5, 6, 8].map(s));
    }

    #[test]
    fn links_that_have_an_end_in_common_are_the_trouble_of_one_node() {
        let cut = |from, to| (s(1), Fault::Cut { from, to });
        let well = |cuts: &[(Duration, Fault)]| Troubles::of(cuts, 3, s(9)).well(s(2), s(2)).len();
        assert_eq!(well(&[cut(0, 1)]), 1);
        assert_eq!(well(&[cut(0, 1), cut(2, 0)]), 2);
        assert_eq!(well(&[cut(0, 1), cut(2, 0), cut(1, 2)]), 0);
        assert_eq!(well(&[cut(0, 1), (s(1), Fault::Hold { node: 2 })]), 0);
        assert_eq!(well(&[cut(0, 1), (s(1), Fault::Hold { node: 1 })]), 2);
    }
}
