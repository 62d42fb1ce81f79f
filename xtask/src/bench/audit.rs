//! Reads back, through the API, what was recorded, and holds it against what was due and what
//! arrived.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};

use chronos_client::api::Execution;
use chronos_client::{Client, ExecutionQuery};
use chronos_testkit::{Due, Records};
use chronos_types::Millis;
use futures::{StreamExt, TryStreamExt};
use rusqlite::{Connection, OpenFlags};

use crate::Result;

/// Jobs whose records are read at once.
const READ_AT_ONCE: usize = 4;

/// What was recorded.
#[derive(Debug, Default)]
pub struct Audit {
    /// Instants that should have a record.
    pub expected: usize,
    /// Of those, instants whose record says `success`.
    pub succeeded: usize,
    /// Instants without a record.
    pub missing: usize,
    /// Instants with several records.
    pub doubled: usize,
    /// Records that say anything but `success`.
    pub other: HashMap<String, usize>,
    /// Executions that arrived and have no record.
    pub unknown: usize,
}

impl Audit {
    /// Whether every instant has one record, which is a success, and nothing else arrived.
    pub fn is_clean(&self) -> bool {
        let whole = self.expected == self.succeeded && self.other.is_empty();
        whole && self.missing + self.doubled + self.unknown == 0
    }
}

impl std::fmt::Display for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} success", self.succeeded, self.expected)?;
        for (count, what) in [
            (self.missing, "without a record"),
            (self.doubled, "doubled"),
            (self.unknown, "arrived without a record"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        for (status, count) in &self.other {
            write!(f, ", {count} {status}")?;
        }
        Ok(())
    }
}

/// Holds the records of all jobs against the instants of each.
pub async fn audit(
    client: &Client,
    expected: &HashMap<String, Vec<Millis>>,
    arrived: &HashSet<u128>,
) -> Result<Audit> {
    let ever = ExecutionQuery { from: Some("1970-01-01T00:00:00Z".to_owned()), ..ExecutionQuery::default() };
    judge(client.all_executions(ever).await?, expected, arrived)
}

/// The same of these jobs alone, whatever else is on record.
pub async fn audit_only(
    client: &Client,
    expected: &HashMap<String, Vec<Millis>>,
    arrived: &HashSet<u128>,
) -> Result<Audit> {
    let records = futures::stream::iter(expected.keys())
        .map(|job| client.all_job_executions(job, ExecutionQuery::default()))
        .buffer_unordered(READ_AT_ONCE);
    judge(records.try_concat().await?, expected, arrived)
}

fn judge(
    executions: Vec<Execution>,
    expected: &HashMap<String, Vec<Millis>>,
    arrived: &HashSet<u128>,
) -> Result<Audit> {
    let number = |execution: &Execution| u128::from_str_radix(&execution.id.replace('-', ""), 16);
    let known: HashSet<u128> = executions.iter().map(number).collect::<std::result::Result<_, _>>()?;
    let (mut records, mut due) = (Records::of(executions), Due::default());
    for (job, times) in expected {
        // What did not arrive is counted by the receiver.
        records.check(job, times.iter().copied(), |_| true, &mut due);
    }
    let mut other: HashMap<String, usize> = HashMap::new();
    for record in due.unsuccessful {
        *other.entry(record.status).or_default() += 1;
    }
    let astray = records.left().count();
    if astray > 0 {
        other.insert("of no due instant".into(), astray);
    }
    Ok(Audit {
        expected: due.count,
        succeeded: due.succeeded,
        missing: due.unrecorded.len(),
        doubled: due.doubled.len(),
        other,
        unknown: arrived.difference(&known).count(),
    })
}

/// Waits until `count` executions are on record and none is unfinished, and says when that was.
///
/// It looks into the state file, whose every transaction is behind a durable one of the log; so
/// what is seen there is durable, and looking does not keep the server's API busy.
pub async fn wait_until_durable(directory: &Path, count: usize, patience: Duration) -> Result<Option<i64>> {
    let file = Connection::open_with_flags(
        directory.join("state.db"),
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    file.busy_timeout(Duration::from_secs(1))?;
    // The open ones have a small index of their own; and the counter counts every record made.
    let mut open = file.prepare("SELECT count(*) FROM executions WHERE status < 3")?;
    let mut made = file.prepare("SELECT last FROM counters WHERE name = 'execution'")?;
    let begun = Instant::now();
    loop {
        let made: i64 = made.query_row([], |row| row.get(0))?;
        if usize::try_from(made).unwrap_or_default() >= count {
            let open: i64 = open.query_row([], |row| row.get(0))?;
            if open == 0 {
                return Ok(Some(super::now_us()));
            }
        }
        if begun.elapsed() > patience {
            return Ok(None);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
