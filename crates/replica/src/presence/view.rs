//! The cluster as this node sees it.

use chronos_types::NodeName;

/// Who is there to fire webhooks. It changes rarely: when a node comes, goes, or is not heard from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The names of the members that were heard from within `reassign_after` and do not stop, sorted. Learners
    /// are among them. Only a leader knows, and counts itself. Elsewhere it is
    /// empty, but for the only voter of a cluster, which counts itself also while it does not lead.
    pub live: Vec<NodeName>,
    /// The names of the members that were not, sorted. Only a leader knows.
    pub silent: Vec<NodeName>,
    /// The names of the members that are heard from and about to stop, sorted. They get no new work; what
    /// they hold they end, or hand over themselves. Only a leader knows.
    pub leaving: Vec<NodeName>,
    /// It is not proven that a leader heard from this node within `reassign_after`, or, where it leads, that a
    /// majority did. Other nodes may be firing what is planned for it, so it must start no attempt.
    pub fenced: bool,
}

impl View {
    /// Whether a node is no member, as a leader knows. A node that leads no more says so of nobody.
    #[must_use]
    pub fn lacks(&self, node: &NodeName) -> bool {
        let knows = !self.live.is_empty() && !self.fenced;
        let members = [&self.live, &self.silent, &self.leaving].into_iter().flatten();
        knows && !members.into_iter().any(|member| member == node)
    }
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
