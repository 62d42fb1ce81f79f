//! The reference for durable writes: group commits of bare SQLite, set up as the log is.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::data_directory;
use crate::Result;

/// The result of the loop.
pub struct Groups {
    /// Durable transactions a second.
    pub commits: f64,
    /// Jobs a second.
    pub rate: f64,
}

/// Commits groups of `rows` rows of `bytes` bytes. Each row stands for one job.
pub fn commits(bytes: usize, rows: usize, time: Duration) -> Result<Groups> {
    let directory = data_directory()?;
    let mut file = Connection::open(directory.path().join("group.db"))?;
    file.pragma_update(None, "journal_mode", "WAL")?;
    file.pragma_update(None, "synchronous", "FULL")?;
    file.pragma_update(None, "wal_autocheckpoint", 2_000)?;
    file.execute_batch("CREATE TABLE log (idx INTEGER PRIMARY KEY, data BLOB NOT NULL)")?;
    let data = vec![b'x'; bytes];
    let (begun, mut commits) = (Instant::now(), 0u32);
    while begun.elapsed() < time {
        let transaction = file.transaction()?;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO log (data) VALUES (?1)")?;
            for _ in 0..rows {
                insert.execute([&data])?;
            }
        }
        transaction.commit()?;
        commits += 1;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let commits = f64::from(commits) / seconds;
    Ok(Groups { commits, rate: commits * rows as f64 })
}

/// The mean of several runs of the same length.
pub fn mean(runs: &[Groups]) -> Groups {
    let of = |what: fn(&Groups) -> f64| runs.iter().map(what).sum::<f64>() / runs.len().max(1) as f64;
    Groups { commits: of(|run| run.commits), rate: of(|run| run.rate) }
}
