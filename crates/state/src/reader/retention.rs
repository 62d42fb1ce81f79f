//! What retention asks: which records can be forgotten. What is past its age is in `aged`.
//!
//! Every question looks at a bounded number of rows and says where it ended, so that what it costs does not depend
//! on how much there is. The next question begins there.

use chronos_types::{ExecutionId, JobId, Millis, Status, Trigger};
use rusqlite::OptionalExtension as _;

use super::connection::Reader;
use crate::command::{Idempotency, MAX_ROWS, STATS_SINCE, Trim};
use crate::error::StateError;
use crate::outcome::Outcome;
use crate::run::JobSeq;
use crate::schema;
use crate::stored::code::{self, Code as _, deleted_job, finished, live_job};
use crate::stored::{answers, columns};

/// What a look at a part of the records found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surplus<At> {
    /// What can be forgotten. It never names more rows than one command may take away.
    pub trim: Trim,
    /// Where the next look is to begin; none where this one came to the end.
    pub next: Option<At>,
    /// Whether executions have rows by which they are found.
    has_lookups: bool,
    /// How many such rows go along, and of what is sent in place of what the job says.
    beside: usize,
    /// Whether there was no room for one that could be forgotten.
    is_over: bool,
}

impl<At> Surplus<At> {
    /// Nothing yet, in a state of this version.
    pub(super) fn new(version: u32) -> Self {
        let trim = Trim { executions: Vec::new(), versions: Vec::new(), jobs: Vec::new(), keys_before: 0 };
        Self { trim, next: None, has_lookups: version >= STATS_SINCE, beside: 0, is_over: false }
    }

    /// Whether there is no room for more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.room() == 0
    }

    /// How many rows there is room for.
    pub(super) fn room(&self) -> usize {
        let rows = if self.is_over { MAX_ROWS } else { self.trim.rows() + self.beside };
        MAX_ROWS.saturating_sub(rows)
    }

    /// Adds an execution, if there is room for all that goes with it. Answers whether there was.
    pub(super) fn add(&mut self, seq: i64, status: Status, trigger: i64) -> bool {
        let beside = if self.has_lookups { lookups_of(status, trigger) } else { 0 };
        self.is_over = self.room() <= beside;
        if !self.is_over {
            self.trim.executions.push(seq);
            self.beside += beside;
        }
        !self.is_over
    }
}

/// How many rows at most stand beside an execution of this status and trigger: those it is found by, and what it sends in
/// place of what its job says.
fn lookups_of(status: Status, trigger: i64) -> usize {
    let is_planned = matches!(code::trigger(trigger), Trigger::Schedule | Trigger::CatchUp);
    usize::from(status == Status::Failed)
        + usize::from(trigger != Trigger::Schedule.code())
        + usize::from(!is_planned)
}

/// How much is kept of each job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Executions, the newest.
    pub executions: u64,
    /// Superseded versions, the newest.
    pub versions: u64,
    /// Executions of a scheduled instant from here on do not count: the clock was ahead when they ran.
    pub until: Millis,
}

impl Reader {
    /// What jobs hold beyond what is kept of each: their oldest finished executions, and superseded versions that
    /// no execution ran or may have run. It looks at `limit` jobs at most, from the number `from` on.
    ///
    /// # Errors
    /// The storage failed.
    pub fn overfull_jobs(
        &self,
        from: JobSeq,
        limit: usize,
        keep: Keep,
    ) -> Result<Surplus<JobSeq>, StateError> {
        let sql = "SELECT seq, held, version FROM due WHERE seq >= ?1 ORDER BY seq LIMIT ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query((from.get(), limit + 1))?;
        let (mut surplus, mut looked_at) = (self.no_surplus()?, 0);
        while let Some(row) = rows.next()? {
            let (job, held, version): (_, u64, u64) = (columns::job_seq(row, 0)?, row.get(1)?, row.get(2)?);
            // What there was no room for is found by the next look, which begins with this job.
            if looked_at == limit || surplus.room() == 0 {
                surplus.next = Some(job);
                break;
            }
            looked_at += 1;
            if held > keep.executions {
                let over = (held - keep.executions).saturating_sub(self.count_ahead(job, keep.until)?);
                self.oldest_executions(job, over, keep.until, &mut surplus)?;
            }
            // Version 1 is the first, and the one in force is not among those that are superseded.
            if version > keep.versions.saturating_add(1) {
                self.unused_versions(job, version - keep.versions, &mut surplus)?;
            }
            if surplus.room() == 0 {
                surplus.next = Some(job);
                break;
            }
        }
        Ok(surplus)
    }

