//! What every node measures of what it keeps, for its metrics.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chronos_state::{JobSeq, Reader, StateError};

use crate::error::LoopError;
use crate::services::Services;

/// Between two measurements.
const EVERY: Duration = Duration::from_secs(10);
/// Jobs counted in one read: half a millisecond. A million are counted in some tens of milliseconds.
const COUNT_AT_ONCE: usize = 20_000;
/// The files that are measured one by one.
const FILES: [&str; 4] = ["log.db", "log.db-wal", "state.db", "state.db-wal"];

/// Measures for as long as the node runs.
pub(super) async fn run(services: Services, data_dir: PathBuf) {
    loop {
        if let Err(error) = measure(&services, &data_dir).await {
            tracing::warn!(%error, "what is kept cannot be measured");
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn measure(services: &Services, data_dir: &Path) -> Result<(), LoopError> {
    let Services { env, store, metrics, .. } = services;
    let directory = data_dir.to_owned();
    let (bytes, files) = env.blocking(move || (size_of(&directory), sizes_of(&directory))).await;
    metrics.data_bytes(bytes, &files);
    metrics.bytes_in_use(store.read(Reader::bytes_in_use).await?);
    let enabled = count(services, |reader, from| reader.count_some_jobs(true, from, COUNT_AT_ONCE)).await?;
    let disabled = count(services, |reader, from| reader.count_some_jobs(false, from, COUNT_AT_ONCE)).await?;
    metrics.jobs(enabled, disabled);
    metrics
        .executions(count(services, |reader, from| reader.count_some_executions(from, COUNT_AT_ONCE)).await?);
    Ok(())
}

/// Counts by job, with room for others between the reads.
async fn count(
    services: &Services,
    some: impl Fn(&Reader, JobSeq) -> Result<(u64, Option<JobSeq>), StateError> + Copy + Send + 'static,
) -> Result<u64, LoopError> {
    let (mut count, mut from) = (0, Some(JobSeq::default()));
    while let Some(begin) = from {
        let (more, next) = services.store.read(move |reader: &Reader| some(reader, begin)).await?;
        (count, from) = (count + more, next);
    }
    Ok(count)
}

/// Bytes of some files in a directory; one that is not there has none.
fn sizes_of(directory: &Path) -> [(&'static str, u64); FILES.len()] {
    FILES.map(|name| (name, std::fs::metadata(directory.join(name)).map_or(0, |data| data.len())))
}

/// Bytes in a directory's files; one that goes meanwhile counts as nothing.
fn size_of(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.metadata().ok())
        .filter(|data| data.is_file())
        .map(|data| data.len())
        .sum()
}
