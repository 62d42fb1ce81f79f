//! openraft, as it runs here: on the types of [`crate::types`] and the state of [`crate::state`].

use openraft::alias::WatchReceiverOf;
use openraft::async_runtime::WatchReceiver as _;
use openraft::{OptionalSend, OptionalSync};

use crate::state::store::StateStore;
use crate::types::Types;

/// openraft's own handle.
pub(crate) type Raft = openraft::Raft<Types, StateStore>;

/// What openraft says of itself: the term, who leads, the members, how far the log is.
pub(crate) type Figures = openraft::RaftMetrics<Types>;

/// Looks at what openraft says of itself as it is now. openraft's task waits for as long as `look` takes, and a second
/// look from within it would wait behind that task, for good: so nobody holds what openraft says but this function.
#[expect(clippy::disallowed_methods, reason = "what is borrowed here is given back when this returns")]
pub(crate) fn look_at<T, R>(told: &WatchReceiverOf<Types, T>, look: impl FnOnce(&T) -> R) -> R
where
    T: OptionalSend + OptionalSync,
{
    look(&told.borrow_watched())
}
