//! The same figures by the values of the tag that is the scope of keys, for whoever may see the jobs of some values alone.
//!
//! What is done of a job counts for the value that its tag has then. Each value has a row of what is not yet in the
//! stretches, as all jobs together have.

use std::cell::RefCell;
use std::collections::BTreeMap;

use chronos_types::Millis;
use rusqlite::{Connection, OptionalExtension as _};

use crate::error::StateError;
use crate::run::JobSeq;
use crate::stored::code::deleted_job;
use crate::stored::rollups::{LEVELS, OPEN, start_of};
use crate::stored::scope_rollups::{self as stored, OTHERS, Stretch};

/// So many values are told apart in five minutes.
const MOST: usize = 200;

/// What a batch adds, by scope.
#[derive(Default)]
pub(super) struct Scopes {
    /// The tag, once that was asked.
    tag: RefCell<Option<Option<String>>>,
    added: RefCell<BTreeMap<String, Stretch>>,
}

impl Scopes {
    /// The scope of a job. A value that is empty is none.
    pub(super) fn of(&self, db: &Connection, job: JobSeq) -> Result<Option<String>, StateError> {
        let mut known = self.tag.borrow_mut();
        let tag = match &mut *known {
            Some(tag) => tag,
            unknown => unknown.insert(stored::tag(db)?.map(|(tag, _)| tag)),
        };
        let Some(tag) = tag else { return Ok(None) };
        let sql = "SELECT value FROM tags WHERE seq = ?1 AND key = ?2";
        let mut value: Option<String> =
            db.prepare_cached(sql)?.query_row((job.get(), &*tag), |row| row.get(0)).optional()?;
        if value.is_none() {
            value = of_deleted(db, job, tag)?;
        }
        Ok(value.filter(|value| !value.is_empty()).map(|value| stored::scope(tag, &value)))
    }

    pub(super) fn forget_tag(&self) {
        *self.tag.borrow_mut() = None;
    }

    /// Something was done of a job of this scope.
    pub(super) fn add(&self, scope: &str, what: impl FnOnce(&mut Stretch)) {
        let mut added = self.added.borrow_mut();
        match added.get_mut(scope) {
            Some(stretch) => what(stretch),
            None => what(added.entry(scope.to_owned()).or_default()),
        }
    }

    /// Adds it to what is not yet in the stretches, which begins there.
    pub(super) fn close(self, db: &Connection, start: Millis) -> Result<(), StateError> {
        let added = self.added.into_inner();
        if added.is_empty() {
            return Ok(());
        }
        let sql = "SELECT count(*) FROM scope_rollups WHERE step = ?1 AND scope <> ?2";
        let mut count: usize = db.prepare_cached(sql)?.query_row((OPEN, OTHERS), |row| row.get(0))?;
        for (scope, stretch) in added {
            let (scope, mut all) = match stored::of(db, OPEN, &scope, start)? {
                Some(open) => (scope, open),
                None if count < MOST => {
                    count += 1;
                    (scope, Stretch::default())
                }
                None => (OTHERS.to_owned(), stored::of(db, OPEN, OTHERS, start)?.unwrap_or_default()),
            };
            all.add(&stretch);
            stored::set(db, OPEN, &scope, start, &all)?;
        }
        Ok(())
    }
}

/// The value of a job that is deleted, and whose last runs come to an end: that which it had last.
fn of_deleted(db: &Connection, job: JobSeq, tag: &str) -> Result<Option<String>, StateError> {
    let sql = concat!(
        "SELECT iif(json_valid(spec), json_extract(spec, ?2), NULL) FROM jobs WHERE seq = ?1 AND ",
        deleted_job!()
    );
    // No key of a tag has a quote.
    let path = format!("$.tags.\"{tag}\"");
    let found: Option<Option<String>> =
        db.prepare_cached(sql)?.query_row((job.get(), path), |row| row.get(0)).optional()?;
    Ok(found.flatten())
}

/// Adds what was added up to the stretches that it lies in.
pub(super) fn put_away(db: &Connection) -> Result<(), StateError> {
    for (scope, of, open) in stored::all_of(db, OPEN)? {
        for (step, _) in LEVELS {
            let start = start_of(of, step);
            let mut stretch = stored::of(db, step, &scope, start)?.unwrap_or_default();
            stretch.add(&open);
            stored::set(db, step, &scope, start, &stretch)?;
        }
    }
    db.prepare_cached("DELETE FROM scope_rollups WHERE step = ?1")?.execute([OPEN])?;
    Ok(())
}
