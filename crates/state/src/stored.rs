//! How things are kept on disk: the stored forms of domain types, and the way there and back.
//!
//! Stored forms are apart from both the domain and the wire, so that either can change without
//! touching what is on disk. Fields may be added with a default. What is read back was checked
//! when it came in; a value that no longer parses is damage, and is reported as such.

pub(crate) mod code;
pub(crate) mod columns;
pub(crate) mod execution;
pub(crate) mod omit;
pub(crate) mod spec;
pub(crate) mod text;
mod webhook;
