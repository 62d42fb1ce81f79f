//! Bugs that are planted to test whether the simulation finds bugs, and whether a node notices its own.

/// A bug that the server has only where [`Env`](super::Env) says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The log says that an entry is durable before it is.
    DurableTooSoon,
    /// A node that starts does not look at the executions it had not finished.
    ForgetsUnfinished,
    /// The instant after a late one is computed from the current time.
    CountsFromNow,
    /// The lease of a node does not end: it goes on starting attempts while it is cut off.
    NeverFences,
    /// A failure counts though its node had lost the run to another one.
    TakesALostNodesWord,
    /// A node that comes back starts attempts before it has applied what was agreed on meanwhile.
    SkipsTheBarrier,
    /// A node that said it would stop counts as about to stop for as long as its leader leads, also once it has
    /// started again.
    ForgetsNothingAboutLeaving,
    /// The loop of this name panics when it starts.
    LoopPanics(&'static str),
    /// The loop of this name returns when it starts.
    LoopReturns(&'static str),
    /// The first attempt of each execution panics.
    AttemptPanics,
}
