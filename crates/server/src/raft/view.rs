//! The cluster as this node sees it.

use tokio::sync::watch;

/// Who is there to fire webhooks. It changes rarely: when a node comes, goes, or is not heard of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The names of the members that have been heard of within `reassign_after`, sorted, learners
    /// too. Only a leader knows, and always counts itself; elsewhere it is empty.
    pub live: Vec<String>,
    /// The names of the members that have not, sorted. Only a leader knows.
    pub silent: Vec<String>,
    /// This node has not heard of a leader for `reassign_after`, or leads and has not heard of a
    /// majority: others may be firing what is planned for it, so it must start no attempt.
    pub fenced: bool,
}

impl View {
    /// A cluster of this node alone, which nothing can cut off.
    pub(super) fn alone(name: &str) -> watch::Receiver<Self> {
        watch::Sender::new(Self { live: vec![name.to_owned()], ..Self::default() }).subscribe()
    }
}
