//! The data directory, as far as an operator may have got it wrong: found before anything is opened in it, because
//! SQLite says no more than that it cannot open a file.

use std::fmt::Display;
use std::io;
use std::path::Path;

use chronos_env::{no_directory, path_error};
use chronos_state::private;
use rustix::fs::{Access, access};

use super::error::StartError;

/// What lies in a data directory for good. One that is a link to nothing would be made anew, beside the data that it
/// should lead to.
const FILES: [&str; 3] = ["state.db", "log.db", "lock"];

/// Makes the directory, where there is none, and its files private.
pub(super) fn make(directory: &Path) -> Result<(), StartError> {
    check(directory)?;
    private::create_directory(directory).map_err(|error| refused(directory, &error, "a directory"))?;
    usable(directory, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|error| refused(directory, &error, "a directory that this node may write to"))?;
    for name in FILES {
        let path = directory.join(name);
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(refused(&path, &error, "a file")),
            Ok(found) if !found.is_file() => {
                let what = if found.is_dir() { "a directory" } else { "no file" };
                return Err(in_directory(directory, &format!("{name} is {what}; expected a file")));
            }
            Ok(_) => usable(&path, Access::READ_OK | Access::WRITE_OK)
                .map_err(|error| refused(&path, &error, "a file that this node may write to"))?,
        }
    }
    // Those of a release before this one may be readable by others.
    private::tighten_all(directory).map_err(|(name, error)| {
        in_directory(directory, &format!("{name} cannot be made readable by its owner alone: {error}"))
    })
}

/// Whether there is, or can be, a directory, and nothing in it leads nowhere.
pub(super) fn check(directory: &Path) -> Result<(), StartError> {
    if let Some(why) = no_directory(directory) {
        return Err(StartError(format!("cluster.data_dir: {why}; expected a directory")));
    }
    for path in FILES.map(|name| directory.join(name)).into_iter().filter(|path| path.is_symlink()) {
        std::fs::metadata(&path).map_err(|error| refused(&path, &error, "a link to a file that is there"))?;
    }
    Ok(())
}

/// Something is wrong with the data directory, or in it.
pub(super) fn in_directory(directory: &Path, error: &dyn Display) -> StartError {
    StartError(format!("cluster.data_dir: {}: {error}", directory.display()))
}

fn usable(path: &Path, wanted: Access) -> io::Result<()> {
    access(path, wanted).map_err(io::Error::from)
}

fn refused(path: &Path, error: &io::Error, expected: &str) -> StartError {
    StartError(format!("cluster.data_dir: {}; expected {expected}", path_error(path, error)))
}
