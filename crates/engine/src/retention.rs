//! Keeps what is on record within bounds: the leader finds what is past its keeping and proposes to forget it,
//! so that every node forgets the same. It deletes nothing itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chronos_state::{Command, MAX_ROWS, Reader, StateError, Trim};
use chronos_types::{DurationMs, Millis};

use crate::error::LoopError;
use crate::services::Services;
use crate::tick::Tick;

/// Records forgotten in one command: a few milliseconds of the writer's time.
const AT_ONCE: usize = MAX_ROWS;
/// A client repeats a request within minutes; a day is what others keep keys for.
const KEYS_KEPT_MS: i64 = 24 * 3_600_000;
/// Between looks at what is past its keeping.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// How long records are kept.
#[derive(Clone, Debug)]
pub struct RetentionConfig {
    /// Executions kept of each job.
    pub max_per_job: u64,
    /// How long an execution is kept.
    pub max_age: DurationMs,
    /// The directory whose size is shown.
    pub data_dir: PathBuf,
}

/// The loop that keeps the records within bounds.
#[derive(Debug)]
pub struct Retention {
    services: Services,
    config: RetentionConfig,
}

impl Retention {
    /// The loop, with what it works with.
    #[must_use]
    pub fn new(services: Services, config: RetentionConfig) -> Self {
        Self { services, config }
    }

    /// Looks after the records for as long as the node runs.
    pub async fn run(self) {
        loop {
            match self.tick().await {
                Ok(Tick::More) => continue,
                Ok(Tick::Idle(())) => {}
                Err(error) => tracing::warn!(%error, "old records wait to be forgotten"),
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Forgets a part of what is past its keeping.
    async fn tick(&self) -> Result<Tick, LoopError> {
        let Services { env, store, proposer, metrics, .. } = &self.services;
        let (max_per_job, now) = (self.config.max_per_job, env.now());
        let oldest = now - self.config.max_age.as_i64();
        let find = move |reader: &Reader| {
            let keys = reader.keys_before(now - KEYS_KEPT_MS, AT_ONCE)?;
            Ok((surplus(reader, max_per_job, oldest, now)?, keys, reader.count_jobs()?))
        };
        let (trim, keys, (enabled, disabled)) = store.read(find).await?;
        metrics.jobs(enabled, disabled);
        metrics.data_bytes(size_of(&self.config.data_dir));
        if !proposer.leadership().borrow().is_leader {
            return Ok(Tick::Idle(()));
        }
        let most = [trim.executions.len(), trim.versions.len(), trim.jobs.len(), keys].into_iter().max();
        for trim in parts(trim, keys > 0) {
            proposer.propose(Command::Trim(trim).into()).await?;
        }
        Ok(if most >= Some(AT_ONCE) { Tick::More } else { Tick::Idle(()) })
    }
}

/// What is past its keeping, as many records as are forgotten at once.
fn surplus(reader: &Reader, max_per_job: u64, oldest: Millis, now: Millis) -> Result<Trim, StateError> {
    let mut executions = reader.aged_executions(oldest, AT_ONCE)?;
    for job in reader.overfull_jobs(max_per_job)? {
        if executions.len() >= AT_ONCE {
            break;
        }
        executions.extend(reader.surplus_executions(job, max_per_job, AT_ONCE - executions.len())?);
    }
    executions.sort_unstable();
    executions.dedup();
    // The newest versions stay, as many as executions do; older ones as long as a record needs them.
    let versions = reader.surplus_versions(max_per_job, AT_ONCE)?;
    let jobs = reader.forgotten_jobs(AT_ONCE)?;
    Ok(Trim { executions, versions, jobs, keys_before: (now - KEYS_KEPT_MS).max(0) })
}

/// Commands for what is past its keeping: one for each kind of record, for none may change more than [`MAX_ROWS`] rows.
fn parts(trim: Trim, keys: bool) -> impl Iterator<Item = Trim> {
    let Trim { executions, versions, jobs, keys_before } = trim;
    let none = || Trim { executions: Vec::new(), versions: Vec::new(), jobs: Vec::new(), keys_before: 0 };
    let parts = [
        (!executions.is_empty(), Trim { executions, ..none() }),
        (!versions.is_empty(), Trim { versions, ..none() }),
        (!jobs.is_empty(), Trim { jobs, ..none() }),
        (keys, Trim { keys_before, ..none() }),
    ];
    parts.into_iter().filter_map(|(is_any, trim)| is_any.then_some(trim))
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
