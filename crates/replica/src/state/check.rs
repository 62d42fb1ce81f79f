//! The check of a state file that is too large to be checked before the node starts: it is made on a thread of
//! its own, a piece at a time, while the node runs.

use std::sync::Arc;
use std::time::Duration;

use chronos_env::{Env, Worker};
use chronos_state::{Check, Machine};

use crate::error::ReplicaError;
use crate::health::Health;
use crate::log_targets;
use crate::state::fault::StateFault;

/// When it begins after a start. By then the node has caught up with the others.
const BEGIN: Duration = Duration::from_secs(60);
/// Between pieces: they take some milliseconds each, and nobody waits for the end.
const PAUSE: Duration = Duration::from_millis(20);

/// The check, on its thread.
pub(crate) struct StateCheck {
    worker: Worker<Check>,
    health: Arc<Health>,
}

impl StateCheck {
    /// The check that a state file needs still, if any.
    pub(crate) fn of(
        machine: &Machine,
        health: Arc<Health>,
        env: &Env,
    ) -> Result<Option<Self>, ReplicaError> {
        let Some(check) = machine.check().map_err(StateFault::State)? else { return Ok(None) };
        let reporter = health.clone();
        let died = move || reporter.report("the thread that checks the state panicked".to_owned());
        Ok(Some(Self { worker: Worker::spawn(env, "state-check", check, died)?, health }))
    }

    /// Checks the whole file, once. What it finds stops the node. A loop: it does not end.
    pub(crate) async fn run(self) {
        tokio::time::sleep(BEGIN).await;
        self.all().await;
        // Its thread ends here.
        drop(self);
        std::future::pending().await
    }

    async fn all(&self) {
        loop {
            match self.worker.call(Check::piece).await {
                Ok(Ok(true)) => tokio::time::sleep(PAUSE).await,
                Ok(Ok(false)) => {
                    return tracing::info!(target: log_targets::STATE, "the state file was checked, and is whole");
                }
                Ok(Err(error)) => return self.health.report(error.to_string()),
                // Its thread has told why.
                Err(_) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use chronos_env::Fault;
    use chronos_state::{Batch, LogBatch, VERSION};

    use super::*;
    use crate::tests::put_job;

    /// A state of more than 16 MiB, in its file.
    fn large(path: &Path) {
        let mut machine = Machine::open(path).expect("a state");
        let batch =
            Batch { at: 1, items: (0..20).flat_map(|n| put_job(n, &"x".repeat(1 << 20)).items).collect() };
        machine.apply(&[LogBatch { batch: &batch, index: 1, follows: VERSION }], &[]).expect("applied");
    }

    async fn fault_of(path: &Path) -> Option<String> {
        let machine = Machine::open(path).expect("a large state is not checked when it is opened");
        let health = Arc::new(Health::new(Fault::default()));
        let check = StateCheck::of(&machine, health.clone(), &Env::real()).expect("a thread");
        check.expect("it is large").all().await;
        health.fault().now()
    }

    #[tokio::test]
    async fn damage_to_a_large_state_is_found_while_the_node_runs() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("state.db");
        large(&path);
        assert_eq!(fault_of(&path).await, None);
        for (sql, what) in [
            (
                "UPDATE jobs SET updated_at = 7 WHERE seq = 9",
                "jobs, row 9: its checksum is not that of its values",
            ),
            ("UPDATE jobs SET updated_at = 8 WHERE seq = 9", ""),
            (
                "UPDATE due SET held = 1 WHERE seq = 3",
                "due, row 3: it counts 1 executions on record, and there are 0",
            ),
        ] {
            let db = rusqlite::Connection::open(&path).expect("a database");
            db.execute(sql, []).expect("changed");
            drop(db);
            let wanted = format!("stored data is damaged: {}: {what}", path.display());
            assert_eq!(fault_of(&path).await, (!what.is_empty()).then_some(wanted));
        }
    }
}
