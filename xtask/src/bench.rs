//! Benchmarks of the real server process. Each figure is printed beside a reference that was measured in the
//! same run on the same machine.
//!
//! | module | what it is |
//! | --- | --- |
//! | `sink` | the receiver, a process of its own |
//! | `bare` | the reference client: an HTTP client like the server's, with nothing around it |
//! | `server`, `nodes`, `api` | the `chronos server` process, several of them as a cluster, and the client of their API |
//! | `jobs`, `load` | the jobs, and loading a million of them into a state file |
//! | `search` | the search for the highest sustained rate, for `max` and `cluster` |
//! | `fire`, `against`, `secured`, `max`, `burst`, `memory`, `create`, `cluster`, `snapshot`, `disk`, `isolation`, `faults`, `answers`, `events`, `size` | one measurement each |
//! | `turns` | two servers that take turns, for `against` and `secured`: what a fire costs each |
//! | `generator` | what disturbs in `isolation`, and who listens in `events`, a process of its own |
//! | `group` | the reference of `create`: group commits of bare SQLite |
//! | `batches` | jobs that are written together, in `create` |
//! | `mounts` | a process with an `/etc/resolv.conf` of its own |
//! | `proc`, `table` | the kernel's counts of CPU time and memory; the printed table |

mod against;
mod answers;
mod api;
mod audit;
mod bare;
mod batches;
mod burst;
mod cluster;
mod create;
mod disk;
mod events;
mod faults;
mod fire;
mod generator;
mod group;
mod isolation;
mod jobs;
mod load;
mod max;
mod memory;
mod mounts;
mod nodes;
mod proc;
mod search;
mod secured;
mod server;
mod sink;
mod size;
mod snapshot;
mod table;
mod turns;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Subcommand;

use crate::Result;
use crate::checks::cargo;
use faults::Fault;
pub use generator::{Kind, run as generate};
use isolation::Disturbance;
use table::Table;

