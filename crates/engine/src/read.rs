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
    /// So many items at most. It may have fewer, and not be the last: only that says so which has no next one.
    pub limit: usize,
    /// What the page must know.
    pub consistency: Consistency,
}

/// Makes an answer of a page, row after row, on the reader's thread: it may take its time there, as writing a long
/// page out does. `R` is a row, and `P` a position in the list.
pub trait PageWriter<R, P>: Send + 'static {
    /// The answer.
    type Answer: Send + 'static;

    /// Takes a row, or says that the page has no place for it: then it ends before that row. The first row must be
    /// taken.
    fn take(&mut self, row: R) -> bool;

    /// The answer, with the position behind which the list goes on, if it does.
    fn end(self, next: Option<P>) -> Self::Answer;
}
