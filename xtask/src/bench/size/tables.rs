//! How large the state is, by what it is for.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::Result;

/// The tables of which each job has rows, and those of which a job has a row once it has run.
const OF_JOBS: [&str; 7] = ["authors", "due", "job_sets", "jobs", "pauses", "tags", "versions"];
const OF_JOBS_THAT_RAN: [&str; 1] = ["job_stats"];
/// The table of executions, and those that are nothing but ways to find some of them.
const EXECUTIONS: &str = "executions";
const LIKE_INDEXES: [&str; 2] = ["failures", "triggers"];

/// The sizes of a state.
pub struct Sizes {
    /// Bytes of each table, and of its indexes.
    tables: BTreeMap<String, (u64, u64)>,
    jobs: u64,
    ran: u64,
    executions: u64,
}

impl Sizes {
    /// Those of a state file.
    pub fn of(directory: &Path) -> Result<Self> {
        let file = open(&directory.join("state.db"))?;
        let mut tables: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        let sql = "SELECT s.tbl_name, s.name = s.tbl_name, d.pgsize FROM dbstat d
            JOIN sqlite_schema s ON s.name = d.name WHERE d.aggregate = 1";
        let mut statement = file.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (table, is_table, bytes): (String, bool, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (own, indexes) = tables.entry(table).or_default();
            *if is_table { own } else { indexes } += bytes.unsigned_abs();
        }
        let count = |sql: &str| -> Result<u64> {
            Ok(file.query_row(sql, [], |row| row.get::<_, i64>(0))?.unsigned_abs())
        };
        let (jobs, executions) =
            (count("SELECT count(*) FROM jobs")?, count("SELECT count(*) FROM executions")?);
        let ran = count("SELECT count(DISTINCT job) FROM executions")?;
        Ok(Self { tables, jobs, ran, executions })
    }

    /// Bytes of all jobs, but for what they have once they have run.
    pub fn jobs(&self) -> f64 {
        self.sum(&OF_JOBS)
    }

    /// Bytes of one of them.
    pub fn job(&self) -> f64 {
        self.jobs() / self.jobs.max(1) as f64
    }

    /// Bytes that a job has beside that once it has run.
    pub fn more_where_it_ran(&self) -> f64 {
        self.sum(&OF_JOBS_THAT_RAN) / self.ran.max(1) as f64
    }

    /// Bytes of an execution, and of its indexes.
    pub fn execution(&self) -> (f64, f64) {
        let (own, indexes) = self.tables.get(EXECUTIONS).copied().unwrap_or_default();
        let count = self.executions.max(1) as f64;
        (own as f64 / count, (indexes as f64 + self.sum(&LIKE_INDEXES)) / count)
    }

    /// The tables that are neither of jobs nor of executions, and are large enough to be seen.
    pub fn others(&self) -> String {
        let known = [&OF_JOBS[..], &OF_JOBS_THAT_RAN, &[EXECUTIONS], &LIKE_INDEXES].concat();
        let others = self.tables.iter().filter(|(name, _)| !known.contains(&name.as_str()));
        let others = others.map(|(name, (own, indexes))| (name, own + indexes));
        let shown: Vec<_> = others
            .filter(|(_, bytes)| *bytes >= 64 << 10)
            .map(|(name, bytes)| format!("{name} {:.1} MiB", bytes as f64 / f64::from(1 << 20)))
            .collect();
        if shown.is_empty() { "none above 64 KiB".into() } else { shown.join(", ") }
    }

    fn sum(&self, names: &[&str]) -> f64 {
        let bytes = names.iter().filter_map(|name| self.tables.get(*name));
        bytes.map(|(own, indexes)| own + indexes).sum::<u64>() as f64
    }
}

/// The bytes of a file of SQLite, of what waits in its write-ahead log too.
pub fn bytes(path: &Path) -> Result<u64> {
    let file = open(path)?;
    let of =
        |what: &str| -> Result<i64> { Ok(file.query_row(&format!("PRAGMA {what}"), [], |row| row.get(0))?) };
    Ok((of("page_count")? * of("page_size")?).unsigned_abs())
}

fn open(path: &Path) -> Result<Connection> {
    Ok(Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?)
}

#[cfg(test)]
mod tests {
    use chronos_types::NodeName;

    use super::*;
    use crate::bench::jobs::Job;
    use crate::bench::load::Loader;
    use crate::bench::now_ms;

    #[test]
    fn what_is_kept_of_jobs_that_ran_is_told_apart() {
        let sizes = |open: fn(&Path, std::net::SocketAddr) -> Result<Loader>| {
            let directory = tempfile::tempdir().unwrap();
            let mut loader = open(directory.path(), ([127, 0, 0, 1], 9).into()).unwrap();
            let start = now_ms() - 3_600_000;
            let jobs = (0..500).map(|n| Job { start_at: Some(start), ..Job::numbered(n, "@every 1h") });
            loader.put_with_run(jobs, &NodeName::unchecked("n1")).unwrap();
            loader.finish().unwrap();
            Sizes::of(directory.path()).unwrap()
        };
        let (now, before) = (sizes(Loader::open), sizes(Loader::open_as_it_is));
        assert_eq!((now.jobs, now.ran, now.executions), (500, 500, 500));
        assert!(now.job() > 300.0 && now.execution().0 > 100.0 && now.execution().1 > 10.0);
        assert!(now.more_where_it_ran() > 20.0, "{}", now.more_where_it_ran());
        assert!(before.more_where_it_ran() < 1.0, "the first version keeps nothing of them");
    }
}
