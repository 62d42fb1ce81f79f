//! Questions to the state. Each kind of question has a file.

mod connection;
mod executions;
mod hash;
mod jobs;
mod nodes;
mod page;
mod planning;
mod retention;

pub use connection::Reader;
pub use executions::{ExecutionFilter, ExecutionRow};
pub use jobs::{JobFilter, JobRow, VersionRow};
pub use nodes::OpenRun;
pub use page::PageLimits;
pub use planning::DueJob;
