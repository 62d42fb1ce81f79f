//! What a read must know, and which part of a list it answers.

/// Which writes a read must know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// Those that this node has applied.
    #[default]
    Local,
    /// All that were acknowledged before the read, by any node.
    Linearizable,
}

/// Which page of a list to read. `P` is a position in the list.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest<P> {
    /// The page begins behind this position; where there is none, it is the first.
    pub after: Option<P>,
    /// So many items at most.
    pub limit: usize,
    /// What the page must know.
    pub consistency: Consistency,
}
