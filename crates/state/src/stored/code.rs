//! The numbers of enums in integer columns, and the SQL conditions on those columns.
//!
//! The conditions are literals: statements are put together at compile time, and SQLite sees the very
//! condition of its partial indexes. No other file may write the number of a status or of a job's state.
//! The tests below check that, and that the conditions match the numbers.

use chronos_types::{ActorKind, ErrorKind, EventType, Role, Status, Trigger};

/// The numbers of an enum's values. They are on the disk for ever: append, never reorder.
pub(crate) trait Code: Sized + Copy + PartialEq + 'static {
    const ORDER: &'static [Self];
    fn code(self) -> i64 {
        // A test below checks that every value is in the table.
        Self::ORDER.iter().position(|v| *v == self).and_then(|i| i64::try_from(i).ok()).unwrap_or(-1)
    }
    /// The value of a number, if it is known.
    fn known(code: i64) -> Option<Self> {
        usize::try_from(code).ok().and_then(|i| Self::ORDER.get(i).copied())
    }
}

impl Code for Status {
    const ORDER: &'static [Self] = &[
        Self::Pending,
        Self::Running,
        Self::Retrying,
        Self::Success,
        Self::Failed,
        Self::Cancelled,
        Self::Skipped,
    ];
}

impl Code for Trigger {
    const ORDER: &'static [Self] =
        &[Self::Schedule, Self::Manual, Self::CatchUp, Self::Replay, Self::Backfill];
}

impl Code for ErrorKind {
    const ORDER: &'static [Self] = &[
        Self::Timeout,
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::Reset,
        Self::Body,
        Self::Status,
        Self::EgressDenied,
        Self::Overlap,
        Self::Cancelled,
        Self::Secret,
        Self::Auth,
    ];
}

impl Code for ActorKind {
    const ORDER: &'static [Self] = &[Self::Anonymous, Self::System, Self::Key];
}

impl Code for Role {
    const ORDER: &'static [Self] = &[Self::Viewer, Self::Operator, Self::Editor, Self::Admin];
}

/// Those of an entry of the log. What is told of the cluster is in no entry.
impl Code for EventType {
    const ORDER: &'static [Self] = &[
        Self::JobCreated,
        Self::JobChanged,
        Self::JobDeleted,
        Self::ExecutionTriggered,
        Self::ExecutionStarted,
        Self::ExecutionRetrying,
        Self::ExecutionSucceeded,
        Self::ExecutionFailed,
        Self::ExecutionCancelled,
        Self::ExecutionSkipped,
        Self::ExecutionMissed,
        Self::OperationStarted,
        Self::OperationProgressed,
        Self::OperationDone,
        Self::OperationCancelled,
        Self::JobPaused,
        Self::JobResumed,
    ];
}

/// The status of a number, for whoever has to go on: of one that is not known, what the conditions below take
/// it for.
pub(crate) fn status(code: i64) -> Status {
    Status::known(code).unwrap_or(if code < 3 { Status::Pending } else { Status::Failed })
}

/// The trigger of a number, for whoever has to go on. One that is not known is none that a schedule asked for.
pub(crate) fn trigger(code: i64) -> Trigger {
    Trigger::known(code).unwrap_or(Trigger::Manual)
}

/// Whether a job runs, or is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobState {
    /// It does not run.
    Disabled,
    /// It runs.
    Enabled,
    /// It is deleted. The row stays, without a name, while executions refer to it.
    Deleted,
}

impl JobState {
    /// The state of a job that is not deleted.
    pub(crate) fn of(enabled: bool) -> Self {
        if enabled { Self::Enabled } else { Self::Disabled }
    }
}

impl Code for JobState {
    const ORDER: &'static [Self] = &[Self::Disabled, Self::Enabled, Self::Deleted];
}