/// What to measure.
#[derive(Subcommand)]
pub enum Bench {
    /// From the scheduled instant to the arrival, at a steady rate.
    Fire {
        /// Fires a second.
        #[arg(long, default_value_t = 1_000)]
        rate: usize,
        /// For how many seconds.
        #[arg(long, default_value_t = 30)]
        seconds: usize,
        /// Search for the highest sustained rate instead.
        #[arg(long)]
        max: bool,
        /// With --max: seconds at each rate.
        #[arg(long, default_value_t = 8)]
        step_seconds: usize,
        /// Compare the CPU of a fire with that of another build instead, in turns.
        #[arg(long, value_name = "BINARY", conflicts_with = "max")]
        against: Option<PathBuf>,
        /// Compare the CPU of a fire with auth, sealing and signing with that of one without these instead, in turns.
        #[arg(long, conflicts_with_all = ["max", "against"])]
        secured: bool,
        /// With --against or --secured: jobs that fire in their turn. A million is the load of `memory`.
        #[arg(long, default_value_t = 1_000)]
        jobs: usize,
        /// With --against or --secured: how often each of the two is measured.
        #[arg(long, default_value_t = 10)]
        turns: usize,
    },
    /// Many jobs due at one instant.
    Burst {
        /// How many jobs.
        #[arg(long, default_value_t = 10_000)]
        jobs: usize,
    },
    /// A million jobs: memory, start, latencies, CPU per fire.
    Memory {
        /// How many jobs.
        #[arg(long, default_value_t = 1_000_000)]
        jobs: usize,
        /// Fires a second while the CPU is measured.
        #[arg(long, default_value_t = 1_000)]
        rate: usize,
        /// For how many seconds.
        #[arg(long, default_value_t = 20)]
        seconds: usize,
    },
    /// Jobs created a second, durably: one by one, and in batches.
    Create {
        /// Clients, each with one connection.
        #[arg(long, default_value_t = 64)]
        clients: usize,
        /// For how many seconds.
        #[arg(long, default_value_t = 10)]
        seconds: usize,
        /// Another build's `chronos`, which takes turns with this one: jobs one by one only.
        #[arg(long, value_name = "BINARY")]
        against: Option<PathBuf>,
        /// How often each of the two is measured.
        #[arg(long, default_value_t = 10, requires = "against")]
        turns: usize,
    },
    /// Three nodes against one: the highest rate, CPU per fire, how runs spread.
    Cluster {
        /// The first rate that is tried, in fires a second.
        #[arg(long, default_value_t = 2_000)]
        rate: usize,
        /// Seconds at each rate.
        #[arg(long, default_value_t = 5)]
        step_seconds: usize,
    },
    /// A node joins a large cluster: time and memory, on both nodes.
    Snapshot {
        /// How many jobs.
        #[arg(long, default_value_t = 1_000_000)]
        jobs: usize,
        /// How many finished executions, at most one per job.
        #[arg(long, default_value_t = 1_000_000)]
        executions: usize,
    },
    /// A million jobs fire for minutes, and records are kept for two: whether the files grow.
    Disk {
        /// How many jobs.
        #[arg(long, default_value_t = 1_000_000)]
        jobs: usize,
        /// For how many minutes.
        #[arg(long, default_value_t = 10)]
        minutes: usize,
        /// Seconds at each rate, while the highest is searched for.
        #[arg(long, default_value_t = 5)]
        step_seconds: usize,
    },
    /// Healthy webhooks while something else goes wrong, in turn. Exits with 1 where a target is missed.
    Isolation {
        /// For how many seconds in each round.
        #[arg(long, default_value_t = 60)]
        seconds: usize,
        /// Rounds of each disturbance.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// Only this disturbance, beside the undisturbed rounds; may be given several times.
        #[arg(long, value_name = "NAME")]
        only: Vec<Disturbance>,
    },
    /// A cluster of three while something happens to one node, in turn. Exits with 1 where a target is missed.
    Faults {
        /// Fires a second.
        #[arg(long, default_value_t = 200)]
        rate: usize,
        /// How long each cluster is watched, from the fault on.
        #[arg(long, default_value_t = 60)]
        seconds: usize,
        /// Only this fault, beside the undisturbed cluster; may be given several times.
        #[arg(long, value_name = "NAME")]
        only: Vec<Fault>,
    },
    /// What people ask of a large state, with and without webhooks that fire. Exits with 1 where a target is missed.
    Answers {
        /// How many jobs.
        #[arg(long, default_value_t = 100_000)]
        jobs: usize,
        /// How many executions. One in ten is of a job that has a thousand.
        #[arg(long, default_value_t = 1_000_000)]
        executions: usize,
    },
    /// What clients that listen for events cost the firing, in turns without and with them.
    Events {
        /// Seconds of each turn.
        #[arg(long, default_value_t = 8)]
        seconds: usize,
        /// Turns with listeners, and as many without.
        #[arg(long, default_value_t = 6)]
        turns: usize,
        /// Seconds at each rate, while the highest is searched for.
        #[arg(long, default_value_t = 5)]
        step_seconds: usize,
    },
    /// How many bytes jobs and executions take, against another build.
    Size {
        /// The other build.
        #[arg(long, value_name = "BINARY")]
        against: PathBuf,
        /// Jobs that never run, and as many that do.
        #[arg(long, default_value_t = 100_000)]
        jobs: usize,
        /// How often each of the latter runs.
        #[arg(long, default_value_t = 2)]
        runs: usize,
        /// Fires a second.
        #[arg(long, default_value_t = 1_000)]
        rate: usize,
    },
}

impl Bench {
    /// Whether a missed target is a failure, asked for or not: it proves a promise rather than telling figures.
    fn is_proof(&self) -> bool {
        matches!(self, Self::Isolation { .. } | Self::Faults { .. } | Self::Answers { .. })
    }
}

/// Builds in release, then measures in a process of that build.
pub fn run(bench: &Bench, assert: bool) -> Result<()> {
    if cfg!(debug_assertions) {
        return again_in_release();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let table = runtime.block_on(measure(bench))?;
    table.print();
    if (assert || bench.is_proof()) && !table.passed() {
        return Err("a target was missed".into());
    }
    Ok(())
}

/// Runs the receiver's process. It has one thread, because it shares the machine with what is measured.
pub fn sink() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, sink::serve())
}

