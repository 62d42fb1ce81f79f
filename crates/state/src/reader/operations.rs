//! Operations, and what became of their targets.

use chronos_types::{By, Millis, OperationId};
use rusqlite::Row;

use super::connection::Reader;
use super::page::{self, Candidate, PageLimits};
use crate::command::{Cursor, ItemError, OPERATIONS_SINCE, OperationSpec};
use crate::error::StateError;
use crate::schema;
use crate::stored::operation::{self as stored, StoredEnd, StoredOperation};
use crate::stored::row;

/// An operation, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationRow {
    /// The operation.
    pub id: OperationId,
    /// What it is to do; or why that cannot be read.
    pub spec: Result<OperationSpec, String>,
    /// Who asked for it, where that is known.
    pub by: Option<By>,
    /// When it was made.
    pub created_at: Millis,
    /// The number of the last job, or the last execution, that was there then.
    pub upto: i64,
    /// How far it has come; none where that cannot be read.
    pub cursor: Option<Cursor>,
    /// With so many targets it has done what was asked for.
    pub done: u64,
    /// With so many nothing could be done.
    pub refused: u64,
    /// When it was over.
    pub ended_at: Option<Millis>,
    /// Whether it was ended before its end.
    pub is_cancelled: bool,
    /// By whom, where that is known.
    pub cancelled_by: Option<By>,
}

/// A target with which nothing could be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedItem {
    /// The target, for people.
    pub target: String,
    /// Why.
    pub error: ItemError,
}

const SELECT: &str =
    "SELECT o.id, o.created_at, o.upto, o.asked, p.cursor, p.done, p.refused, p.ended_at, p.cancelled
    FROM operations o JOIN operation_progress p ON p.id = o.id";

impl Reader {
    /// An operation.
    ///
    /// # Errors
    /// The storage failed.
    pub fn operation(&self, id: OperationId) -> Result<Option<OperationRow>, StateError> {
        if !self.has_operations()? {
            return Ok(None);
        }
        let mut statement = self.connection.prepare_cached(&format!("{SELECT} WHERE o.id = ?1"))?;
        let mut rows = statement.query([id.as_bytes()])?;
        rows.next()?.map(|row| row::read("operations", row, read)).transpose()
    }

    /// The first of the targets with which an operation could do nothing, in the order in which it came to them.
    ///
    /// # Errors
    /// The storage failed.
    pub fn operation_errors(&self, id: OperationId) -> Result<Vec<RefusedItem>, StateError> {
        if !self.has_operations()? {
            return Ok(Vec::new());
        }
        let sql = "SELECT operation, target, error FROM operation_errors WHERE operation = ?1 ORDER BY nr";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([id.as_bytes()])?;
        let read =
            |row: &Row<'_>| Ok(RefusedItem { target: row.get(1)?, error: stored::error(row.get_ref(2)?) });
        let mut errors = Vec::new();
        while let Some(row) = rows.next()? {
            errors.push(row::read("operation_errors", row, read)?);
        }
        Ok(errors)
    }

    /// Operations before `before`, the newest first. `take` says when the page has no place for one. Answers where the
    /// list goes on, if it does.
    ///
    /// # Errors
    /// The storage failed.
    pub fn operations(
        &self,
        before: Option<OperationId>,
        limits: PageLimits,
        mut take: impl FnMut(OperationRow) -> bool,
    ) -> Result<Option<OperationId>, StateError> {
        if !self.has_operations()? {
            return Ok(None);
        }
        let ceiling = before.map_or(vec![0xff; 17], |id| id.as_bytes().to_vec());
        let sql = "SELECT id FROM operation_progress WHERE id < ?1 ORDER BY id DESC";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([ceiling])?;
        let next = || {
            let Some(row) = rows.next()? else { return Ok(None) };
            let place = OperationId::from_bytes(row.get(0)?);
            Ok(Some(Candidate { place, seq: 0, fits: true, bytes: 0 }))
        };
        page::walk(limits, next, |found| match self.operation(found.place)? {
            Some(row) => Ok(take(row)),
            None => Ok(true),
        })
    }

    /// The operations that are under way, the oldest first. There are [`MAX_OPERATIONS`](crate::MAX_OPERATIONS) at most.
    ///
    /// # Errors
    /// The storage failed.
    pub fn running_operations(&self) -> Result<Vec<OperationId>, StateError> {
        if !self.has_operations()? {
            return Ok(Vec::new());
        }
        let sql = "SELECT id FROM operation_progress WHERE ended_at IS NULL ORDER BY id";
        let mut statement = self.connection.prepare_cached(sql)?;
        let ids = statement.query_map([], |row| Ok(OperationId::from_bytes(row.get(0)?)))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    fn has_operations(&self) -> Result<bool, StateError> {
        Ok(schema::version(&self.connection)? >= OPERATIONS_SINCE)
    }
}

fn read(row: &Row<'_>) -> Result<OperationRow, StateError> {
    let (spec, by) = match stored::read::<StoredOperation>(row.get_ref(3)?) {
        Ok(StoredOperation { spec, by }) => (Ok(spec), by),
        Err(why) => (Err(why), None),
    };
    let ended: Option<String> = row.get(8)?;
    let end = ended.as_ref().and_then(|text| serde_json::from_str::<StoredEnd>(text).ok());
    Ok(OperationRow {
        id: OperationId::from_bytes(row.get(0)?),
        spec,
        by,
        created_at: row.get(1)?,
        upto: row.get(2)?,
        cursor: stored::cursor(row.get_ref(4)?),
        done: row.get(5)?,
        refused: row.get(6)?,
        ended_at: row.get(7)?,
        is_cancelled: ended.is_some(),
        cancelled_by: end.and_then(|end| end.by),
    })
}
