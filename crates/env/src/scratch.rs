//! Temporary files in the data directory. A file is removed when it is dropped. The files that a crash left
//! behind are removed at the next start.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Makes temporary files of one kind. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Scratch {
    directory: PathBuf,
    prefix: &'static str,
    count: Arc<AtomicU64>,
}

impl Scratch {
    /// Uses names in `directory` that begin with `prefix`, and removes the files that have such names now.
    ///
    /// # Errors
    /// The directory cannot be read, or a file cannot be removed.
    pub fn open(directory: &Path, prefix: &'static str) -> io::Result<Self> {
        for entry in std::fs::read_dir(directory)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(Self { directory: directory.to_owned(), prefix, count: Arc::default() })
    }

    /// Returns a file with a name of its own. The file is not created yet.
    #[must_use]
    pub fn file(&self) -> ScratchFile {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        ScratchFile(self.directory.join(format!("{}{count}.db", self.prefix)))
    }
}

/// A file that is removed when this is dropped.
#[derive(Debug)]
pub struct ScratchFile(PathBuf);

impl ScratchFile {
    /// The path of the file, whether or not it was created.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ScratchFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.0.display(), %error, "a temporary file could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_go_when_they_have_served_and_those_of_a_crash_at_the_next_start() {
        let directory = tempfile::tempdir().expect("a directory");
        let lies = |name: &str| directory.path().join(name).exists();
        for name in ["copy-7.db", "other-1.db"] {
            std::fs::write(directory.path().join(name), "left behind").expect("a file");
        }
        let scratch = Scratch::open(directory.path(), "copy-").expect("it opens");
        assert!(!lies("copy-7.db") && lies("other-1.db"));
        let (one, two) = (scratch.file(), scratch.file());
        assert_ne!(one.path(), two.path());
        std::fs::write(one.path(), "in use").expect("a file");
        let path = one.path().to_owned();
        drop(one);
        assert!(!path.exists());
        drop(two);
    }
}
