//! The replicated state machine. Commands go in; it remembers what they say in its state file, and
//! effects come out: what the node should do now.
//!
//! It is deterministic and synchronous: it never reads a clock, never draws a random number, never
//! evaluates a schedule and never touches the network. Every instant, id and next due time comes in
//! a command. The node that proposes the command chooses them, so equal logs give equal states on
//! every node.

mod apply;
pub mod backup;
mod check;
mod command;
mod copy;
mod error;
mod machine;
mod outcome;
mod reader;
mod run;
mod schema;
mod stored;
pub mod wal;

pub use check::{Check, check};
pub use command::{
    Batch, Cancel, Command, DeleteJob, Idempotency, LogBatch, Moved, Plan, PlanStep, PlannedRun, Proposal,
    PutJob, Reassign, Report, Reported, TriggerRun, Trim, VERSION,
};
pub use copy::{copy, note};
pub use error::{SqliteError, StateError};
pub use machine::Machine;
pub use outcome::{Applied, Effect, Outcome, Refusal};
pub use reader::{
    DueJob, ExecutionFilter, ExecutionRow, JobFilter, JobRow, OpenRun, PageLimits, Reader, VersionRow,
};
pub use run::{Fire, JobSeq, RunRef};
