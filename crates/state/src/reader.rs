//! Questions to the state. Each kind of question has a file.

mod aged;
mod clock;
mod connection;
mod events;
mod executions;
mod hash;
mod jobs;
mod measures;
mod nodes;
mod operations;
mod page;
mod pauses;
mod pending;
mod planning;
mod remainders;
mod retention;
mod sets;
mod texts;
mod upcoming;

pub use aged::Age;
pub use clock::{ClusterTime, JobDue, Jump, SetBack, WaitingRuns};
pub use connection::Reader;
pub use events::{EventJob, EventPage, EventPlace, RecordedEvent};
pub use executions::{ExecutionFilter, ExecutionRow};
pub use jobs::{JobFilter, JobRow, JobsAmong, VersionRow};
pub use nodes::OpenRun;
pub use operations::{OperationRow, RefusedItem};
pub use page::PageLimits;
pub use pauses::EndingPause;
pub use pending::PendingRun;
pub use planning::{BadJob, Due, DueJob, DuePlace, PassedBy};
pub use retention::{Keep, Surplus};
pub use sets::SetSurplus;
pub use texts::{JobMark, JobTexts, TextCondition};
pub use upcoming::EnabledName;
