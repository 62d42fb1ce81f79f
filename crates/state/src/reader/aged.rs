//! What is past its age: executions whose instants are long ago, but for the newest of each job.
//!
//! Mostly an execution goes as it comes of age: they are gone through in the order of their instants, once. Those that
//! stay then, because their job has few or because they are unfinished, are found by going through the jobs.

use std::collections::HashMap;

use chronos_types::{ExecutionId, Millis};
use rusqlite::OptionalExtension as _;

use super::connection::Reader;
use super::retention::Surplus;
use crate::command::MAX_ROWS;
use crate::error::StateError;
use crate::run::JobSeq;
use crate::stored::code::{self, deleted_job, finished};
use crate::stored::columns;

/// What is past its age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    /// What was scheduled for an instant before this one.
    pub before: Millis,
    /// So many executions of each job stay, the newest, whatever their age. A deleted job keeps none.
    pub least: u64,
    /// Executions of a scheduled instant from here on are not the newest: the clock was ahead when they ran.
    pub until: Millis,
}

impl Reader {
    /// Finished executions that are past their age, the oldest first. It looks at `limit` executions at most, from
    /// `from` on.
    ///
    /// # Errors
    /// The storage failed.
    pub fn aged_executions(
        &self,
        from: Option<ExecutionId>,
        age: Age,
        limit: usize,
    ) -> Result<Surplus<ExecutionId>, StateError> {
        // The rows are looked at here, so that the limit counts those that stay too.
        let sql = concat!(
            "SELECT id, seq, ",
            finished!(),
            ", job, status, trigger FROM executions WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3"
        );
        let limit = limit.min(MAX_ROWS);
        let from = from.map_or([0; 16], |from| *from.as_bytes());
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query((from, ExecutionId::floor(age.before).as_bytes(), limit + 1))?;
        let (mut surplus, mut looked_at) = (self.no_surplus()?, 0);
        // How many of each job's executions may go, from the one that is looked at on. All of them are met.
        let mut left = HashMap::new();
        while let Some(row) = rows.next()? {
            let id = ExecutionId::from_bytes(row.get(0)?);
            if looked_at == limit {
                surplus.next = Some(id);
                break;
            }
            looked_at += 1;
            if age.least > 0 {
                let job = columns::job_seq(row, 3)?;
                let left = match left.get_mut(&job) {
                    Some(left) => left,
                    None => left.entry(job).or_insert(self.past_least(job, id, age)?),
                };
                if *left == 0 {
                    continue;
                }
                *left -= 1;
            }
            // What there was no room for is found by the next look, which begins with it.
            if row.get(2)? && !surplus.add(row.get(1)?, code::status(row.get(4)?), row.get(5)?) {
                surplus.next = Some(id);
                break;
            }
        }
        Ok(surplus)
    }

    /// Finished executions of jobs that are past their age, the oldest of each. It looks at `limit` jobs at most, from
    /// the number `from` on.
    ///
    /// # Errors
    /// The storage failed.
    pub fn aged_of_jobs(&self, from: JobSeq, age: Age, limit: usize) -> Result<Surplus<JobSeq>, StateError> {
        let sql = "SELECT seq, held, at IS NULL FROM due WHERE seq >= ?1 ORDER BY seq LIMIT ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query((from.get(), limit + 1))?;
        let (mut surplus, mut looked_at) = (self.no_surplus()?, 0);
        while let Some(row) = rows.next()? {
            let job = columns::job_seq(row, 0)?;
            // What there was no room for is found by the next look, which begins with this job.
            if looked_at == limit || surplus.room() == 0 {
                surplus.next = Some(job);
                break;
            }
            looked_at += 1;
            let over = self.over_least(job, row.get(1)?, row.get(2)?, age)?;
            // Mostly the oldest is young enough: one step in the index.
            if over > 0 && self.has_before(job, age.before)? {
                let over = over.saturating_sub(self.count_ahead(job, age.until)?);
                self.oldest_executions(job, over, age.before, &mut surplus)?;
            }
            if surplus.room() == 0 {
                surplus.next = Some(job);
                break;
            }
        }
        Ok(surplus)
    }

    /// How many executions of a job may go, from the one with this id on in their order.
    fn past_least(&self, job: JobSeq, id: ExecutionId, age: Age) -> Result<u64, StateError> {
        let mut statement =
            self.connection.prepare_cached("SELECT held, at IS NULL FROM due WHERE seq = ?1")?;
        let found = statement.query_row([job.get()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((held, is_idle)) = found else { return Ok(0) };
        let over = self.over_least(job, held, is_idle, age)?;
        if over == 0 {
            return Ok(0);
        }
        let over = over.saturating_sub(self.count_ahead(job, age.until)?);
        // Those in front of it stayed when they were met. Where they are very many, this one waits for its job's turn.
        let most = over.min(MAX_ROWS as u64);
        let sql = "SELECT count(*) FROM
            (SELECT 1 FROM executions INDEXED BY executions_job WHERE job = ?1 AND id < ?2 LIMIT ?3)";
        let mut statement = self.connection.prepare_cached(sql)?;
        let most_rows = i64::try_from(most).unwrap_or(i64::MAX);
        let earlier: u64 = statement.query_row((job.get(), id.as_bytes(), most_rows), |row| row.get(0))?;
        Ok(if earlier == most { 0 } else { over - earlier })
    }

    /// How many of the `held` executions of a job are more than stay whatever their age. `is_idle` says that the job
    /// does not fall due any more.
    fn over_least(&self, job: JobSeq, held: u64, is_idle: bool, age: Age) -> Result<u64, StateError> {
        let over = held.saturating_sub(age.least);
        if over == held || !is_idle || !self.is_deleted(job)? {
            return Ok(over);
        }
        Ok(held)
    }

    fn is_deleted(&self, job: JobSeq) -> Result<bool, StateError> {
        let sql = concat!("SELECT 1 FROM jobs WHERE seq = ?1 AND ", deleted_job!());
        Ok(self.connection.prepare_cached(sql)?.exists([job.get()])?)
    }

    fn has_before(&self, job: JobSeq, before: Millis) -> Result<bool, StateError> {
        let sql = "SELECT 1 FROM executions INDEXED BY executions_job WHERE job = ?1 AND id < ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.exists((job.get(), ExecutionId::floor(before).as_bytes()))?)
    }
}
