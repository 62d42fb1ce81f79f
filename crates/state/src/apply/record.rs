//! An execution's record: how it is read, what commands change in it, and how it is written back.

mod kept;

use chronos_types::{
    By, ErrorKind, EventType, ExecutionId, JobId, Millis, NodeName, Phases, Response, Status, Trigger, Waited,
};
use rusqlite::Row;

use self::kept::Happened;
use super::context::{Context, Open};
use crate::command::RUNS_SINCE;
use crate::error::StateError;
use crate::outcome::{Effect, ExecutionAnswer, SKIPPED};
use crate::run::{Fire, JobSeq, RunRef};
use crate::stored::code::{self, Code};
use crate::stored::event::{Event, ExecutionEvent};
use crate::stored::execution::{StoredAttempt, StoredDetail, StoredResponse};
use crate::stored::row;
use crate::stored::{columns, raw};

macro_rules! update {
    ($more:literal) => {
        concat!(
            "UPDATE executions SET fire_at = ?7, status = ?8, attempts = ?9, started_at = ?10,
            completed_at = ?11, node = ?12, detail = ?14, sum = ?15",
            $more,
            " WHERE seq = ?1"
        )
    };
}
const UPDATE: &str = update!("");
const UPDATE_WITH_VERSION: &str = update!(", version = ?4");

/// An execution's record.
pub(super) struct Record {
    pub(super) seq: i64,
    run: RunRef,
    pub(super) node: NodeName,
    pub(super) attempts: u32,
    pub(super) status: Status,
    pub(super) fire_at: Millis,
    started_at: Option<Millis>,
    completed_at: Option<Millis>,
    replay_of: Option<[u8; 16]>,
    detail: StoredDetail,
    /// The version in the row as it stands.
    stored_version: u64,
    /// The number of the trigger in the row.
    stored_trigger: i64,
    /// Where it stands in the row, and after how many attempts.
    stored_status: (Status, usize),
    /// Where it stood when it was counted last.
    counted_status: Status,
    /// The node under whose name it counts as unfinished, if it does.
    counted_for: Option<NodeName>,
    /// When the attempt under way began, if that is known.
    running_since: Option<Millis>,
    /// What is not yet counted of it.
    happened: Happened,
}

/// Reads an execution's record.
pub(super) fn load(context: &Context<'_>, id: ExecutionId) -> Result<Option<Record>, StateError> {
    let sql = "SELECT seq, attempts, status, fire_at, started_at, completed_at, detail, job, version,
        scheduled_time, trigger, node, replay_of FROM executions WHERE id = ?1";
    context.statements.with(sql, |statement| {
        let mut rows = statement.query([id.as_bytes()])?;
        rows.next()?.map(|row| row::read("executions", row, |row| read(row, id))).transpose()
    })
}

fn read(row: &Row<'_>, id: ExecutionId) -> Result<Record, StateError> {
    let status = code::status(row.get(2)?);
    let stored_trigger = row.get(10)?;
    let node = columns::node(row, 11)?;
    let fire_at = row.get(3)?;
    let version = row.get(8)?;
    let detail = StoredDetail::or_unknown(row.get_ref(6)?);
    Ok(Record {
        seq: row.get(0)?,
        run: RunRef {
            execution: id,
            job: columns::job_seq(row, 7)?,
            version,
            scheduled_time: row.get(9)?,
            trigger: code::trigger(stored_trigger),
        },
        counted_for: (!status.is_finished()).then(|| node.clone()),
        node,
        attempts: row.get(1)?,
        status,
        fire_at,
        started_at: row.get(4)?,
        completed_at: row.get(5)?,
        replay_of: row.get(12)?,
        stored_version: version,
        stored_trigger,
        stored_status: (status, detail.attempts.len()),
        counted_status: status,
        detail,
        happened: Happened::default(),
        // While an attempt runs, `fire_at` holds when it began.
        running_since: (status == Status::Running).then_some(fire_at),
    })
}

/// The record of an execution that was just inserted.
pub(super) fn of_inserted(context: &Context<'_>, id: ExecutionId) -> Result<Record, StateError> {
    load(context, id)?.ok_or_else(|| StateError::Corrupt("an inserted execution is not there".into()))
}

impl Record {
    /// Notes which version of the job an attempt ran. It is older than the one on record if the node had
    /// begun before it heard of a change. So what is shown as sent is what was sent.
    pub(super) fn runs(&mut self, version: u64) {
        self.run.version = version;
    }

    pub(super) fn is_finished(&self) -> bool {
        self.status.is_finished()
    }

    /// The execution, if it is not finished.
    pub(super) fn open(&self) -> Option<Open> {
        let Self { seq, run, fire_at, status, .. } = *self;
        (!self.is_finished()).then(|| Open { seq, run, fire_at, status, node: self.node.clone() })
    }

