//! What every node measures of what it keeps, for its metrics.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chronos_state::{JobSeq, Reader};

use crate::error::LoopError;
use crate::services::Services;

/// Between two measurements.
const EVERY: Duration = Duration::from_secs(10);
/// Jobs counted in one read: half a millisecond. A million are counted in some tens of milliseconds.
const COUNT_AT_ONCE: usize = 20_000;

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
    metrics.data_bytes(env.blocking(move || size_of(&directory)).await);
    metrics.bytes_in_use(store.read(Reader::bytes_in_use).await?);
    let (enabled, disabled) = (count(services, true).await?, count(services, false).await?);
    metrics.jobs(enabled, disabled);
    Ok(())
}

/// Counts jobs, with room for others between the reads.
async fn count(services: &Services, enabled: bool) -> Result<u64, LoopError> {
    let (mut count, mut from) = (0, Some(JobSeq::default()));
    while let Some(begin) = from {
        let read = move |reader: &Reader| reader.count_some_jobs(enabled, begin, COUNT_AT_ONCE);
        let (some, next) = services.store.read(read).await?;
        (count, from) = (count + some, next);
    }
    Ok(count)
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
