//! Copies of a state file, made while its machine goes on.

mod bounds;

use std::path::Path;

use crate::error::StateError;
use crate::private;
use crate::schema;

pub use bounds::CopyBounds;

/// Writes a consistent copy of a state file, as it stands now, to a new file, and waits until its
/// bytes are on the disk. `to` must not exist. If copying fails, nothing is left there.
///
/// The copy is read over a connection of its own, in one transaction: nobody waits for it, and it
/// takes little memory. But the write-ahead log cannot start anew until the copy is done, so there are `bounds`.
///
/// # Errors
/// `to` exists, the storage failed, or it was given up: there is too little space, the write-ahead log has grown too
/// long, or nobody waits for the copy any more.
pub fn copy(state: &Path, to: &Path, bounds: &CopyBounds) -> Result<(), StateError> {
    // SQLite takes an empty file for none, and would make one that others can read.
    private::create_new(to).map_err(StateError::file(to))?;
    let result = vacuum(state, to, bounds);
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

fn vacuum(state: &Path, to: &Path, bounds: &CopyBounds) -> Result<(), StateError> {
    let mut connection = schema::open_reader(state)?;
    // 2 MiB, here and for the file that is written: each page is read once.
    connection.pragma_update(None, "cache_size", -2_048)?;
    bounds.copy(&mut connection, state, to, |connection| {
        connection.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
        Ok(())
    })?;
    schema::sync_file(to)
}
