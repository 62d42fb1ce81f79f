//! Executions and their attempts.

use chronos_types::{Execution, ExecutionId, JobId, JobName, Response, Status, Trigger};
use rusqlite::{Row, params_from_iter, types::Value};

use super::page::Page;
use super::pool::Reader;
use crate::error::StateError;
use crate::run::JobSeq;
use crate::stored::bad::{ReadSpec, read_spec};
use crate::stored::code::{self, Code, open, undelivered};
use crate::stored::execution::{StoredDetail, error_kind_of};
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
    /// Why a part of what is on record of the execution itself cannot be read. That part is left out.
    pub invalid: Option<String>,
}

/// Which executions to list. Every condition must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExecutionFilter {
    /// The machine's own number of the job.
    pub job: Option<JobSeq>,
    /// Where the execution stands.
    pub status: Option<Status>,
}

const SELECT: &str =
    "SELECT e.id, e.job, e.version, e.trigger, e.scheduled_time, e.status, e.attempts, e.started_at,
    e.completed_at, e.node, e.replay_of, e.detail, j.id, coalesce(v.spec, j.spec)
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
        rows.next()?.map(read).transpose()
    }

    /// Executions before `before`, the newest first.
    ///
    /// # Errors
    /// The storage failed.
    pub fn executions(
        &self,
        filter: &ExecutionFilter,
        before: Option<ExecutionId>,
        limit: usize,
    ) -> Result<Page<ExecutionRow>, StateError> {
        let ceiling = before.map_or(vec![0xff; 17], |id| id.as_bytes().to_vec());
        let mut values: Vec<Value> = vec![ceiling.into()];
        let mut conditions = String::new();
        // One job has few executions. Across all jobs, the rare statuses have an index.
        let status = match (filter.status, filter.job) {
            (None, _) => String::new(),
            (Some(status), Some(_)) => format!(" AND +e.status = {}", status.code()),
            (Some(status), None) if status.is_finished() => format!(" AND e.status = {}", status.code()),
            (Some(status), None) => {
                return self.open_executions(status, before, limit);
            }
        };
        if let Some(job) = filter.job {
            values.push(job.get().into());
            conditions += " AND e.job = ?2";
        }
        // SQLite uses a partial index only if the statement has the very condition of the index.
        let undelivered = |status: Status| status.is_finished() && status != Status::Success;
        if filter.status.is_some_and(undelivered) && filter.job.is_none() {
            conditions += concat!(" AND ", undelivered!("e."));
        }
        let sql =
            format!("{SELECT} WHERE e.id < ?1{conditions}{status} ORDER BY e.id DESC LIMIT {}", limit + 1);
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut items = Vec::new();
        while let Some(row) = rows.next()? {
            items.push(read(row)?);
        }
        Ok(Page::cut(items, limit))
    }

    /// Unfinished executions. They are few, so they are found by their own index and then sorted.
    fn open_executions(
        &self,
        status: Status,
        before: Option<ExecutionId>,
        limit: usize,
    ) -> Result<Page<ExecutionRow>, StateError> {
        let ceiling = before.map_or(vec![0xff; 17], |id| id.as_bytes().to_vec());
        let open = open!();
        let sql = format!(
            "{SELECT} WHERE e.seq IN (SELECT seq FROM executions INDEXED BY executions_open
                WHERE {open} AND status = ?2 AND id < ?1 ORDER BY id DESC LIMIT {})
             ORDER BY e.id DESC",
            limit + 1
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query((ceiling, status.code()))?;
        let mut items = Vec::new();
        while let Some(row) = rows.next()? {
            items.push(read(row)?);
        }
        Ok(Page::cut(items, limit))
    }
}

fn read(row: &Row<'_>) -> Result<ExecutionRow, StateError> {
    row::read("executions", row, execution)
}

fn execution(row: &Row<'_>) -> Result<ExecutionRow, StateError> {
    let spec = read_spec(row.get_ref(13)?);
    let mut invalid = None;
    let StoredDetail { error, error_kind, response, attempts, unsure: _ } =
        StoredDetail::read(row.get_ref(11)?).unwrap_or_else(|why| {
            invalid = Some(why);
            StoredDetail::default()
        });
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
    let execution = Execution {
        id: ExecutionId::from_bytes(row.get(0)?),
        job_id: JobId::from_bytes(row.get(12)?),
        job_name: match &spec {
            Ok(spec) => spec.name.clone(),
            Err(bad) => JobName::unchecked(&bad.form.name),
        },
        job_version: row.get(2)?,
        trigger: code::trigger(trigger),
        scheduled_time: row.get(4)?,
        started_at: row.get(7)?,
        completed_at: row.get(8)?,
        status: code::status(status),
        attempts: row.get(6)?,
        last_error: error,
        error_kind: error_kind_of(error_kind.as_deref(), &mut invalid),
        response: response.map(Response::from),
        attempt_log: attempts.into_iter().map(|attempt| attempt.read(&mut invalid)).collect(),
        node_id: columns::node(row, 9)?,
        replay_of: replay_of.map(ExecutionId::from_bytes),
    };
    Ok(ExecutionRow { job_seq: columns::job_seq(row, 1)?, execution, spec, invalid })
}
