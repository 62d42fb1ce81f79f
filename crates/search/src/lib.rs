//! Finds jobs by parts of their texts, through a file of each node: `search.db`.
//!
//! What a text is compared by is in `fold`, what of a job is searched in `document`, and what is asked in `query`:
//! pure code, which also judges each job that a page shows. The file only says which jobs may be asked for. So it
//! may be behind, damaged or gone: [`Search`] says so then, and whoever asks goes along the jobs of the state.
//!
//! The file is no part of the state: it is in no copy, no backup and no comparison. No secret is written to it.

mod backlog;
mod document;
mod facets;
mod fault;
mod file;
mod fold;
mod query;
mod search;
#[cfg(test)]
mod tests;

pub use document::Entry;
pub use facets::FacetKind;
pub use fault::Fault;
pub use file::SearchFile;
pub use fold::folded;
pub use query::{JobQuery, host};
pub use search::{Changed, Due, Search, Walk};