async fn measure(bench: &Bench) -> Result<Table> {
    match *bench {
        Bench::Fire { max: true, step_seconds, .. } => max::run(step_seconds).await,
        Bench::Fire { rate, seconds, against: Some(ref other), jobs, turns, .. } => {
            against::run(other, turns::Load { jobs, rate, seconds, turns }).await
        }
        Bench::Fire { rate, seconds, secured: true, jobs, turns, .. } => {
            secured::run(turns::Load { jobs, rate, seconds, turns }).await
        }
        Bench::Fire { rate, seconds, .. } => fire::run(rate, seconds).await,
        Bench::Burst { jobs } => burst::run(jobs).await,
        Bench::Memory { jobs, rate, seconds } => memory::run(jobs, rate, seconds).await,
        Bench::Create { clients, seconds, against: Some(ref other), turns } => {
            create::against::run(other, create::against::Load { clients, seconds, turns }).await
        }
        Bench::Create { clients, seconds, .. } => create::run(clients, seconds).await,
        Bench::Cluster { rate, step_seconds } => cluster::run(rate, step_seconds).await,
        Bench::Snapshot { jobs, executions } => snapshot::run(jobs, executions).await,
        Bench::Disk { jobs, minutes, step_seconds } => disk::run(jobs, minutes, step_seconds).await,
        Bench::Isolation { seconds, rounds, ref only } => isolation::run(seconds, rounds, only).await,
        Bench::Faults { rate, seconds, ref only } => faults::run(rate, seconds, only).await,
        Bench::Answers { jobs, executions } => answers::run(jobs, executions).await,
        Bench::Events { seconds, turns, step_seconds } => {
            events::run(events::Load { seconds, turns, step_seconds }).await
        }
        Bench::Size { ref against, jobs, runs, rate } => {
            size::run(against, size::Load { jobs, runs, rate }).await
        }
    }
}

fn again_in_release() -> Result<()> {
    cargo(&["build", "--release", "--package", "chronos", "--package", "xtask"], &[])?;
    let release = binary_directory()?.with_file_name("release").join("xtask");
    let status = std::process::Command::new(release).args(std::env::args_os().skip(1)).status()?;
    match status.code() {
        Some(code) => std::process::exit(code),
        None => Err("the measurement was killed".into()),
    }
}

/// The directory of this binary, in which `chronos` lies too.
fn binary_directory() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    Ok(own.parent().ok_or("this binary lies in no directory")?.to_owned())
}

/// Makes a directory for data, on the disk of the target directory. `/tmp` may be memory, where a sync costs
/// nothing.
fn data_directory() -> Result<tempfile::TempDir> {
    let parent = binary_directory()?.with_file_name("bench-data");
    std::fs::create_dir_all(&parent)?;
    Ok(tempfile::Builder::new().prefix("chronos-").tempdir_in(parent)?)
}

/// Microseconds since the Unix epoch.
fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Milliseconds since the Unix epoch.
fn now_ms() -> i64 {
    now_us() / 1000
}

/// Sleeps until an instant of the wall clock.
async fn sleep_until_ms(at: i64) {
    let left = (at * 1000 - now_us()).max(0);
    tokio::time::sleep(Duration::from_micros(left.cast_unsigned())).await;
}

/// The value below which the share `q` of a sorted list lies.
fn percentile<T: Copy + Default>(sorted: &[T], q: f64) -> T {
    let last = sorted.len().saturating_sub(1);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index, in range")]
    let index = (last as f64 * q).ceil() as usize;
    sorted.get(index.min(last)).copied().unwrap_or_default()
}

/// The middle one of some numbers in any order.
fn middle(of: &[i64]) -> i64 {
    let mut sorted = of.to_vec();
    sorted.sort_unstable();
    percentile(&sorted, 0.5)
}

/// The sum of the sizes of a directory's files, in bytes.
fn size_of(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|data| data.len()).sum()
}
