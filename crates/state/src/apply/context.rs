//! What the code of every command works with: the transaction, the instant of the batch, and the effects
//! so far. The questions that several commands ask of the state are here too.

use std::cell::Cell;

use chronos_seal::KeyId;
use chronos_types::{ExecutionId, JobId, Millis, NodeName, Status, Trigger};
use rusqlite::types::Value;
use rusqlite::{Connection, Row};

use super::audit;
use super::counter::Counter;
use super::events::Events;
use super::open_runs::OpenRuns;
use super::rollups::Rollups;

use crate::command::{Compare, MAX_ROWS};
use crate::error::StateError;
use crate::outcome::{Applied, Effect, Outcome, Refusal};
use crate::remainder::{Fate, Remainder};
use crate::run::{Fire, JobSeq, RunRef};
use crate::schema;
use crate::stored::code::{self, Code as _, JobState, live_job, open};
use crate::stored::statements::Statements;
use crate::stored::{columns, row};

/// A batch that is being applied.
pub(super) struct Context<'a> {
    pub(super) db: &'a Connection,
    /// For statements that a batch runs many times.
    pub(super) statements: Statements<'a>,
    /// The batch's instant.
    pub(super) at: Millis,
    /// Its place in the log.
    pub(super) index: u64,
    /// The highest version that every member of the cluster followed at this place of the log.
    pub(super) follows: u32,
    pub(super) effects: Vec<Effect>,
    /// The jobs of the executions that are over now.
    pub(super) ended: Vec<JobSeq>,
    /// The version of the cluster, once that was asked; see [`Self::version`].
    pub(super) version: Cell<Option<u32>>,
    /// The data key that seals, once that was asked; see [`super::sealing`].
    pub(super) data_key: Cell<Option<Option<KeyId>>>,
    /// The jobs that were created, changed or deleted.
    pub(super) changed: Vec<JobSeq>,
    /// Whether keys or sessions were made or ended.
    pub(super) keys: bool,
    /// Whether secrets, or the keys that seal them, may be others now.
    pub(super) secrets: bool,
    /// Whether any run is withdrawn, once that was asked; see [`super::withdrawn`].
    pub(super) is_any_withdrawn: Cell<Option<bool>>,
    /// Whether any change of a job has left a remainder, once that was asked; see [`super::remainder`].
    pub(super) is_any_remainder: Cell<Option<bool>>,
    /// Whether runs of any job are to be skipped, once that was asked; see [`super::skips`].
    pub(super) is_any_skip: Cell<Option<bool>>,
    /// How many rows the changes of jobs in this batch may still change beside their own.
    pub(super) rows_left: usize,
    /// Counts the unfinished executions of each node.
    pub(super) open_runs: OpenRuns,
    /// The specification that the command has written, as it is stored.
    pub(super) written_spec: Cell<String>,
    /// The newest row of the audit, once that was asked.
    pub(super) last_audit: Cell<Option<audit::Last>>,
    /// What those who listen are told.
    pub(super) events: Events,
    /// Figures of what is done.
    pub(super) rollups: Rollups,
    /// Numbers executions.
    pub(super) executions: Counter,
    /// Numbers jobs.
    pub(super) jobs: Counter,
    /// A planted bug: a failure counts though its node had lost the run to another one.
    pub(super) takes_lost_word: bool,
    /// The rows to compare, once all of the batch is applied.
    pub(super) compare: Option<Compare>,
}

/// What commands need of a job that is not deleted.
pub(super) struct LiveJob {
    pub(super) seq: JobSeq,
    pub(super) version: u64,
    /// Whether it runs.
    pub(super) enabled: bool,
    /// As it is stored: a text, of which nothing else is known.
    pub(super) spec: Value,
    pub(super) created_at: Millis,
    pub(super) updated_at: Millis,
}

/// An unfinished execution.
pub(super) struct Open {
    pub(super) seq: i64,
    pub(super) run: RunRef,
    pub(super) fire_at: Millis,
    pub(super) status: Status,
    pub(super) node: NodeName,
}

impl<'a> Context<'a> {
    /// Begins a batch.
    pub(super) fn new(db: &'a Connection, at: Millis, index: u64, follows: u32) -> Self {
        let (executions, jobs) = (Counter::new("execution"), Counter::new("job"));
        Self {
            db,
            statements: Statements::new(db),
            at,
            index,
            follows,
            effects: Vec::new(),
            ended: Vec::new(),
            version: Cell::default(),
            data_key: Cell::default(),
            changed: Vec::new(),
            keys: false,
            secrets: false,
            is_any_withdrawn: Cell::default(),
            is_any_remainder: Cell::default(),
            is_any_skip: Cell::default(),
            rows_left: MAX_ROWS,
            open_runs: OpenRuns::default(),
            written_spec: Cell::default(),
            last_audit: Cell::default(),
            events: Events::default(),
            rollups: Rollups::default(),
            executions,
            jobs,
            takes_lost_word: false,
            compare: None,
        }
    }

