//! Bugs that are planted to test whether the simulation finds bugs.

/// A bug that the server has only where [`Env`](super::Env) says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The log says that an entry is durable before it is.
    DurableTooSoon,
    /// A node that starts does not look at the executions it had not finished.
    ForgetsUnfinished,
    /// The instant after a late one is computed from the current time.
    CountsFromNow,
}
