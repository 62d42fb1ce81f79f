//! Reads back, through the API, what was recorded, and holds it against what was due and what
//! arrived.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};

use chronos_types::{Millis, parse_rfc3339};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::api::Api;
use crate::Result;

/// What was recorded.
#[derive(Debug, Default)]
pub struct Audit {
    /// Instants that should have a record.
    pub expected: usize,
    /// Of those, instants whose record says `success`.
    pub succeeded: usize,
    /// Instants without a record.
    pub missing: usize,
    /// Records beyond the first of an instant.
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
    api: &Api,
    expected: &HashMap<String, Vec<Millis>>,
    arrived: &HashSet<u128>,
) -> Result<Audit> {
    let mut found: HashMap<(String, Millis), Vec<String>> = HashMap::new();
    let (mut audit, mut known) = (Audit::default(), HashSet::new());
    for execution in api.all("/api/v1/executions", "executions").await? {
        let text = |name: &str| -> Result<String> {
            let value = execution.get(name).and_then(Value::as_str);
            Ok(value.ok_or_else(|| format!("an execution has no {name}"))?.to_owned())
        };
        known.insert(u128::from_str_radix(&text("id")?.replace('-', ""), 16)?);
        let time = parse_rfc3339(&text("scheduled_time")?).ok_or("a scheduled_time is not RFC 3339")?;
        found.entry((text("job_name")?, time)).or_default().push(text("status")?);
    }
    for (job, times) in expected {
        for time in times {
            audit.expected += 1;
            let statuses = found.remove(&(job.clone(), *time)).unwrap_or_default();
            audit.missing += usize::from(statuses.is_empty());
            audit.doubled += statuses.len().saturating_sub(1);
            for status in statuses {
                if status == "success" {
                    audit.succeeded += 1;
                } else {
                    *audit.other.entry(status).or_default() += 1;
                }
            }
        }
    }
    if !found.is_empty() {
        *audit.other.entry("of no due instant".into()).or_default() += found.len();
    }
    audit.unknown = arrived.difference(&known).count();
    Ok(audit)
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