    pub(super) fn no_surplus<At>(&self) -> Result<Surplus<At>, StateError> {
        Ok(Surplus::new(schema::version(&self.connection)?))
    }

    /// How many executions of a job are of an instant from `until` on.
    pub(super) fn count_ahead(&self, job: JobSeq, until: Millis) -> Result<u64, StateError> {
        let sql = "SELECT count(*) FROM executions WHERE job = ?1 AND id >= ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row((job.get(), ExecutionId::floor(until).as_bytes()), |row| row.get(0))?)
    }

    /// Adds the finished ones among the `over` oldest executions of a job, as far as they are of before an instant.
    pub(super) fn oldest_executions(
        &self,
        job: JobSeq,
        over: u64,
        before: Millis,
        surplus: &mut Surplus<JobSeq>,
    ) -> Result<(), StateError> {
        let sql = concat!(
            "SELECT seq, status, trigger FROM (SELECT seq, status, trigger FROM executions INDEXED BY executions_job
            WHERE job = ?1 AND id < ?4 ORDER BY id LIMIT ?2) WHERE ",
            finished!(),
            " LIMIT ?3"
        );
        let over = i64::try_from(over).unwrap_or(i64::MAX);
        let before = ExecutionId::floor(before);
        let mut statement = self.connection.prepare_cached(sql)?;
        let parameters = (job.get(), over, surplus.room(), before.as_bytes());
        let mut rows = statement.query(parameters)?;
        while let Some(row) = rows.next()? {
            if !surplus.add(row.get(0)?, code::status(row.get(1)?), row.get(2)?) {
                break;
            }
        }
        Ok(())
    }

    /// Adds the superseded versions of a job before `before`, but for those that an execution ran or may have, and
    /// those that the answer to a repeated request shows.
    fn unused_versions(
        &self,
        job: JobSeq,
        before: u64,
        surplus: &mut Surplus<JobSeq>,
    ) -> Result<(), StateError> {
        // Few jobs have that many. Which versions the executions of a job ran is read once for the job, not once
        // for each version.
        let sql = "SELECT version FROM versions WHERE seq = ?1 AND version < ?2
            EXCEPT SELECT version FROM executions WHERE job = ?1
            EXCEPT SELECT version FROM withdrawn WHERE job = ?1
            EXCEPT SELECT version FROM keys WHERE job = ?1 ORDER BY version LIMIT ?3";
        let before = i64::try_from(before).unwrap_or(i64::MAX);
        let mut statement = self.connection.prepare_cached(sql)?;
        let found = statement.query_map((job.get(), before, surplus.room()), |row| row.get(0))?;
        for version in found {
            surplus.trim.versions.push((job, version?));
        }
        Ok(())
    }

    /// Deleted jobs that no execution and no answer refers to or may come to; of one with very many versions, first
    /// those. It looks at `limit` deleted jobs at most, from the number `from` on.
    ///
    /// # Errors
    /// The storage failed.
    pub fn forgotten_jobs(&self, from: JobSeq, limit: usize) -> Result<Surplus<JobSeq>, StateError> {
        let sql = concat!(
            "SELECT seq, NOT EXISTS (SELECT 1 FROM executions WHERE job = jobs.seq)
            AND NOT EXISTS (SELECT 1 FROM withdrawn WHERE job = jobs.seq)
            AND NOT EXISTS (SELECT 1 FROM keys WHERE job = jobs.seq)
            FROM jobs INDEXED BY jobs_state WHERE ",
            deleted_job!(),
            " AND seq >= ?1 ORDER BY seq LIMIT ?2"
        );
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query((from.get(), limit + 1))?;
        let (mut surplus, mut looked_at, mut versions) = (self.no_surplus()?, 0, 0);
        while let Some(row) = rows.next()? {
            let job = columns::job_seq(row, 0)?;
            if looked_at == limit {
                surplus.next = Some(job);
                break;
            }
            looked_at += 1;
            if !row.get::<_, bool>(1)? {
                continue;
            }
            let room = surplus.room().saturating_sub(versions);
            let sql = "SELECT count(*) FROM (SELECT 1 FROM versions WHERE seq = ?1 LIMIT ?2)";
            let of_job: usize =
                self.connection.prepare_cached(sql)?.query_row((job.get(), room), |row| row.get(0))?;
            if of_job + 2 <= room {
                surplus.trim.jobs.push(job);
                versions += of_job;
                continue;
            }
            if surplus.trim.jobs.is_empty() {
                self.unused_versions(job, u64::MAX, &mut surplus)?;
            }
            surplus.next = Some(job);
            break;
        }
        Ok(surplus)
    }

    /// How many idempotency keys are older than this, counted up to `limit`.
    ///
    /// # Errors
    /// The storage failed.
    pub fn keys_before(&self, at: Millis, limit: usize) -> Result<usize, StateError> {
        let sql = "SELECT count(*) FROM (SELECT 1 FROM keys WHERE at < ?1 LIMIT ?2)";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row((at, limit), |row| row.get(0))?)
    }

    /// What was answered to the first request with this idempotency key; none where there was none.
    ///
    /// # Errors
    /// The storage failed.
    pub fn answer(&self, key: &Idempotency) -> Result<Option<Outcome>, StateError> {
        answers::find(&self.connection, key)
    }

    /// The bytes that the specification of a job takes, if there is such a job.
    ///
    /// # Errors
    /// The storage failed.
    pub fn spec_bytes(&self, job: JobId) -> Result<Option<u64>, StateError> {
        let sql = concat!("SELECT octet_length(spec) FROM jobs WHERE id = ?1 AND ", live_job!());
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row([job.as_bytes()], |row| row.get(0)).optional()?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rusqlite::Connection;

    use super::*;
    use crate::reader::aged::Age;
    use crate::schema;

    /// A state of so many enabled jobs, each with three finished executions and an unfinished one, the oldest of
    /// all; made past the machine, for the checksums do not matter here.
    fn state(directory: &std::path::Path, jobs: i64) -> Reader {
        let path = directory.join(format!("{jobs}.db"));
        let db = schema::open(&path).expect("a state file");
        let transaction = db.unchecked_transaction().expect("a transaction");
        fill(&db, jobs);
        transaction.commit().expect("a commit");
        Reader { connection: schema::open_reader(&path).expect("a reader") }
    }

    fn fill(db: &Connection, jobs: i64) {
        let sql = "INSERT INTO jobs VALUES (?1, randomblob(16), ?1, 1, 1, 0, 0, '{}', 0)";
        let mut job = db.prepare(sql).expect("SQL");
        let mut due = db.prepare("INSERT INTO due VALUES (?1, 5, 1, 0, 4)").expect("SQL");
        let sql =
            "INSERT INTO executions VALUES (NULL, ?1, ?2, 1, 0, 0, 0, ?3, 1, 0, 0, 'n1', NULL, NULL, 0)";
        let mut execution = db.prepare(sql).expect("SQL");
        for seq in 1..=jobs {
            job.execute([seq]).expect("a job");
            due.execute([seq]).expect("a due instant");
            for (n, status) in [0, 3, 3, 3].into_iter().enumerate() {
                let at = 1_000 * i64::try_from(n).expect("a number") + seq / 100;
                let mut random = [0; 10];
                random[2..].copy_from_slice(&seq.to_be_bytes());
                let id = ExecutionId::manual(JobId::new(0, [0; 10]), at, random);
                execution.execute((id.as_bytes(), seq, status)).expect("an execution");
            }
        }
    }

    /// What a question costs, in steps of SQLite's virtual machine. Each row that is looked at is some of them.
    fn steps(reader: &mut Reader, ask: impl Fn(&Reader)) -> u64 {
        let count = Arc::new(AtomicU64::new(0));
        let counter = count.clone();
        let handler = move || {
            counter.fetch_add(1, Ordering::Relaxed);
            false
        };
        reader.connection.progress_handler(1, Some(handler)).expect("a handler");
        ask(reader);
        reader.connection.progress_handler(0, None::<fn() -> bool>).expect("no handler");
        count.load(Ordering::Relaxed)
    }

    /// Its name, the look, and what it may cost.
    type Look = (&'static str, Box<dyn Fn(&Reader)>, u64);

    #[test]
    fn what_a_look_costs_does_not_depend_on_how_much_there_is() {
        let directory = tempfile::tempdir().expect("a directory");
        let keep = Keep { executions: 9, versions: 9, until: 1 << 40 };
        let first = JobSeq::default();
        let age = |before, least| Age { before, least, until: 1 << 40 };
        let all = 1 << 40;
        let looks: [Look; 11] = [
            ("overfull", Box::new(move |r| drop(r.overfull_jobs(first, 100, keep).expect("a look"))), 1_500),
            (
                "nothing aged",
                Box::new(move |r| drop(r.aged_executions(None, age(0, 2), 1_000).expect("a look"))),
                50,
            ),
            // The unfinished ones are the oldest. A look passes by no more of them than it may.
            (
                "aged",
                Box::new(move |r| drop(r.aged_executions(None, age(all, 0), 100).expect("a look"))),
                2_500,
            ),
            // Each is of another job, which is asked for how many it has: some 50 steps more for each.
            (
                "aged, of which some stay",
                Box::new(move |r| drop(r.aged_executions(None, age(all, 2), 100).expect("a look"))),
                7_500,
            ),
            // All that the jobs have is gone through, and named but for the newest two.
            (
                "aged, of jobs",
                Box::new(move |r| drop(r.aged_of_jobs(first, age(all, 2), 100).expect("a look"))),
                10_000,
            ),
            // Without going through what they hold: a step in the index shows that the oldest is young enough.
            (
                "nothing aged, of jobs",
                Box::new(move |r| drop(r.aged_of_jobs(first, age(0, 2), 100).expect("a look"))),
                2_500,
            ),
            // How many a job has is on record; its executions are not looked at.
            (
                "aged, of jobs that have few",
                Box::new(move |r| drop(r.aged_of_jobs(first, age(all, 9), 100).expect("a look"))),
                1_200,
            ),
            // And the next one begins behind them.
            (
                "aged, from where the last look ended",
                Box::new(move |r| {
                    let from = Some(ExecutionId::floor(1_000));
                    drop(r.aged_executions(from, age(1_000, 2), 100).expect("a look"));
                }),
                50,
            ),
            ("deleted", Box::new(move |r| drop(r.forgotten_jobs(first, 100).expect("a look"))), 50),
            ("count", Box::new(move |r| assert!(r.count_some_jobs(true, first, 100).is_ok())), 1_500),
            ("executions", Box::new(move |r| assert!(r.count_some_executions(first, 100).is_ok())), 1_500),
        ];
        let (mut few, mut many) = (state(directory.path(), 200), state(directory.path(), 4_000));
        for (name, look, most) in &looks {
            let (of_few, of_many) = (steps(&mut few, look), steps(&mut many, look));
            assert!(of_few > 0 && of_few <= *most, "{name}: {of_few} steps");
            assert!(of_many <= of_few + 20, "{name}: {of_few} steps for 200 jobs, and {of_many} for 4,000");
        }
    }
}
