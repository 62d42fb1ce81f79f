//! The state machine through its public interface: tables of its rules, then random commands against a
//! naive model that knows nothing of SQL, with what must always hold checked after each of them.

#![allow(clippy::disallowed_methods, reason = "a test asks the machine itself")]
#![allow(clippy::unwrap_used)]

mod api_keys;
mod audit;
mod authors;
mod backups;
mod bad_records;
mod clock;
mod compare;
mod copies;
mod damage;
mod events;
mod execution_lists;
mod formats;
mod forms;
mod golden;
mod invariants;
mod jobs;
mod kept;
mod keys;
mod lists;
mod model;
mod operations;
mod ops;
mod oracle;
mod orders;
mod pages;
mod pauses;
mod planning;
mod portions;
mod reassign;
mod reports;
mod retention;
mod rows;
mod runs;
mod sample;
mod scans;
mod scope_figures;
mod scopes;
mod sealing;
mod secrets;
mod sets;
mod skips;
mod storage;
mod strict;
mod support;
mod triggers;
mod versions;
mod weights;
