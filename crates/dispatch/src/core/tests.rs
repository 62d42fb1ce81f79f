//! The rules of the core, a file for each subject. Events go in, and the actions are compared as text.

mod attempts;
mod backoff;
mod bench;
mod fence;
mod isolation;
mod lease;
mod line;
mod policies;
mod specs;
mod stop;
mod withdrawal;

pub(super) use bench::{key, spec};
