//! Keeps what is on record within bounds: the leader finds what is past its keeping and proposes
//! to forget it, so that every node forgets the same.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chronos_env::Env;
use chronos_replica::{Proposer, Store};
use chronos_state::{Command, Reader, StateError, Trim};
use chronos_types::{DurationMs, Millis};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Metrics;

/// Records forgotten in one command: a few milliseconds of the writer's time.
const AT_ONCE: usize = 1_000;
/// A client repeats a request within minutes; a day is what others keep keys for.
const KEYS_KEPT_MS: i64 = 24 * 3_600_000;

/// How retention is set up.
pub struct Config {
    /// Executions kept of each job.
    pub max_per_job: u64,
    /// How long an execution is kept.
    pub max_age: DurationMs,
    /// How often to look.
    pub every: Duration,
    /// Whose size is shown.
    pub data_dir: PathBuf,
    /// The state.
    pub store: Store,
    /// Where commands go.
    pub proposer: Proposer,
    /// The clock.
    pub env: Env,
    /// The counters.
    pub metrics: Metrics,
}

/// Starts looking after the records.
#[must_use]
pub fn start(config: Config, stop: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = run(&config) => {}
        }
    })
}

async fn run(config: &Config) {
    loop {
        match tick(config).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "old records wait to be forgotten"),
        }
        tokio::time::sleep(config.every).await;
    }
}

/// Forgets a part of what is past its keeping; says whether there is more.
async fn tick(config: &Config) -> Result<bool, String> {
    let (max_per_job, now) = (config.max_per_job, config.env.now());
    let oldest = now - config.max_age.as_i64();
    let find = move |reader: &Reader| {
        let keys = reader.has_keys_before(now - KEYS_KEPT_MS)?;
        Ok((surplus(reader, max_per_job, oldest, now)?, keys, reader.count_jobs()?))
    };
    let (trim, keys, (enabled, disabled)) =
        config.store.read(find).await.map_err(|error| error.to_string())?;
    config.metrics.jobs(enabled, disabled);
    config.metrics.data_bytes(size_of(&config.data_dir));
    if !config.proposer.leadership().borrow().is_leader {
        return Ok(false);
    }
    let count = trim.executions.len() + trim.versions.len() + trim.jobs.len();
    let full = count >= AT_ONCE;
    if count > 0 || keys {
        config.proposer.propose(Command::Trim(trim).into()).await.map_err(|error| error.to_string())?;
    }
    Ok(full)
}

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

/// Bytes in a directory's files; one that goes meanwhile counts as nothing.
fn size_of(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.metadata().ok())
        .filter(|data| data.is_file())
        .map(|data| data.len())
        .sum()
}
