//! Applies one batch: each command in its file, the clock and the dice in the command.

mod cancel;
mod job;
mod plan;
mod reassign;
mod report;
mod trigger;
mod trim;
mod withdraw;

use chronos_types::{ExecutionId, JobId, Millis, NodeName, Status, Trigger};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::run::{Fire, JobSeq, RunRef};
use crate::stored::{self, Code};
use crate::{Applied, Batch, Command, Effect, Idempotency, Outcome, Refusal, StateError};

/// What a command's code works with: the transaction, the batch's instant, and the effects so far.
struct Context<'a> {
    db: &'a Connection,
    at: Millis,
    effects: Vec<Effect>,
    /// The last number given to an execution; written back once a batch.
    last_execution: i64,
}

/// Applies the commands of a batch in order.
pub(crate) fn batch(db: &Connection, batch: &Batch) -> Result<Applied, StateError> {
    let sql = "SELECT last FROM counters WHERE name = 'execution'";
    let last: i64 = db.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    let mut context = Context { db, at: batch.at, effects: Vec::new(), last_execution: last };
    let mut outcomes = Vec::with_capacity(batch.items.len());
    for item in &batch.items {
        outcomes.push(match &item.idempotency {
            None => command(&mut context, &item.command)?,
            Some(key) => once(&mut context, key, &item.command)?,
        });
    }
    if context.last_execution != last {
        let sql = "UPDATE counters SET last = ?1 WHERE name = 'execution'";
        db.prepare_cached(sql)?.execute([context.last_execution])?;
    }
    Ok(Applied { at: batch.at, outcomes, effects: context.effects })
}

fn command(context: &mut Context<'_>, command: &Command) -> Result<Outcome, StateError> {
    match command {
        Command::PutJob(put) => job::put(context, put),
        Command::DeleteJob(delete) => job::delete(context, delete),
        Command::Trigger(run) => trigger::trigger(context, run),
        Command::Cancel(cancel) => cancel::cancel(context, cancel),
        Command::Plan(plan) => plan::plan(context, plan),
        Command::Report(report) => report::report(context, report),
        Command::Trim(trim) => trim::trim(context, trim),
        Command::Reassign(reassign) => reassign::reassign(context, reassign),
    }
}

/// Applies a command unless its key was seen; then answers what was answered the first time.
fn once(context: &mut Context<'_>, key: &Idempotency, wanted: &Command) -> Result<Outcome, StateError> {
    let mut find = context.db.prepare_cached("SELECT fingerprint, outcome FROM keys WHERE key = ?1")?;
    let known: Option<(String, String)> =
        find.query_row([&key.key], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    if let Some((fingerprint, outcome)) = known {
        if fingerprint != key.fingerprint {
            return Ok(Outcome::Refused { refusal: Refusal::KeyReused });
        }
        return serde_json::from_str(&outcome).map_err(StateError::decode);
    }
    let outcome = command(context, wanted)?;
    // A refusal changed nothing, so the client may try the same key again once its cause is gone.
    if !matches!(outcome, Outcome::Refused { .. }) {
        let text = serde_json::to_string(&outcome).map_err(StateError::encode)?;
        let sql = "INSERT INTO keys (key, fingerprint, at, outcome) VALUES (?1, ?2, ?3, ?4)";
        context.db.prepare_cached(sql)?.execute((&key.key, &key.fingerprint, context.at, text))?;
    }
    Ok(outcome)
}

/// A job's row, as far as commands need it.
struct JobRow {
    seq: JobSeq,
    version: u64,
    spec: String,
    updated_at: Millis,
}

impl Context<'_> {
    fn refuse(refusal: Refusal) -> Result<Outcome, StateError> {
        Ok(Outcome::Refused { refusal })
    }

    /// A job that is not deleted.
    fn job(&self, id: JobId) -> Result<Option<JobRow>, StateError> {
        let sql = "SELECT seq, version, spec, updated_at FROM jobs WHERE id = ?1 AND state < 2";
        let read = |row: &Row<'_>| {
            Ok(JobRow {
                seq: stored::job_seq(row, 0)?,
                version: row.get(1)?,
                spec: row.get(2)?,
                updated_at: row.get(3)?,
            })
        };
        Ok(self.db.prepare_cached(sql)?.query_row([id.as_bytes()], read).optional()?)
    }

    fn add_held(&self, job: JobSeq, by: i64) -> Result<(), StateError> {
        self.db.prepare_cached("UPDATE due SET held = held + ?2 WHERE seq = ?1")?.execute((job.get(), by))?;
        Ok(())
    }

    /// Puts a pending execution on record; false where it already was.
    fn insert(&mut self, fire: &Fire, replay_of: Option<ExecutionId>) -> Result<bool, StateError> {
        let sql = "INSERT OR IGNORE INTO executions
            (id, job, version, trigger, slot, fire_at, status, attempts, node, replay_of, seq)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0, ?7, ?8, ?9)";
        let RunRef { execution, job, version, scheduled_time, trigger } = fire.run;
        let seq = self.last_execution + 1;
        let count = self.db.prepare_cached(sql)?.execute((
            execution.as_bytes(),
            job.get(),
            version,
            trigger.code(),
            scheduled_time,
            fire.fire_at,
            fire.node.as_str(),
            replay_of.as_ref().map(ExecutionId::as_bytes),
            seq,
        ))?;
        if count == 1 {
            self.last_execution = seq;
            withdraw::on_record_again(self, fire)?;
        }
        Ok(count == 1)
    }

    /// The unfinished executions of a job, oldest first.
    fn open(&self, job: JobSeq) -> Result<Vec<Open>, StateError> {
        // Told which index: to spare the sort, SQLite would read all that the job holds.
        let sql = "SELECT seq, id, slot, fire_at, status, trigger, version, node
            FROM executions INDEXED BY executions_open
            WHERE job = ?1 AND status < 3 ORDER BY id";
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query([job.get()])?;
        let mut open = Vec::new();
        while let Some(row) = rows.next()? {
            open.push(Open {
                seq: row.get(0)?,
                run: RunRef {
                    execution: ExecutionId::from_bytes(row.get(1)?),
                    job,
                    version: row.get(6)?,
                    scheduled_time: row.get(2)?,
                    trigger: Trigger::from_code(row.get(5)?)?,
                },
                fire_at: row.get(3)?,
                status: Status::from_code(row.get(4)?)?,
                node: stored::node(row, 7)?,
            });
        }
        Ok(open)
    }
}

/// An unfinished execution.
struct Open {
    seq: i64,
    run: RunRef,
    fire_at: Millis,
    status: Status,
    node: NodeName,
}

impl Open {
    /// What its node holds, of one that no attempt was made of yet.
    fn planned(self) -> Fire {
        let Self { run, fire_at, node, .. } = self;
        Fire::first(run, fire_at, node)
    }
}
