//! Connections for reading. They see what is committed and never wait for the writer.

use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};

use rusqlite::Connection;

use crate::error::StateError;
use crate::schema;

/// One connection for reading.
#[derive(Debug)]
pub struct Reader {
    pub(super) connection: Connection,
}

impl Reader {
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
}

/// A fixed number of readers. Each is lent to one caller at a time.
#[derive(Debug)]
pub struct Readers {
    idle: Mutex<Vec<Reader>>,
    returned: Condvar,
}

impl Readers {
    pub(crate) fn open(path: &Path, count: usize) -> Result<Self, StateError> {
        let open = |_| Ok(Reader { connection: schema::open_reader(path)? });
        let idle = (0..count.max(1)).map(open).collect::<Result<_, StateError>>()?;
        Ok(Self { idle: Mutex::new(idle), returned: Condvar::new() })
    }

    /// Lends a reader. If all are lent, it waits for one; it blocks, so async threads must not call it.
    pub fn with<T>(&self, ask: impl FnOnce(&Reader) -> T) -> T {
        // The lock is never held while `ask` runs, so a panic there leaves the list whole.
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = loop {
            match idle.pop() {
                Some(reader) => break reader,
                None => idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner),
            }
        };
        drop(idle);
        let lent = Lent { readers: self, reader: Some(reader) };
        match &lent.reader {
            Some(reader) => ask(reader),
            None => unreachable!("a lent reader is there until it is returned"),
        }
    }
}

/// Gives the reader back, even if the question panicked.
struct Lent<'a> {
    readers: &'a Readers,
    reader: Option<Reader>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(reader) = self.reader.take() {
            self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
            self.readers.returned.notify_one();
        }
    }
}
