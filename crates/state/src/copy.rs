//! Copies of a state file, made while its machine goes on.

use std::path::Path;

use crate::error::StateError;
use crate::private;
use crate::schema;

/// Writes a consistent copy of a state file, as it stands now, to a new file, and waits until its
/// bytes are on the disk. `to` must not exist. If copying fails, nothing is left there.
///
/// The copy is read over a connection of its own, in one transaction: nobody waits for it, and it
/// takes little memory. But the write-ahead log cannot start anew until the copy is done.
///
/// # Errors
/// `to` exists, or the storage failed.
pub fn copy(state: &Path, to: &Path) -> Result<(), StateError> {
    // SQLite takes an empty file for none, and would make one that others can read.
    private::create_new(to).map_err(StateError::file(to))?;
    let result = vacuum(state, to);
    if result.is_err() {
        // Half a copy is of no use. The caller hears of the first fault, not of one in removing it.
        let _ = std::fs::remove_file(to);
    }
    result
}

/// Reads one of the consensus layer's notes from a copy.
///
/// # Errors
/// The storage failed.
pub fn note(copy: &Path, key: &str) -> Result<Option<Vec<u8>>, StateError> {
    schema::meta(&schema::open_reader(copy)?, key)
}

fn vacuum(state: &Path, to: &Path) -> Result<(), StateError> {
    let connection = schema::open_reader(state)?;
    // 2 MiB, here and for the file that is written: each page is read once.
    connection.pragma_update(None, "cache_size", -2_048)?;
    connection.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
    schema::sync_file(to)
}