    /// Ends the batch, and hands over what came of it as a whole.
    pub(super) fn close(self) -> Result<Applied, StateError> {
        self.executions.close(self.db)?;
        self.jobs.close(self.db)?;
        let events = self.events.close(&self)?;
        self.open_runs.close(self.db)?;
        self.rollups.close(self.db, self.at)?;
        let Self { at, effects, ended, changed, keys, secrets, .. } = self;
        Ok(Applied { at, effects, ended, changed, keys, secrets, events, ..Applied::default() })
    }
}

impl Context<'_> {
    pub(super) fn refuse(refusal: Refusal) -> Result<Outcome, StateError> {
        Ok(Outcome::Refused { refusal })
    }

    /// The version of the cluster, as the commands so far left it.
    pub(super) fn version(&self) -> Result<u32, StateError> {
        if let Some(version) = self.version.get() {
            return Ok(version);
        }
        let version = schema::version(self.db)?;
        self.version.set(Some(version));
        Ok(version)
    }

    /// A job that is not deleted.
    pub(super) fn job(&self, id: JobId) -> Result<Option<LiveJob>, StateError> {
        let sql = concat!(
            "SELECT seq, version, spec, created_at, updated_at, state FROM jobs WHERE id = ?1 AND ",
            live_job!()
        );
        let read = |row: &Row<'_>| {
            Ok(LiveJob {
                seq: columns::job_seq(row, 0)?,
                version: row.get(1)?,
                enabled: row.get::<_, i64>(5)? == JobState::Enabled.code(),
                spec: row.get(2)?,
                created_at: row.get(3)?,
                updated_at: row.get(4)?,
            })
        };
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query([id.as_bytes()])?;
        rows.next()?.map(|row| row::read("jobs", row, read)).transpose()
    }

    /// Adds to the count of executions that are on record for a job.
    pub(super) fn add_held(&self, job: JobSeq, by: i64) -> Result<(), StateError> {
        self.db.prepare_cached("UPDATE due SET held = held + ?2 WHERE seq = ?1")?.execute((job.get(), by))?;
        Ok(())
    }

    /// The unfinished executions of a job whose numbers are later than `after` and not later than `upto`, in
    /// their order, at most `limit` of them.
    pub(super) fn open_of(
        &self,
        job: JobSeq,
        after: i64,
        upto: i64,
        limit: usize,
    ) -> Result<Vec<Open>, StateError> {
        // The index is named, because SQLite would read all executions of the job.
        let sql = concat!(
            "SELECT seq, id, scheduled_time, fire_at, status, trigger, version, node
            FROM executions INDEXED BY executions_open
            WHERE job = ?1 AND ",
            open!(),
            " AND seq > ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4"
        );
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query((job.get(), after, upto, limit))?;
        let mut open = Vec::new();
        while let Some(row) = rows.next()? {
            open.push(row::read("executions", row, |row| read_open(row, job))?);
        }
        Ok(open)
    }
}

fn read_open(row: &Row<'_>, job: JobSeq) -> Result<Open, StateError> {
    Ok(Open {
        seq: row.get(0)?,
        run: RunRef {
            execution: ExecutionId::from_bytes(row.get(1)?),
            job,
            version: row.get(6)?,
            scheduled_time: row.get(2)?,
            trigger: code::trigger(row.get(5)?),
        },
        fire_at: row.get(3)?,
        status: code::status(row.get(4)?),
        node: columns::node(row, 7)?,
    })
}

impl Open {
    /// Whether it is planned for an instant later than this. A clock that was days ahead may have taken that instant for
    /// a missed one.
    pub(super) fn is_to_come(&self, at: Millis) -> bool {
        let Self { run, status, .. } = self;
        let is_planned = matches!(run.trigger, Trigger::Schedule | Trigger::CatchUp);
        *status == Status::Pending && is_planned && run.scheduled_time > at
    }

    /// What a change of its job does to it.
    pub(super) fn fate(&self, remainder: &Remainder) -> Fate {
        remainder.fate(&self.run, self.fire_at, self.status == Status::Pending)
    }

    /// The run as its node has it, if no attempt was made yet.
    pub(super) fn planned(self) -> Fire {
        let Self { run, fire_at, node, seq: _, status: _ } = self;
        Fire::first(run, fire_at, node)
    }
}