    /// What the node of an unfinished execution has to fire. A read of the state gives the same.
    pub(super) fn owed(&self, context: &Context<'_>) -> Result<Fire, StateError> {
        let Self { run, fire_at, ref node, .. } = *self;
        let is_planned = matches!(run.trigger, Trigger::Schedule | Trigger::CatchUp);
        let overridden = !is_planned && self.detail.may_be_overridden();
        let fire = Fire::open(run, self.status, self.attempts, fire_at, node.clone());
        let fire = Fire { behind: !fire.begun && self.detail.operation.is_some(), overridden, ..fire };
        raw::with_policy(context.db, fire)
    }

    /// What is answered of it, as it was asked for.
    pub(super) fn answer(&self, context: &Context<'_>) -> Result<ExecutionAnswer, StateError> {
        let RunRef { job, version, .. } = self.run;
        let sql = "SELECT j.seq, j.id, coalesce(v.spec, j.spec) FROM jobs j
            LEFT JOIN versions v ON v.seq = j.seq AND v.version = ?2 WHERE j.seq = ?1";
        let mut statement = context.db.prepare_cached(sql)?;
        let mut rows = statement.query((job.get(), version))?;
        let row = rows.next()?.ok_or_else(|| row::missing("jobs", job.get()))?;
        row::read("jobs", row, |row| {
            Ok(ExecutionAnswer {
                job: JobId::from_bytes(row.get(1)?),
                job_name: raw::name(row.get_ref(2)?.as_str().unwrap_or_default()),
                run: self.run,
                node: self.node.clone(),
                replay_of: self.replay_of.map(ExecutionId::from_bytes),
                by: self.detail.by.clone().map(Box::new),
                cancelled_at: None,
                cancelled_by: None,
            })
        })
    }

    /// Its job.
    pub(super) fn job(&self) -> JobSeq {
        self.run.job
    }

    /// What asked for it.
    pub(super) fn trigger(&self) -> Trigger {
        self.run.trigger
    }

    /// Whether a node that held it before may have begun it and cannot be asked.
    pub(super) fn is_unsure(&self) -> bool {
        self.detail.unsure
    }

    /// Notes that a node which held it may have begun it and cannot be asked.
    pub(super) fn may_have_begun(&mut self) {
        self.detail.unsure = true;
    }

    /// How many attempts have ended.
    pub(super) fn ended(&self) -> u32 {
        self.detail.attempts.last().map_or(0, |attempt| attempt.number)
    }

    /// When the attempt under way began.
    pub(super) fn last_started_at(&self) -> Millis {
        self.running_since.or(self.started_at).unwrap_or(self.fire_at)
    }

    /// An attempt begins. When the first one was to begin is kept, for what is late is told by that.
    pub(super) fn begin(
        &mut self,
        context: &Context<'_>,
        attempt: u32,
        started_at: Millis,
    ) -> Result<(), StateError> {
        let is_first = self.started_at.is_none() && self.fire_at != self.run.scheduled_time;
        if is_first && context.version()? >= RUNS_SINCE {
            self.detail.fire_at = Some(self.fire_at);
        }
        self.attempts = self.attempts.max(attempt);
        if self.started_at.is_none() {
            self.started_at = Some(started_at);
            self.happened.lateness = Some(started_at.saturating_sub(self.fire_at));
        }
        self.fire_at = started_at;
        Ok(())
    }

    /// Logs an attempt that ended, and how its time was spent, where that is known.
    pub(super) fn log_attempt(
        &mut self,
        (number, started_at): (u32, Millis),
        duration_ms: u64,
        status_code: Option<u16>,
        failure: Option<(ErrorKind, String)>,
        phases: Option<Phases>,
    ) {
        self.happened.attempts.push(failure.as_ref().map(|(kind, _)| *kind));
        let (error_kind, error) = failure.map(|(kind, message)| (kind.as_str().into(), message)).unzip();
        self.detail.attempts.push(StoredAttempt {
            number,
            started_at,
            duration_ms,
            status_code,
            error,
            error_kind,
            phases,
        });
    }

    /// Adds what an attempt waited for.
    pub(super) fn wait(&mut self, waited: Waited) {
        self.detail.waited = self.detail.waited.and(waited);
    }

    /// Logs an attempt that was ended from outside at the instant `at`.
    pub(super) fn cut_off(&mut self, number: u32, started_at: Millis, at: Millis, why: &str) {
        let duration_ms = at.saturating_sub(started_at).max(0).cast_unsigned();
        let failure = Some((ErrorKind::Cancelled, why.to_owned()));
        self.log_attempt((number, started_at), duration_ms, None, failure, None);
    }

