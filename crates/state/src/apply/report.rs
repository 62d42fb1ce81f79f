//! Settling an execution, or arming its next attempt, by what its node reports.

use chronos_types::{ErrorKind, ExecutionId, Millis, NodeName, Response, Status, Trigger};
use rusqlite::params;

use super::{Context, cancel, withdraw};
use crate::command::Reported;
use crate::run::{Fire, JobSeq, RunRef};
use crate::stored::{self, Code, StoredAttempt, StoredDetail, StoredResponse};
use crate::{Effect, Outcome, Report, StateError};

pub(super) fn report(context: &mut Context<'_>, report: &Report) -> Result<Outcome, StateError> {
    if let known @ (Reported::NotBegun | Reported::Unknown) = &report.what {
        withdraw::answered(context, report, *known == Reported::NotBegun)?;
        return Ok(Outcome::Done);
    }
    let Some(row) = load(context, report.run.execution)? else {
        return bring_back(context, report);
    };
    // What is finished never changes: a late word about it is dropped.
    if row.is_finished() {
        context.effects.push(Effect::Settled(report.run.execution));
        return Ok(Outcome::Done);
    }
    // The execution was given to another node, which makes the attempt again under the same number.
    // A success counts all the same; what else the node of before says would set back the other's
    // attempt. It is told whose the execution is, and the other is told nothing new.
    if row.node != report.node && !report.what.is_success() {
        context.effects.push(Effect::Fire(row.owed()));
        return Ok(Outcome::Done);
    }
    settle(context, report, row)
}

/// Withdrawn while it was being delivered: the record comes back, so that no delivery is without
/// one.
fn bring_back(context: &mut Context<'_>, report: &Report) -> Result<Outcome, StateError> {
    if !withdraw::bring_back(context, report)? {
        context.effects.push(Effect::Settled(report.run.execution));
        return Ok(Outcome::Done);
    }
    let row = of_inserted(context, report.run.execution)?;
    let effects = context.effects.len();
    let outcome = settle(context, report, row)?;
    // A deleted job has nothing unfinished: what comes back for it is recorded, and ends here.
    if is_deleted(context, report.run.job)? {
        let open =
            context.open(report.run.job)?.into_iter().find(|open| open.run.execution == report.run.execution);
        if let Some(open) = open {
            context.effects.truncate(effects);
            cancel::end(context, &open, "the job was deleted")?;
        }
    }
    Ok(outcome)
}

fn settle(context: &mut Context<'_>, report: &Report, mut row: Row) -> Result<Outcome, StateError> {
    match &report.what {
        Reported::Begun { attempt, started_at } => {
            if *attempt <= row.ended() {
                return Ok(Outcome::Done);
            }
            row.runs(context, report.run.version)?;
            row.begin(*attempt, *started_at);
            row.status = Status::Running;
        }
        Reported::Ended { attempt, started_at, duration_ms, response, failure, retry_at } => {
            // A success counts, whoever delivered it, also beside a failure of the same number.
            if *attempt <= row.ended() && failure.is_some() {
                // Its node may have made the attempt twice, and waits for word of the next.
                context.effects.push(Effect::Fire(row.owed()));
                return Ok(Outcome::Done);
            }
            row.runs(context, report.run.version)?;
            row.begin(*attempt, *started_at);
            let status_code = (response.status_code != 0).then_some(response.status_code);
            row.log_attempt(*attempt, *started_at, *duration_ms, status_code, failure.clone());
            row.respond(response);
            let ended_at = started_at.saturating_add_unsigned(*duration_ms);
            match (failure, retry_at) {
                (None, _) => {
                    row.finish(Status::Success, ended_at);
                    row.node.clone_from(&report.node);
                }
                (Some((kind, message)), Some(retry_at)) => {
                    row.fail(*kind, message);
                    row.status = Status::Retrying;
                    row.fire_at = *retry_at;
                    context.effects.push(Effect::Fire(row.owed()));
                }
                (Some((kind, message)), None) => {
                    row.fail(*kind, message);
                    row.finish(Status::Failed, ended_at);
                }
            }
        }
        Reported::Skipped { reason } => {
            row.fail(ErrorKind::Overlap, reason);
            row.finish(Status::Skipped, context.at);
        }
        Reported::Replaced { attempt } => {
            let why = "replaced by a newer run";
            if let Some((number, started_at)) = *attempt
                && number > row.ended()
            {
                row.begin(number, started_at);
                let duration_ms = (context.at - started_at).max(0).cast_unsigned();
                row.log_attempt(
                    number,
                    started_at,
                    duration_ms,
                    None,
                    Some((ErrorKind::Cancelled, why.into())),
                );
            }
            row.fail(ErrorKind::Cancelled, why);
            row.finish(Status::Cancelled, context.at);
        }
        // Answered before: they are about what is not on record.
        Reported::NotBegun | Reported::Unknown => {}
    }
    if row.is_finished() {
        context.effects.push(Effect::Settled(report.run.execution));
    }
    row.store(context)?;
    Ok(Outcome::Done)
}

fn is_deleted(context: &Context<'_>, job: JobSeq) -> Result<bool, StateError> {
    let mut statement = context.db.prepare_cached("SELECT 1 FROM jobs WHERE seq = ?1 AND state = 2")?;
    Ok(statement.exists([job.get()])?)
}

