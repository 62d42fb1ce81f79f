//! Questions to the state. Each kind of question has a file.

mod clock;
mod executions;
mod hash;
mod jobs;
mod nodes;
mod page;
mod planning;
mod pool;
mod retention;

pub use clock::{ClusterTime, JobDue, Jump, SetBack, WaitingRuns};
pub use executions::{ExecutionFilter, ExecutionRow};
pub use jobs::{JobFilter, JobRow, VersionRow};
pub use nodes::OpenRun;
pub use page::Page;
pub use planning::DueJob;
pub use pool::{Reader, Readers};
pub use retention::{Keep, Surplus};
