//! Pauses of jobs, and their coming runs that are skipped.

use chronos_types::{JobTimes, Millis, Note, Pause, Skips};
use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::connection::Reader;
use crate::command::PAUSES_SINCE;
use crate::error::StateError;
use crate::run::JobSeq;
use crate::schema;
use crate::stored::code::{Code as _, JobState};
use crate::stored::columns::{self, skip_columns};
use crate::stored::{row, spec};

/// A pause that ends by itself, and what its job is like.
#[derive(Clone, Debug, PartialEq)]
pub struct EndingPause {
    /// The machine's own number of the job.
    pub job: JobSeq,
    /// When it ends.
    pub until: Millis,
    /// The version of the job.
    pub version: u64,
    /// When the job was created.
    pub created_at: Millis,
    /// Whether the job is enabled.
    pub enabled: bool,
    /// Whether it was said already from when on the job falls due.
    pub is_due: bool,
    /// When the job runs; none where that cannot be read.
    pub times: Option<JobTimes>,
}

impl EndingPause {
    /// Where it stands among those that end.
    #[must_use]
    pub fn place(&self) -> (Millis, JobSeq) {
        (self.until, self.job)
    }
}

impl Reader {
    /// The pauses behind a place (their end, and the number of their job) that end not later than `until`, the first
    /// `limit` of them.
    ///
    /// # Errors
    /// The storage failed.
    pub fn ending_pauses(
        &self,
        after: (Millis, JobSeq),
        until: Millis,
        limit: usize,
    ) -> Result<Vec<EndingPause>, StateError> {
        if !self.has_pauses()? {
            return Ok(Vec::new());
        }
        let sql = "SELECT p.job, p.until, j.version, j.created_at, j.state, d.at, j.spec
            FROM pauses p CROSS JOIN jobs j ON j.seq = p.job CROSS JOIN due d ON d.seq = p.job
            WHERE p.until IS NOT NULL AND (p.until, p.job) > (?1, ?2) AND p.until <= ?3
            ORDER BY p.until, p.job LIMIT ?4";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query((after.0, after.1.get(), until, limit))?;
        let mut pauses = Vec::new();
        while let Some(row) = rows.next()? {
            pauses.push(row::read("pauses", row, ending)?);
        }
        Ok(pauses)
    }

    /// Whether the state has the tables of pauses and skips.
    pub(super) fn has_pauses(&self) -> Result<bool, StateError> {
        Ok(schema::version(&self.connection)? >= PAUSES_SINCE)
    }

    /// The pause of a job, which may be over.
    pub(super) fn pause_of(&self, job: JobSeq) -> Result<Option<Pause>, StateError> {
        let sql = "SELECT job, paused_at, until, reason, kind, id, name, address, note FROM pauses
            WHERE job = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([job.get()])?;
        rows.next()?.map(|row| row::read("pauses", row, pause)).transpose()
    }

    /// The runs that a job skips, which falls due at an instant.
    pub(super) fn skips_of(&self, job: JobSeq, due: Option<Millis>) -> Result<Option<Skips>, StateError> {
        let sql = concat!("SELECT ", skip_columns!(), " FROM skips a WHERE a.job = ?1");
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([job.get()])?;
        let read = |row: &Row<'_>| {
            let skip = columns::skip(row, 2)?;
            let next = due.filter(|due| skip.takes(*due));
            Ok(Skips { by: columns::by(row, 4)?, at: row.get(1)?, skip, next })
        };
        rows.next()?.map(|row| row::read("skips", row, read)).transpose()
    }
}

fn pause(row: &Row<'_>) -> Result<Pause, StateError> {
    Ok(Pause {
        by: columns::by(row, 4)?,
        at: row.get(1)?,
        reason: row.get::<_, Option<String>>(3)?.map(Note::unchecked),
        until: row.get(2)?,
    })
}

fn ending(row: &Row<'_>) -> Result<EndingPause, StateError> {
    Ok(EndingPause {
        job: columns::job_seq(row, 0)?,
        until: row.get(1)?,
        version: row.get(2)?,
        created_at: row.get(3)?,
        enabled: row.get::<_, i64>(4)? == JobState::Enabled.code(),
        is_due: row.get_ref(5)? != ValueRef::Null,
        times: spec::times_from_json(row.get_ref(6)?.as_str().unwrap_or_default()).ok(),
    })
}
