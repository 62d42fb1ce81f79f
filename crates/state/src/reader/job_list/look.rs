//! Looks at jobs: whether each is one of those that are asked for, and what it is ordered by.

use rusqlite::types::Value;
use rusqlite::{CachedStatement, Row, Statement, params_from_iter};

use super::{JobKey, JobList, JobPlace, JobsAmong, orders};
use crate::error::StateError;
use crate::reader::connection::Reader;
use crate::reader::cost;
use crate::reader::page::Candidate;
use crate::reader::texts::JobTexts;
use crate::run::JobSeq;

/// Looks at one job after the other.
pub(super) struct One<'a> {
    list: &'a JobList,
    statement: CachedStatement<'a>,
    values: Vec<Value>,
}

impl<'a> One<'a> {
    pub(super) fn prepare(reader: &'a Reader, list: &'a JobList) -> Result<Self, StateError> {
        let (sql, values) = orders::one(list);
        Ok(Self { list, statement: reader.connection.prepare_cached(&sql)?, values: values.0 })
    }

    /// Whether the job of this place is meant.
    pub(super) fn look(&mut self, place: JobPlace) -> Result<Candidate<JobPlace>, StateError> {
        let seq = place.seq.get();
        self.values[0] = seq.into();
        let mut rows = self.statement.query(params_from_iter(&self.values))?;
        let found = rows.next()?.map(|row| candidate(row, self.list, None)).transpose()?;
        // What was found beside the state may be gone from it.
        let (fits, bytes) = found.map_or((false, 0), |found| (found.fits, found.bytes));
        Ok(Candidate { place, seq, fits, bytes })
    }
}

impl Drop for One<'_> {
    fn drop(&mut self) {
        let statement: &Statement<'_> = &self.statement;
        cost::note(statement);
    }
}

/// A row of a statement of `orders`: its number, what it is ordered by, whether it fits but for its texts, and where
/// these are asked for how many bytes are searched, its name and its specification.
pub(super) fn candidate(
    row: &Row<'_>,
    list: &JobList,
    among: Option<&JobsAmong>,
) -> Result<Candidate<JobPlace>, StateError> {
    let (seq, mut fits, mut bytes) = (row.get(0)?, row.get(2)?, 0);
    let place = JobPlace { key: key(row, 1)?, seq: JobSeq::new(seq) };
    if let Some(texts) = &list.filter.texts {
        fits = fits && among.is_none_or(|among| among.may_have(place.seq));
        if fits {
            bytes = row.get(3)?;
            fits = texts.holds(&JobTexts::of(row.get_ref(4)?, row.get_ref(5)?));
        }
    }
    Ok(Candidate { place, seq, fits, bytes })
}

/// What a job is ordered by, in a column.
pub(super) fn key(row: &Row<'_>, column: usize) -> Result<Option<JobKey>, StateError> {
    Ok(match row.get(column)? {
        Value::Integer(number) => Some(JobKey::Number(number)),
        Value::Text(text) => Some(JobKey::Text(text)),
        Value::Null | Value::Real(_) | Value::Blob(_) => None,
    })
}
