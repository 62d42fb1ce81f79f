//! What a loop knows when it has looked once.

/// Whether a loop looks again at once. A look is repeatable: what it has done is not found again.
#[derive(Debug)]
pub(crate) enum Tick<Until = ()> {
    /// Something was done, and there may be more to do.
    More,
    /// There is nothing more to do for now.
    Idle(Until),
}
