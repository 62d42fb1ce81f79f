//! The cluster as this node sees it.

use chronos_types::NodeName;

/// Who is there to fire webhooks. It changes rarely: when a node comes, goes, or does its part no more or again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The names of the members that get runs, sorted: they are heard from, keep up and fire. Learners are among
    /// them. Where no member does all of that, these are the members that do most of it. Only a leader knows, and
    /// counts itself. Elsewhere it is empty, but for the only voter of a cluster, which counts itself also while it
    /// does not lead.
    pub live: Vec<NodeName>,
    /// The names of the members that were not heard from for `reassign_after`, or for so long did not apply what they
    /// had, had a clock that is off, or a state that is not that of most nodes: sorted. None of them may fire any more,
    /// and what they hold goes to others. Only a leader knows.
    pub silent: Vec<NodeName>,
    /// The names of the members that are heard from and about to stop, sorted. They get no new runs; what
    /// they hold they end, or hand over themselves. Only a leader knows.
    pub leaving: Vec<NodeName>,
    /// The names of the other members, sorted, and why they get no new runs. What they hold they keep, as long as they
    /// are not silent. Only a leader knows.
    pub passed_over: Vec<(NodeName, PassedOver)>,
    /// It is not proven that a leader heard from this node within `reassign_after`, or, where it leads, that a
    /// majority did. Other nodes may be firing what is planned for it, so it must start no attempt. The same holds
    /// where its state is not that of most nodes, or where it is being removed.
    pub fenced: bool,
    /// Whether this node may plan where it leads: it has heard from a majority, and its clock does not differ from
    /// what most clocks say, unless no other node can lead.
    pub may_plan: bool,
}

/// Why a member that does not stop gets no new runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PassedOver {
    /// It does not answer, or has not shown this leader yet that it keeps up.
    Unheard,
    /// Its disk is full.
    DiskFull,
    /// Its clock differs from what most clocks say.
    ClockOff,
    /// Its state is not that of most nodes, or it lacks an encryption key for it.
    Differs,
    /// It does not keep up with what the leader applies.
    Behind,
    /// It starts no attempt: it is not proven to be heard, or does not know yet what it owes.
    DoesNotFire,
}

impl View {
    /// Whether a node is no member, as a leader knows. A node that leads no more says so of nobody.
    #[must_use]
    pub fn lacks(&self, node: &NodeName) -> bool {
        let knows = !self.live.is_empty() && !self.fenced;
        knows && !self.members().any(|member| member == node)
    }

    /// Whether no member is known beside one.
    #[must_use]
    pub fn is_of_one(&self) -> bool {
        self.members().nth(1).is_none()
    }

    fn members(&self) -> impl Iterator<Item = &NodeName> {
        let passed_over = self.passed_over.iter().map(|(name, _)| name);
        [&self.live, &self.silent, &self.leaving].into_iter().flatten().chain(passed_over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_leads_knows_who_is_no_member() {
        let name = NodeName::unchecked;
        let leads = View {
            live: vec![name("one")],
            silent: vec![name("two")],
            leaving: vec![name("three")],
            passed_over: vec![(name("four"), PassedOver::Behind)],
            ..View::default()
        };
        let lacks = |view: &View| ["one", "two", "three", "four", "five"].map(|node| view.lacks(&name(node)));
        assert_eq!(lacks(&leads), [false, false, false, false, true]);
        assert_eq!(lacks(&View { fenced: true, ..leads }), [false; 5]);
        assert_eq!(lacks(&View::default()), [false; 5]);
    }

    #[test]
    fn who_gets_no_runs_is_there_all_the_same() {
        let name = NodeName::unchecked;
        let alone = View { live: vec![name("one")], ..View::default() };
        assert!(alone.is_of_one() && View::default().is_of_one());
        let passed_over = vec![(name("two"), PassedOver::Behind)];
        assert!(!View { passed_over, ..alone }.is_of_one());
    }
}
