//! Keeps what is on record within bounds: the leader finds what is past its keeping and proposes to forget it,
//! so that every node forgets the same. It deletes nothing itself.
//!
//! What is forgotten: executions past their age, but for the newest of each job, and those of a job past their number;
//! superseded versions past that number that no execution ran; deleted jobs that no execution refers to; idempotency
//! keys past a day; entries of the audit past their age; and, where all of that takes more than `history.max_bytes`, the
//! oldest that is left.

mod measure;
mod pressure;
mod rounds;

use std::path::PathBuf;
use std::time::Duration;

use chronos_types::DurationMs;

use crate::services::Services;
use crate::tick::Tick;
use rounds::Rounds;

/// Between looks at what is past its keeping. A look that finds nothing costs a few milliseconds.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between tries while the log takes nothing.
const PAUSE: Duration = Duration::from_secs(10);

/// How long records are kept.
#[derive(Clone, Debug)]
pub struct RetentionConfig {
    /// Executions kept of each job.
    pub max_per_job: u64,
    /// Executions kept of each job whatever their age, as far as `max_per_job` allows.
    pub min_per_job: u64,
    /// How long an execution is kept.
    pub max_age: DurationMs,
    /// How long an entry of the audit is kept.
    pub audit_max_age: DurationMs,
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
        let Self { services, config } = self;
        let measuring = measure::run(services.clone(), config.data_dir.clone());
        tokio::join!(measuring, trim(services, config));
    }
}

/// Forgets what is past its keeping, while this node leads. A node that follows does not look.
async fn trim(services: Services, config: RetentionConfig) {
    let mut leadership = services.proposer.leadership();
    loop {
        let mut rounds = Rounds::new(services.clone(), config.clone());
        while leadership.borrow_and_update().is_leader {
            let pause = match rounds.round().await {
                Ok(Tick::More) => continue,
                Ok(Tick::Idle(())) => LOOK_EVERY,
                Err(error) => {
                    tracing::warn!(%error, "old records wait to be forgotten");
                    PAUSE
                }
            };
            tokio::time::sleep(pause).await;
        }
        // Whoever leads now finds out by itself.
        services.quota.set(None);
        if leadership.changed().await.is_err() {
            return;
        }
    }
}
