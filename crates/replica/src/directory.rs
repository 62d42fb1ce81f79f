//! The data directory, which belongs to one process at a time.

use std::fs::{File, TryLockError};
use std::path::Path;

use chronos_state::private;

use crate::error::ReplicaError;

/// Takes a data directory for this process, for as long as the file is open.
pub(crate) fn lock_directory(path: &Path) -> Result<File, ReplicaError> {
    let failed = |error| ReplicaError::Directory { path: path.to_owned(), error };
    private::create_directory(path).map_err(failed)?;
    let file = private::create(&path.join("lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ReplicaError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}
