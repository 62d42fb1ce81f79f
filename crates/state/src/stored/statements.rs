//! Statements that are kept ready while a batch is applied.

use std::cell::RefCell;

use rusqlite::{CachedStatement, Connection, Statement};

/// The statements that a batch runs again and again. The connection's own cache hashes the text of a statement
/// when it lends it and when it takes it back, and clears it: for a run that is planned and settled, a
/// sixteenth of the machine's work.
pub(crate) struct Statements<'a> {
    db: &'a Connection,
    ready: RefCell<Vec<(&'static str, CachedStatement<'a>)>>,
}

impl<'a> Statements<'a> {
    pub(crate) fn new(db: &'a Connection) -> Self {
        Self { db, ready: RefCell::default() }
    }

    /// Lends a statement to `work`. What was bound to it before is bound still, so `work` binds each parameter.
    pub(crate) fn with<T, E: From<rusqlite::Error>>(
        &self,
        sql: &'static str,
        work: impl FnOnce(&mut Statement<'a>) -> Result<T, E>,
    ) -> Result<T, E> {
        let ready = self.take(sql);
        let mut statement = ready.map_or_else(|| self.db.prepare_cached(sql), Ok)?;
        let done = work(&mut statement);
        self.ready.borrow_mut().push((sql, statement));
        done
    }

    fn take(&self, sql: &'static str) -> Option<CachedStatement<'a>> {
        // Equal texts in two places of the program are two statements, which does no harm.
        let mut ready = self.ready.borrow_mut();
        let place = ready.iter().position(|(known, _)| std::ptr::eq(*known, sql))?;
        Some(ready.swap_remove(place).1)
    }
}
