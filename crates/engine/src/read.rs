//! What a read must know, and which part of a list it answers.

use chronos_state::Total;
use chronos_types::Millis;

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
#[derive(Clone, Debug)]
pub struct PageRequest<P> {
    /// The page begins behind this position; where there is none, it is the first.
    pub after: Option<P>,
    /// So many items at most. It may have fewer, and not be the last: only that says so which has no next one.
    pub limit: usize,
    /// What the page must know.
    pub consistency: Consistency,
    /// Whether the list is to be counted.
    pub is_counted: bool,
}

/// What is said of a list beside the rows of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageEnd<P> {
    /// The list goes on behind this position, if it does.
    pub next: Option<P>,
    /// How many rows the list has, where it was counted.
    pub total: Option<Total>,
    /// The time that the list is of, where it is of one: from an instant on, up to another one or without an end.
    pub window: Option<Window>,
}

/// A time that a list is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From this instant on.
    pub from: Option<Millis>,
    /// Before this one.
    pub to: Option<Millis>,
}

impl<P> PageEnd<P> {
    /// Of a list of which no more is said than where it goes on.
    pub(crate) fn of(next: Option<P>) -> Self {
        Self { next, total: None, window: None }
    }
}

/// Makes an answer of a page, row after row, on the reader's thread: it may take its time there, as writing a long
/// page out does. `R` is a row, and `P` a position in the list.
pub trait PageWriter<R, P>: Send + 'static {
    /// The answer.
    type Answer: Send + 'static;

    /// Takes a row, or says that the page has no place for it: then it ends before that row. The first row must be
    /// taken.
    fn take(&mut self, row: R) -> bool;

    /// The answer, with what is said of the list.
    fn end(self, end: PageEnd<P>) -> Self::Answer;
}
