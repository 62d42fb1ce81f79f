//! Executions and their attempts.

use chronos_types::{
    By, DurationMs, Execution, ExecutionId, JobId, JobName, Millis, Missed, Overrides, Response, Status,
    Trigger,
};
use rusqlite::Row;

use super::connection::Reader;
use crate::command::RUNS_SINCE;
use crate::error::StateError;
use crate::run::JobSeq;
use crate::schema;
use crate::stored::bad::{ReadSpec, read_spec};
use crate::stored::code::{self, Code, delivered};
use crate::stored::execution::{StoredDetail, StoredMissed, error_kind_of};
use crate::stored::overrides::StoredOverrides;
use crate::stored::{columns, row};

/// An execution, and the version of its job that it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecutionRow {
    /// The machine's own number of its job.
    pub job_seq: JobSeq,
    /// The execution.
    pub execution: Execution,
    /// What its job said in that version.
    pub spec: ReadSpec,
    /// What it sends in place of what its job says.
    pub overrides: Option<Overrides>,
    /// Why a part of what is on record of the execution itself cannot be read. That part is left out.
    pub invalid: Option<String>,
}

pub(super) const SELECT: &str =
    "SELECT e.id, e.job, e.version, e.trigger, e.scheduled_time, e.status, e.attempts, e.started_at,
    e.completed_at, e.node, e.replay_of, e.detail, j.id, coalesce(v.spec, j.spec), e.fire_at
    FROM executions e CROSS JOIN jobs j ON j.seq = e.job
    LEFT JOIN versions v ON v.seq = e.job AND v.version = e.version";

impl Reader {
    /// One execution.
    ///
    /// # Errors
    /// The storage failed.
    pub fn execution(&self, id: ExecutionId) -> Result<Option<ExecutionRow>, StateError> {
        let mut statement = self.connection.prepare_cached(&format!("{SELECT} WHERE e.id = ?1"))?;
        let mut rows = statement.query([id.as_bytes()])?;
        rows.next()?.map(|row| self.read_execution(row)).transpose()
    }

    /// What an execution sends in place of what its job says, if anything, or why that cannot be read.
    ///
    /// # Errors
    /// The storage failed.
    pub fn overrides(&self, id: ExecutionId) -> Result<Option<Result<Overrides, String>>, StateError> {
        if schema::version(&self.connection)? < RUNS_SINCE {
            return Ok(None);
        }
        let mut statement = self.connection.prepare_cached(columns::OVERRIDES)?;
        let mut rows = statement.query([id.as_bytes()])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let stored = row::read("overrides", row, columns::overrides)?;
        Ok(Some(stored.and_then(StoredOverrides::read)))
    }

    /// The version of a job that ran in the newest success among the `most` executions before one.
    ///
    /// # Errors
    /// The storage failed.
    pub fn last_success(
        &self,
        job: JobSeq,
        before: ExecutionId,
        most: usize,
    ) -> Result<Option<u64>, StateError> {
        let sql = concat!(
            "SELECT version FROM (SELECT version, status FROM executions INDEXED BY executions_job
            WHERE job = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3) WHERE ",
            delivered!(),
            " LIMIT 1"
        );
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query((job.get(), before.as_bytes(), most))?;
        Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
    }

    /// Reads a row, and what stands beside it.
    pub(super) fn read_execution(&self, row: &Row<'_>) -> Result<ExecutionRow, StateError> {
        let (mut read, overridden) = row::read("executions", row, execution)?;
        if overridden {
            match self.overrides(read.execution.id)?.transpose() {
                Ok(overrides) => read.overrides = overrides,
                Err(why) => read.invalid = read.invalid.take().or(Some(why)),
            }
        }
        Ok(read)
    }
}

/// Reads a row, and whether the execution may send something in place of what its job says.
fn execution(row: &Row<'_>) -> Result<(ExecutionRow, bool), StateError> {
    let spec = read_spec(row.get_ref(13)?);
    let mut invalid = None;
    let detail = StoredDetail::read(row.get_ref(11)?).unwrap_or_else(|why| {
        invalid = Some(why);
        StoredDetail { unknown: true, ..StoredDetail::default() }
    });
    let overridden = detail.may_be_overridden();
    let StoredDetail {
        error,
        error_kind,
        response,
        attempts,
        unsure: _,
        missed,
        by,
        cancelled_by,
        operation,
        overridden: _,
        fire_at: was_to_fire,
        waited,
        unknown,
    } = detail;
    let (trigger, status) = (row.get(3)?, row.get(5)?);
    for (what, number, is_known) in [
        ("trigger", trigger, Trigger::known(trigger).is_some()),
        ("status", status, Status::known(status).is_some()),
    ] {
        if !is_known {
            invalid.get_or_insert_with(|| format!("its {what} is on record as {number}, which is not known"));
        }
    }
    let replay_of: Option<[u8; 16]> = row.get(10)?;
    let missed = missed.map(|StoredMissed { from, to, count }| Missed {
        from,
        to,
        count,
        reason: error.clone().unwrap_or_default(),
    });
    let (scheduled_time, started_at): (Millis, Option<Millis>) = (row.get(4)?, row.get(7)?);
    let trigger_known = code::trigger(trigger);
    // What began before this was kept has a replay's own instant, or a jitter, nowhere.
    let is_known = !unknown
        && trigger_known != Trigger::Replay
        && spec.as_ref().is_ok_and(|spec| spec.jitter == DurationMs::default());
    let was_to_fire = was_to_fire.or(is_known.then_some(scheduled_time));
    let late = |(began, at): (Millis, Millis)| began.saturating_sub(at).max(0).cast_unsigned();
    let status_known = code::status(status);
    let next_attempt = (status_known == Status::Retrying).then(|| row.get(14)).transpose()?;
    let execution = Execution {
        id: ExecutionId::from_bytes(row.get(0)?),
        job_id: JobId::from_bytes(row.get(12)?),
        job_name: match &spec {
            Ok(spec) => spec.name.clone(),
            Err(bad) => JobName::unchecked(&bad.form.name),
        },
        job_version: row.get(2)?,
        trigger: trigger_known,
        scheduled_time,
        started_at,
        completed_at: row.get(8)?,
        status: status_known,
        attempts: row.get(6)?,
        last_error: error,
        error_kind: error_kind_of(error_kind.as_deref(), &mut invalid),
        response: response.map(Response::from),
        attempt_log: attempts.into_iter().map(|attempt| attempt.read(&mut invalid)).collect(),
        node_id: columns::node(row, 9)?,
        replay_of: replay_of.map(ExecutionId::from_bytes),
        operation,
        by: By::of_run(trigger_known, by),
        cancelled_by,
        missed,
        lateness_ms: started_at.zip(was_to_fire).map(late),
        next_attempt_at: next_attempt,
        waited,
    };
    let job_seq = columns::job_seq(row, 1)?;
    Ok((ExecutionRow { job_seq, execution, spec, overrides: None, invalid }, overridden))
}
