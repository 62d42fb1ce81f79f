//! Files that only their owner may read: they hold the secrets of jobs, and what targets answered.
//!
//! SQLite gives a new database the mode 0644, and the files beside one (`-wal`, `-shm`) the mode of the database.
//! So each database is made here, empty, before SQLite opens it. As [`crate::wal`], this serves the replicated log
//! too.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Reading and writing, for the owner alone.
const MODE: u32 = 0o600;
/// The same for a directory.
const DIRECTORY_MODE: u32 = 0o700;
/// What others may do.
const OTHERS: u32 = 0o077;
/// The files that a data directory may hold from before they were private. All others are made anew.
const KEPT: [&str; 10] = [
    "state.db",
    "state.db-wal",
    "state.db-shm",
    "log.db",
    "log.db-wal",
    "log.db-shm",
    "search.db",
    "search.db-wal",
    "search.db-shm",
    "lock",
];

/// How files are opened here: whatever is created belongs to its owner alone.
#[must_use]
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(MODE);
    options
}

/// Creates a file, or empties the one that is there, and makes it private.
///
/// # Errors
/// The operating system refuses it.
pub fn create(path: &Path) -> io::Result<File> {
    let file = options().write(true).create(true).truncate(true).open(path)?;
    tighten(path)?;
    Ok(file)
}

/// Creates an empty file.
///
/// # Errors
/// It is there already, or the operating system refuses it.
pub fn create_new(path: &Path) -> io::Result<File> {
    options().write(true).create_new(true).open(path)
}

/// Creates an empty file if there is none.
///
/// # Errors
/// The operating system refuses it.
pub fn ensure(path: &Path) -> io::Result<()> {
    options().append(true).create(true).open(path).map(drop)
}

/// Creates a directory, and those that it lies in, if they are not there. What is there stays as it is.
///
/// # Errors
/// The operating system refuses it.
pub fn create_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)
}

/// Takes from everybody but the owner what they may do with a file, if it is there.
fn tighten(path: &Path) -> io::Result<()> {
    let mode = match std::fs::metadata(path) {
        Ok(found) => found.permissions().mode(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if mode & OTHERS == 0 {
        return Ok(());
    }
    std::fs::set_permissions(path, Permissions::from_mode(mode & !OTHERS))
}

/// Makes the files of a data directory private that are there already.
///
/// # Errors
/// The operating system refuses it, for the file of this name.
pub fn tighten_all(data_dir: &Path) -> Result<(), (&'static str, io::Error)> {
    KEPT.into_iter().try_for_each(|name| tighten(&data_dir.join(name)).map_err(|error| (name, error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_here_and_what_was_there_belong_to_their_owner_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let made = directory.path().join("a").join("b");
        create_directory(&made).expect("a directory");
        assert_eq!(mode(&made), 0o700);
        let file = |name: &str| made.join(name);
        create(&file("created")).expect("a file");
        create_new(&file("new")).expect("a file");
        ensure(&file("ensured")).expect("a file");
        assert!(create_new(&file("new")).is_err());
        for name in ["created", "new", "ensured"] {
            assert_eq!(mode(&file(name)), 0o600, "{name}");
        }
        for name in ["state.db", "lock", "other"] {
            std::fs::write(file(name), "kept").expect("a file");
            std::fs::set_permissions(file(name), Permissions::from_mode(0o644)).expect("a mode");
        }
        tighten_all(&made).expect("tightened");
        ensure(&file("state.db")).expect("it is there");
        for (name, expected) in [("state.db", 0o600), ("lock", 0o600), ("other", 0o644)] {
            assert_eq!(
                (mode(&file(name)), std::fs::read(file(name)).expect("a file")),
                (expected, b"kept".into())
            );
        }
    }
}