    /// Keeps what came back.
    pub(super) fn respond(&mut self, response: &Response) {
        self.detail.response = Some(StoredResponse::from(response.clone()));
    }

    pub(super) fn fail(&mut self, kind: ErrorKind, message: &str) {
        self.detail.error = Some(message.to_owned());
        self.detail.error_kind = Some(kind.as_str().into());
    }

    /// Notes the host that it called in vain, where its node has said it.
    pub(super) fn called(&mut self, host: Option<&str>) {
        self.happened.host = host.map(str::to_owned);
    }

    pub(super) fn finish(&mut self, status: Status, at: Millis) {
        self.status = status;
        self.completed_at = Some(at);
    }

    /// Ends it as skipped, for somebody asked for that.
    pub(super) fn skip(&mut self, at: Millis, by: Option<&By>) {
        self.detail.error = Some(SKIPPED.to_owned());
        self.detail.by = by.cloned();
        self.finish(Status::Skipped, at);
    }

    pub(super) fn store(&mut self, context: &Context<'_>) -> Result<(), StateError> {
        let counts_for = (!self.is_finished()).then(|| self.node.clone());
        if counts_for != self.counted_for {
            for (node, by) in [(&self.counted_for, -1), (&counts_for, 1)] {
                if let Some(node) = node {
                    context.open_runs.add(node, by);
                }
            }
            self.counted_for = counts_for;
        }
        self.tell(context);
        let detail = (!self.detail.is_empty()).then(|| self.detail.to_json()).transpose()?;
        let RunRef { execution, job, version, scheduled_time, trigger: _ } = self.run;
        // The version is in an index, which SQLite writes anew whenever a statement names the column.
        let (sql, unnamed) =
            if version == self.stored_version { (UPDATE, 1..6) } else { (UPDATE_WITH_VERSION, 4..6) };
        row::write_often(
            &context.statements,
            sql,
            row::cells![
                self.seq,
                execution.as_bytes(),
                job.get(),
                version,
                self.stored_trigger,
                scheduled_time,
                self.fire_at,
                self.status.code(),
                self.attempts,
                self.started_at,
                self.completed_at,
                self.node.as_str(),
                self.replay_of,
                detail,
            ],
            unnamed,
            row::cells![],
        )?;
        kept::note(self, context)
    }
}

impl Record {
    /// Tells those who listen where it has come to, if that is news. Of attempts that fail one after the other, each is.
    fn tell(&mut self, context: &Context<'_>) {
        let stands = (self.status, self.detail.attempts.len());
        let (before, attempts) = std::mem::replace(&mut self.stored_status, stands);
        let fails_again = self.status == Status::Retrying && stands.1 > attempts;
        if self.status == before && !fails_again {
            return;
        }
        let RunRef { execution: id, job, scheduled_time, trigger, version: _ } = self.run;
        let took = self.started_at.zip(self.completed_at).filter(|_| self.is_finished());
        // What stands there of the attempt before says nothing of one that is under way.
        let last = self.detail.attempts.last().filter(|_| self.status != Status::Running);
        let has_failed = !matches!(self.status, Status::Running | Status::Success);
        let error = self.detail.error_kind.as_deref().filter(|_| has_failed);
        let event = ExecutionEvent {
            what: EventType::of(self.status),
            job,
            id,
            trigger,
            scheduled_time,
            attempts: self.attempts,
            status_code: last.and_then(|attempt| attempt.status_code),
            error_kind: error.and_then(|kind| ErrorKind::parse(kind).ok()),
            duration_ms: took.map(|(begun, over)| over.saturating_sub(begun).max(0).cast_unsigned()),
        };
        context.events.add(context.at, &Event::Execution(event));
    }
}

/// Ends an unfinished execution as cancelled at the instant `at`, by somebody where that is known. An attempt under way
/// counts, and is logged as cut off.
pub(super) fn cancel(
    context: &mut Context<'_>,
    open: &Open,
    at: Millis,
    why: &str,
    by: Option<&By>,
) -> Result<(), StateError> {
    let id = open.run.execution;
    let mut record = load(context, id)?
        .ok_or_else(|| StateError::Corrupt(format!("execution {id} is in one index only")))?;
    if open.status == Status::Running {
        let (number, started_at) = (record.attempts, record.last_started_at());
        record.cut_off(number, started_at, at, why);
    }
    record.fail(ErrorKind::Cancelled, why);
    record.detail.cancelled_by = by.cloned();
    record.finish(Status::Cancelled, at);
    record.store(context)?;
    context.effects.push(Effect::Cancel(id));
    context.ended.push(record.run.job);
    Ok(())
}
