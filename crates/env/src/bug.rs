//! Bugs that the simulation must find, or it finds none.

/// A bug that is there when it is asked for, in tests of the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The log says that an entry is durable before it is.
    DurableTooSoon,
    /// A node that starts does not look at what it had not finished.
    ForgetsUnfinished,
    /// The instant after a late one is counted from now.
    CountsFromNow,
}