/// An execution's record.
pub(super) struct Row {
    pub(super) seq: i64,
    run: RunRef,
    pub(super) node: NodeName,
    pub(super) attempts: u32,
    status: Status,
    fire_at: Millis,
    started_at: Option<Millis>,
    completed_at: Option<Millis>,
    detail: StoredDetail,
    /// When the attempt under way began, where that is known.
    running_since: Option<Millis>,
}

/// Reads an execution's record.
pub(super) fn load(context: &Context<'_>, id: ExecutionId) -> Result<Option<Row>, StateError> {
    let sql = "SELECT seq, attempts, status, fire_at, started_at, completed_at, detail, job, version, slot,
        trigger, node FROM executions WHERE id = ?1";
    let mut statement = context.db.prepare_cached(sql)?;
    let mut rows = statement.query([id.as_bytes()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let detail: Option<String> = row.get(6)?;
    let status = Status::from_code(row.get(2)?)?;
    let fire_at = row.get(3)?;
    Ok(Some(Row {
        seq: row.get(0)?,
        run: RunRef {
            execution: id,
            job: stored::job_seq(row, 7)?,
            version: row.get(8)?,
            scheduled_time: row.get(9)?,
            trigger: Trigger::from_code(row.get(10)?)?,
        },
        node: stored::node(row, 11)?,
        attempts: row.get(1)?,
        status,
        fire_at,
        started_at: row.get(4)?,
        completed_at: row.get(5)?,
        detail: match detail {
            Some(text) => serde_json::from_str(&text).map_err(StateError::decode)?,
            None => StoredDetail::default(),
        },
        // While an attempt runs, `fire_at` holds when it began.
        running_since: (status == Status::Running).then_some(fire_at),
    }))
}

/// The record of an execution that was just put there.
pub(super) fn of_inserted(context: &Context<'_>, id: ExecutionId) -> Result<Row, StateError> {
    load(context, id)?.ok_or_else(|| StateError::Corrupt("an inserted execution is not there".into()))
}

impl Row {
    /// An attempt was made of this version of the job: of an older one than stands here where its node
    /// had begun before it heard of the newer. What is shown as sent is what was sent.
    fn runs(&mut self, context: &Context<'_>, version: u64) -> Result<(), StateError> {
        if self.run.version != version {
            self.run.version = version;
            let sql = "UPDATE executions SET version = ?2 WHERE seq = ?1";
            context.db.prepare_cached(sql)?.execute((self.seq, version))?;
        }
        Ok(())
    }

    pub(super) fn is_finished(&self) -> bool {
        self.status.is_finished()
    }

    /// What the node of an unfinished execution owes, as it would be read back.
    pub(super) fn owed(&self) -> Fire {
        let (attempt, begun) = Fire::next(self.status, self.attempts);
        Fire { run: self.run, fire_at: self.fire_at, attempt, node: self.node.clone(), begun }
    }

    /// Whether a node that held it before may have begun it, and cannot be asked.
    pub(super) fn is_unsure(&self) -> bool {
        self.detail.unsure
    }

    /// The node that held it may have begun it, and cannot be asked.
    pub(super) fn may_have_begun(&mut self) {
        self.detail.unsure = true;
    }

    /// Attempts that ended.
    fn ended(&self) -> u32 {
        self.detail.attempts.last().map_or(0, |attempt| attempt.number)
    }

    /// When the attempt under way began.
    pub(super) fn last_started_at(&self) -> Millis {
        self.running_since.or(self.started_at).unwrap_or(self.fire_at)
    }

    fn begin(&mut self, attempt: u32, started_at: Millis) {
        self.attempts = self.attempts.max(attempt);
        self.started_at.get_or_insert(started_at);
        self.fire_at = started_at;
    }

    pub(super) fn log_attempt(
        &mut self,
        number: u32,
        started_at: Millis,
        duration_ms: u64,
        status_code: Option<u16>,
        failure: Option<(ErrorKind, String)>,
    ) {
        let (error_kind, error) = failure.map(|(kind, message)| (kind.as_str().to_owned(), message)).unzip();
        self.detail.attempts.push(StoredAttempt {
            number,
            started_at,
            duration_ms,
            status_code,
            error,
            error_kind,
        });
    }

    fn respond(&mut self, response: &Response) {
        self.detail.response = Some(StoredResponse::from(response));
    }

    pub(super) fn fail(&mut self, kind: ErrorKind, message: &str) {
        self.detail.error = Some(message.to_owned());
        self.detail.error_kind = Some(kind.as_str().to_owned());
    }

    pub(super) fn finish(&mut self, status: Status, at: Millis) {
        self.status = status;
        self.completed_at = Some(at);
    }

    pub(super) fn store(&self, context: &Context<'_>) -> Result<(), StateError> {
        let detail = serde_json::to_string(&self.detail).map_err(StateError::encode)?;
        let sql = "UPDATE executions SET attempts = ?2, status = ?3, fire_at = ?4, started_at = ?5,
            completed_at = ?6, detail = ?7, node = ?8 WHERE seq = ?1";
        context.db.prepare_cached(sql)?.execute(params![
            self.seq,
            self.attempts,
            self.status.code(),
            self.fire_at,
            self.started_at,
            self.completed_at,
            detail,
            self.node.as_str()
        ])?;
        Ok(())
    }
}
