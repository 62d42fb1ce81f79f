//! openraft, as it runs here: on the types of [`crate::types`] and the state of [`crate::state`].

use crate::state::store::StateStore;
use crate::types::Types;

/// openraft's own handle.
pub(crate) type Raft = openraft::Raft<Types, StateStore>;

/// What openraft says of itself: the term, who leads, the members, how far the log is.
pub(crate) type Figures = openraft::RaftMetrics<Types>;
