//! The large state that some rounds begin with. It is made once; each of these rounds has a copy.

use std::path::Path;
use std::time::Instant;

use chronos_types::NodeName;

use super::super::jobs::Job;
use super::super::load::Loader;
use super::super::{data_directory, now_ms};
use crate::Result;

/// Jobs that a search has to look at. They fire once a year.
const JOBS: usize = 100_000;
/// Jobs with a history, and how many records each has.
const OLD_JOBS: usize = 1_000;
/// As many as are kept by default of each job.
const RECORDS: usize = 1_000;
/// When the records begin, and the time between two of a job: they end three hours ago.
const AGO_MS: i64 = 4 * 3_600_000;
const EVERY_MS: i64 = 3_600;

/// A state file with 100,000 jobs and a million records.
pub struct Template(tempfile::TempDir);

impl Template {
    /// Makes it.
    pub fn make() -> Result<Self> {
        let begun = Instant::now();
        let directory = data_directory()?;
        eprintln!("loading {JOBS} jobs and {} records", OLD_JOBS * RECORDS);
        // Nothing fires.
        let mut loader = Loader::open(directory.path(), ([127, 0, 0, 1], 9).into())?;
        let old = |n| Job::named(format!("old-{n:07}"), "30 4 1 1 *");
        let first = now_ms() - AGO_MS;
        let instants: Vec<_> =
            (0..RECORDS).map(|n| first + i64::try_from(n).unwrap_or(0) * EVERY_MS).collect();
        let node = NodeName::unchecked("chronos-1");
        loader.put_with_history(&(0..OLD_JOBS).map(old).collect::<Vec<_>>(), &instants, &node)?;
        loader.put((OLD_JOBS..JOBS).map(old))?;
        loader.finish()?;
        eprintln!("loaded in {:?}", begun.elapsed());
        Ok(Self(directory))
    }

    /// How many records it has.
    pub fn records() -> usize {
        OLD_JOBS * RECORDS
    }

    /// Copies it into a data directory, to the disk.
    pub fn copy_to(&self, directory: &Path) -> Result<()> {
        for entry in std::fs::read_dir(self.0.path())? {
            let entry = entry?;
            let path = directory.join(entry.file_name());
            std::fs::copy(entry.path(), &path)?;
            // Otherwise the kernel would write it while the round is measured.
            std::fs::File::open(path)?.sync_all()?;
        }
        Ok(())
    }
}
