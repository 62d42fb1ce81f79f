//! The space that is left where the files of a node lie. What is written beside them, a copy or a backup, looks first: to
//! find the disk full halfway through stops the node's own writes too.

use std::path::Path;

use crate::error::StateError;

/// Checks that `needed` bytes can be written to files in a directory. `what` needs them; it is for people. It blocks.
///
/// # Errors
/// [`StateError::NoSpace`]; or the directory cannot be looked at.
pub fn check(directory: &Path, what: &'static str, needed: u64) -> Result<(), StateError> {
    let free = free(directory)?;
    if free >= needed {
        return Ok(());
    }
    Err(StateError::NoSpace { what, path: directory.display().to_string(), needed, free })
}

/// Bytes that an ordinary process may still write there.
fn free(directory: &Path) -> Result<u64, StateError> {
    let found = rustix::fs::statvfs(directory).map_err(|error| StateError::file(directory)(error.into()))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// The directory that a file lies in.
#[must_use]
pub fn directory_of(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// So many bytes, for people.
#[must_use]
pub fn shown(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes as f64 / 1024.0, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        (value, unit) = (value / 1024.0, unit + 1);
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_and_what_is_free_are_named() {
        let directory = tempfile::tempdir().expect("a directory");
        check(directory.path(), "a copy", 1).expect("there is a byte");
        let error = check(directory.path(), "a copy", u64::MAX).expect_err("nobody has so much");
        assert!(error.is_disk_full());
        let said = error.to_string();
        assert!(said.starts_with("a copy needs 16777216.0 TiB in /"), "{said}");
        assert!(said.ends_with(" free there"), "{said}");
    }

    #[test]
    fn bytes_are_shown_in_the_unit_that_fits() {
        for (bytes, expected) in [
            (0, "0.0 KiB"),
            (1_536, "1.5 KiB"),
            (64 << 20, "64.0 MiB"),
            ((1 << 30) - 1, "1024.0 MiB"),
            (5 << 29, "2.5 GiB"),
            (3 << 40, "3.0 TiB"),
        ] {
            assert_eq!(shown(bytes), expected, "{bytes}");
        }
    }
}
