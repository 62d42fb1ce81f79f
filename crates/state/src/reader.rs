//! Questions to the state. Each kind of question has a file.

mod executions;
mod hash;
mod jobs;
mod nodes;
mod page;
mod planning;
mod pool;
mod remainders;
mod retention;

pub use executions::{ExecutionFilter, ExecutionRow};
pub use jobs::{JobFilter, JobRow, VersionRow};
pub use nodes::OpenRun;
pub use page::Page;
pub use planning::{BadJob, Due, DueJob, DuePlace, PassedBy};
pub use pool::{Reader, Readers};
