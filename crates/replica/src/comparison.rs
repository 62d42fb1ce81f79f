//! Whether the states of all nodes are the same: each node compares its own with those of the others, a few rows at a
//! time, and one whose state is not that of most nodes neither fires nor leads.
//!
//! The leader has a command in the log name the rows (`handle`). Each node computes its digest of them when it applies
//! the command, so all do at the same place of the log (`digests`). Then it asks the others for theirs and finds for
//! itself who differs (`findings`): no node has to trust another one, nor the leader. What came of it is in
//! `differences`.

pub(crate) mod differences;
pub(crate) mod digests;
pub(crate) mod findings;
pub(crate) mod handle;
pub(crate) mod pace;
