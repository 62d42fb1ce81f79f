//! [`Itself`]: what this node knows of itself, as it tells its leader.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chronos_env::Env;
use chronos_types::Millis;
use tokio::sync::watch;

use super::activity::Activity;
use super::sign::Sign;
use super::stamp::{Stamp, StampClock};
use crate::comparison::differences::Differences;
use crate::health::Health;
use crate::keys::EncryptionKeys;
use crate::raft::{Raft, look_at};

/// What this node knows of itself.
pub(crate) struct Itself {
    pub stamps: StampClock,
    pub activity: Arc<Activity>,
    raft: Raft,
    health: Arc<Health>,
    differences: Arc<Differences>,
    keys: Arc<EncryptionKeys>,
    env: Env,
    leaving: AtomicBool,
    /// Each sign of this stamp or a later one says that this node is about to stop.
    leaving_since: OnceLock<Stamp>,
    /// Whether a leader has shown that it knows that.
    leaving_is_known: watch::Sender<bool>,
}

impl Itself {
    pub(crate) fn new(
        raft: Raft,
        activity: Arc<Activity>,
        health: Arc<Health>,
        (differences, keys): (Arc<Differences>, Arc<EncryptionKeys>),
        env: Env,
    ) -> Self {
        // It tells the starts of this node apart.
        let stamps = StampClock::new(u64::from_le_bytes(env.random_bytes()), env.clone());
        let (leaving, leaving_since) = (AtomicBool::new(false), OnceLock::new());
        let leaving_is_known = watch::Sender::new(false);
        Self {
            stamps,
            activity,
            raft,
            health,
            differences,
            keys,
            env,
            leaving,
            leaving_since,
            leaving_is_known,
        }
    }

    /// How this node is now.
    pub(crate) fn sign(&self) -> Sign {
        Sign {
            // First: what a sign says is no older than its stamp.
            stamp: self.stamps.now(),
            applied: look_at(&self.raft.metrics(), |now| now.last_applied.map(|id| id.index)),
            fires: self.activity.may_fire(),
            leaving: self.is_leaving(),
            stuck_ms: u64::try_from(self.health.progress().stuck().as_millis()).unwrap_or(u64::MAX),
            wall_ms: self.wall_ms(),
            disk_full: self.health.disk_full().borrow().is_some(),
            differs: self.differs(),
        }
    }

    /// Whether the state of this node is not that of most nodes, or it lacks an encryption key to use that with. One that is
    /// all of its cluster has nobody to differ from, and nobody who could do its part.
    pub(crate) fn differs(&self) -> bool {
        let others = || look_at(&self.raft.metrics(), |now| now.membership_config.nodes().count() > 1);
        (self.differences.differs() || self.keys.is_one_missing()) && others()
    }

    /// What the clock of this node says.
    pub(crate) fn wall_ms(&self) -> Millis {
        self.env.now()
    }

    /// The time since the boot of this machine, suspension included.
    pub(crate) fn since_boot(&self) -> Duration {
        self.env.since_boot()
    }

    /// From now on this node is about to stop.
    pub(crate) fn leave(&self) {
        self.leaving.store(true, Ordering::SeqCst);
        // Behind that, so that no sign of a later stamp lacks it.
        let _ = self.leaving_since.set(self.stamps.now());
    }

    /// Whether this node is about to stop.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::SeqCst)
    }

    /// A leader has sent back this stamp of this node, so it has heard all that this node said until then.
    pub(crate) fn came_back(&self, stamp: Stamp) {
        if self.leaving_since.get().is_some_and(|since| stamp.is_since(since)) {
            self.leaving_is_known.send_replace(true);
        }
    }

    /// Follows whether a leader is known to have heard that this node is about to stop.
    pub(crate) fn leaving_is_known(&self) -> watch::Receiver<bool> {
        self.leaving_is_known.subscribe()
    }
}
