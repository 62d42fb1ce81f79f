//! The audit: who has changed what, the newest first.

use chronos_types::{By, Millis};
use rusqlite::Row;

use super::connection::Reader;
use super::page::{self, Candidate, PageLimits};
use crate::command::{AUDIT_AT_ONCE, AUDIT_SINCE};
use crate::error::StateError;
use crate::schema;
use crate::stored::difference::Difference;
use crate::stored::{columns, row};

/// An entry of the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number. Those of later entries are higher.
    pub seq: u64,
    /// When it was put on record, by the cluster's time.
    pub at: Millis,
    /// What was done, such as `job.update`.
    pub what: String,
    /// Who did it, and what they said; none where that cannot be read.
    pub by: Option<By>,
    /// The id of what it was done with, or the name of the set.
    pub target: Option<String>,
    /// What that was called then, where it has a name.
    pub name: Option<String>,
    /// What is another than before.
    pub difference: Difference,
}

/// The place of an entry in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditPlace {
    /// When it was put on record.
    pub at: Millis,
    /// Its number.
    pub seq: u64,
}

/// Which entries are meant: those for which all holds that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// The id, the name or the kind of who did it, or the address that it came from.
    pub actor: Option<String>,
    /// What was done: all of it, as in `job.update`, or what stands before the dot.
    pub what: Option<String>,
    /// The id or the name of what it was done with.
    pub target: Option<String>,
    /// From this instant on.
    pub from: Option<Millis>,
    /// Before this one.
    pub to: Option<Millis>,
}

const SELECT: &str =
    "SELECT seq, at, what, target, target_name, difference, kind, id, name, address, note FROM audit";

impl Reader {
    /// Entries behind a place, the newest first. `take` says when the page has no place for one. Answers where the list
    /// goes on, if it does.
    ///
    /// # Errors
    /// The storage failed.
    pub fn audit(
        &self,
        filter: &AuditFilter,
        after: Option<AuditPlace>,
        limits: PageLimits,
        mut take: impl FnMut(AuditRow) -> bool,
    ) -> Result<Option<AuditPlace>, StateError> {
        if !self.has_audit()? {
            return Ok(None);
        }
        let AuditFilter { actor, what, target, from, to } = filter;
        // One bound from above, for the index: a cursor is of a list with the same `to`. The first number is 1.
        let before = after.unwrap_or(AuditPlace { at: to.unwrap_or(Millis::MAX), seq: 0 });
        let from = from.unwrap_or(Millis::MIN);
        let sql = "SELECT seq, at, what, target, target_name, kind, id, name, address FROM audit
            WHERE at >= ?1 AND (at, seq) < (?2, ?3) ORDER BY at DESC, seq DESC";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query((from, before.at, before.seq))?;
        let fits = |row: &Row<'_>| -> Result<bool, StateError> {
            let is = |column: usize, wanted: &str| {
                Ok::<_, StateError>(row.get_ref(column)?.as_str_or_null()?.is_some_and(|text| text == wanted))
            };
            if let Some(wanted) = actor {
                let kind = columns::actor_kind(row, 5)?.is_some_and(|kind| kind.as_str() == wanted);
                if !(kind || is(6, wanted)? || is(7, wanted)? || is(8, wanted)?) {
                    return Ok(false);
                }
            }
            if let Some(wanted) = what {
                let of = row.get_ref(2)?.as_str()?;
                if of != wanted && of.split_once('.').is_none_or(|(begin, _)| begin != wanted) {
                    return Ok(false);
                }
            }
            match target {
                Some(wanted) => Ok(is(3, wanted)? || is(4, wanted)?),
                None => Ok(true),
            }
        };
        let next = || {
            let Some(row) = rows.next()? else { return Ok(None) };
            row::read("audit", row, |row| {
                let place = AuditPlace { at: row.get(1)?, seq: row.get(0)? };
                Ok(Some(Candidate { place, seq: row.get(0)?, fits: fits(row)?, bytes: 0 }))
            })
        };
        page::walk(limits, next, |found| match self.audit_entry(found.seq)? {
            Some(row) => Ok(take(row)),
            None => Ok(true),
        })
    }

    /// Entries behind a number in the order in which they came, at most `most` of them.
    ///
    /// # Errors
    /// The storage failed.
    pub fn audit_after(&self, seq: u64, most: usize) -> Result<Vec<AuditRow>, StateError> {
        if !self.has_audit()? {
            return Ok(Vec::new());
        }
        let sql = format!("{SELECT} WHERE seq > ?1 ORDER BY seq LIMIT ?2");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query((seq, most))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(row::read("audit", row, read)?);
        }
        Ok(found)
    }

    /// The number of the newest entry; 0 where there is none.
    ///
    /// # Errors
    /// The storage failed.
    pub fn newest_audit(&self) -> Result<u64, StateError> {
        if !self.has_audit()? {
            return Ok(0);
        }
        let sql = "SELECT coalesce(max(seq), 0) FROM audit";
        Ok(self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    }

    /// Whether a word to forget entries from before an instant would find any.
    ///
    /// # Errors
    /// The storage failed.
    pub fn has_audit_before(&self, before: Millis) -> Result<bool, StateError> {
        if !self.has_audit()? {
            return Ok(false);
        }
        let sql = "SELECT 1 FROM (SELECT seq, at FROM audit ORDER BY seq LIMIT ?2)
            WHERE at < ?1 AND seq < (SELECT max(seq) FROM audit) LIMIT 1";
        Ok(self.connection.prepare_cached(sql)?.exists((before, AUDIT_AT_ONCE))?)
    }

    /// What the entries on record take, roughly.
    pub(super) fn audit_bytes(&self) -> Result<u64, StateError> {
        if !self.has_audit()? {
            return Ok(0);
        }
        let sql = "SELECT coalesce((SELECT upto FROM audit ORDER BY seq DESC LIMIT 1), 0)
            - coalesce((SELECT upto FROM audit ORDER BY seq LIMIT 1), 0)";
        Ok(self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    }

    fn audit_entry(&self, seq: i64) -> Result<Option<AuditRow>, StateError> {
        let sql = format!("{SELECT} WHERE seq = ?1");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([seq])?;
        rows.next()?.map(|row| row::read("audit", row, read)).transpose()
    }

    fn has_audit(&self) -> Result<bool, StateError> {
        Ok(schema::version(&self.connection)? >= AUDIT_SINCE)
    }
}

fn read(row: &Row<'_>) -> Result<AuditRow, StateError> {
    let difference: Option<String> = row.get(5)?;
    // One that cannot be read costs no more than itself.
    let difference = difference.and_then(|text| serde_json::from_str(&text).ok());
    Ok(AuditRow {
        seq: row.get(0)?,
        at: row.get(1)?,
        what: row.get(2)?,
        by: columns::by(row, 6)?,
        target: row.get(3)?,
        name: row.get(4)?,
        difference: difference.unwrap_or_default(),
    })
}