/// Declares conditions. Each takes an optional text that is put before its column's name: that of a table
/// (`"e."`), or a `+`, which keeps SQLite from using an index on the column.
macro_rules! conditions {
    ($dollar:tt $($(#[$doc:meta])* $name:ident = $column:literal $rest:literal;)*) => { $(
        $(#[$doc])*
        macro_rules! $name {
            ($dollar($dollar before:literal)?) => { concat!($dollar($dollar before,)? $column, $rest) };
        }
        pub(crate) use $name;
    )* };
}

conditions! { $
    /// An execution that is not over.
    open = "status" " < 3";
    /// An execution that is over.
    finished = "status" " > 2";
    /// An execution that is over and was not delivered.
    undelivered = "status" " > 3";
    /// An execution that was delivered.
    delivered = "status" " = 3";
    /// An execution that is neither pending nor skipped.
    ran = "status" " NOT IN (0, 6)";
    /// An execution that is not pending.
    not_pending = "status" " <> 0";
    /// A job that is not deleted.
    live_job = "state" " < 2";
    /// A job that is deleted.
    deleted_job = "state" " = 2";
    /// A job that runs.
    enabled_job = "state" " = 1";
    /// A job that does not run, and is not deleted.
    disabled_job = "state" " = 0";
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rusqlite::Connection;

    use super::*;

    #[test]
    fn every_value_has_its_number() {
        assert!(Status::ALL.iter().all(|v| Status::known(v.code()) == Some(*v)));
        assert!(Trigger::ALL.iter().all(|v| Trigger::known(v.code()) == Some(*v)));
        assert!(ActorKind::ALL.iter().all(|v| ActorKind::known(v.code()) == Some(*v)));
        assert!(Role::ALL.iter().all(|v| Role::known(v.code()) == Some(*v)));
        assert!(ErrorKind::ALL.iter().all(|v| ErrorKind::known(v.code()) == Some(*v)));
        let is_logged = |v: EventType| v.topic() != "cluster";
        assert!(EventType::ALL.iter().all(|v| EventType::known(v.code()) == is_logged(*v).then_some(*v)));
        assert_eq!(Status::known(99), None);
    }

    /// The values whose numbers meet a condition.
    fn those<T: Code>(condition: &str) -> Vec<T> {
        let column = condition.split(' ').next().expect("a column");
        let db = Connection::open_in_memory().expect("a database");
        let sql = format!("SELECT {condition} FROM (SELECT ?1 AS {column})");
        let meets = |value: &T| db.query_row(&sql, [value.code()], |row| row.get(0)).expect("an answer");
        T::ORDER.iter().copied().filter(meets).collect()
    }

    #[test]
    fn conditions_say_what_their_names_do() {
        let statuses = |is: fn(Status) -> bool| -> Vec<Status> {
            Status::ORDER.iter().copied().filter(|status| is(*status)).collect()
        };
        assert_eq!(those::<Status>(open!()), statuses(|status| !status.is_finished()));
        assert!(!status(-1).is_finished() && status(99).is_finished(), "as the conditions take them");
        assert_eq!(those::<Status>(finished!()), statuses(Status::is_finished));
        let undelivered = |status: Status| status.is_finished() && status != Status::Success;
        assert_eq!(those::<Status>(undelivered!()), statuses(undelivered));
        assert_eq!(those::<Status>(delivered!()), [Status::Success]);
        assert_eq!(
            those::<Status>(ran!()),
            statuses(|status| !matches!(status, Status::Pending | Status::Skipped))
        );
        assert_eq!(those::<Status>(not_pending!()), statuses(|status| status != Status::Pending));
        assert_eq!(those::<JobState>(live_job!()), [JobState::Disabled, JobState::Enabled]);
        assert_eq!(those::<JobState>(deleted_job!()), [JobState::Deleted]);
        assert_eq!(those::<JobState>(enabled_job!()), [JobState::of(true)]);
        assert_eq!(those::<JobState>(disabled_job!()), [JobState::of(false)]);
        assert_eq!(open!("e."), "e.status < 3");
    }

    #[test]
    fn no_other_file_writes_their_numbers() {
        fn files(directory: &Path, found: &mut Vec<(String, String)>) {
            for entry in std::fs::read_dir(directory).expect("a directory") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    files(&path, found);
                } else if !path.ends_with("stored/code.rs") {
                    let text = std::fs::read_to_string(&path).expect("a file");
                    found.push((path.display().to_string(), text));
                }
            }
        }
        let mut found = Vec::new();
        files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        assert!(found.len() > 20, "{} files", found.len());
        for (path, text) in found {
            for (number, line) in (1..).zip(text.lines()) {
                let compares = |column: &str| {
                    line.split(column).skip(1).any(|rest| {
                        let rest = rest.trim_start().trim_start_matches("NOT ");
                        let value = rest.trim_start_matches("IN (").trim_start_matches(['<', '>', '=', '!']);
                        value.len() < rest.len()
                            && value.trim_start().starts_with(|c: char| c.is_ascii_digit())
                    })
                };
                assert!(!compares("status") && !compares("state"), "{path}:{number}: {line}");
            }
        }
    }
}
