//! A connection for reading. It sees what is committed and never waits for the writer.

use std::path::Path;

use rusqlite::Connection;

use crate::error::StateError;
use crate::schema;

/// Instructions of SQLite between two looks whether a question is to be given up: some tens of microseconds.
const LOOK_EVERY: i32 = 1_000;

/// One connection for reading. It answers one question at a time.
#[derive(Debug)]
pub struct Reader {
    pub(super) connection: Connection,
}

impl Reader {
    pub(crate) fn open(path: &Path) -> Result<Self, StateError> {
        Ok(Self { connection: schema::open_reader(path)? })
    }

    /// Asks several questions of one and the same state.
    ///
    /// # Errors
    /// The storage failed, or `questions` did.
    pub fn at_once<T>(
        &self,
        questions: impl FnOnce(&Self) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        let transaction = self.connection.unchecked_transaction()?;
        let answer = questions(self)?;
        transaction.finish()?;
        Ok(answer)
    }

    /// Asks questions that are given up as soon as `give_up` says so. It is asked again and again while
    /// SQLite works.
    ///
    /// # Errors
    /// [`StateError::is_given_up`]; or the storage failed, or `questions` did.
    pub fn unless<T>(
        &mut self,
        give_up: impl FnMut() -> bool + Send + 'static,
        questions: impl FnOnce(&Self) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        self.connection.progress_handler(LOOK_EVERY, Some(give_up))?;
        // Where the questions panic, the next ones bring a handler of their own.
        let answer = questions(self);
        self.connection.progress_handler(0, None::<fn() -> bool>)?;
        answer
    }
}
