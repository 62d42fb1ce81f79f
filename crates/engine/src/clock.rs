//! Looks after the time that the cluster goes by.
//!
//! A clock that was wrong by a month looks the same as a month switched off: the time jumps. Runs are caught up on
//! in both cases. But in the first, all history would be past its age at once. So after a jump nothing is forgotten
//! for its age until somebody says that the time is right, or until the leader has run for a day since.
//!
//! Where the time was set back, the leader computes anew what waits for instants from before.

mod anew;
mod suspension;

use std::time::Duration;

use chronos_env::Seldom;
use chronos_state::{Anew, ClockWord, ClusterTime, Command, DueAnew, JobSeq, MAX_ROWS, Reader, SetBack};
use chronos_types::Millis;
use tokio::time::Instant;

use crate::error::LoopError;
use crate::services::Services;
use anew::due_anew;
use suspension::Suspension;

pub(crate) use suspension::{why_ahead, why_suspended};

/// Between looks. Where the time was set back, jobs wait for instants too far ahead until the next one.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The leader writes at least this often. So a gap of a day between two batches is a jump of the time, also where
/// there is nothing to do.
const PASSES_EVERY_MS: i64 = 3_600_000;
/// A clock that is this much ahead of the cluster's time has jumped, or this node was switched off. The next batch
/// puts that on record.
const JUMP_MS: i64 = 24 * 3_600_000;

/// Whether nothing is to be forgotten for its age, where the clock says `now`.
pub(crate) fn is_suspended(time: &ClusterTime, now: Millis) -> bool {
    time.jump.is_some() || (time.noted > 0 && now.saturating_sub(time.noted) > JUMP_MS)
}

/// The loop that looks after the time.
#[derive(Debug)]
pub struct ClusterClock {
    services: Services,
}

impl ClusterClock {
    /// The loop, with what it works with.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self { services }
    }

    /// Looks after the time for as long as the node runs.
    pub async fn run(self) {
        let mut leadership = self.services.proposer.leadership();
        let (mut suspension, mut was_ahead, complaint) = (Suspension::default(), false, Seldom::default());
        loop {
            let leads = leadership.borrow_and_update().is_leader;
            if let Err(error) = self.look(leads, &mut suspension, &mut was_ahead).await {
                complaint.say(|| {
                    tracing::warn!(%error, "the cluster's time cannot be looked after; trying again");
                });
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                changed = leadership.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn look(
        &self,
        leads: bool,
        suspension: &mut Suspension,
        was_ahead: &mut bool,
    ) -> Result<(), LoopError> {
        let Services { env, store, metrics, .. } = &self.services;
        let time = store.read(Reader::cluster_time).await?;
        let is_over = suspension.follow(time.jump, Instant::now());
        metrics.suspended(time.jump.is_some());
        if !leads {
            return Ok(());
        }
        let ahead = why_ahead(time.noted, env.now());
        if let Some(why) = ahead.as_ref().filter(|_| !*was_ahead) {
            tracing::warn!("{why}");
        }
        *was_ahead = ahead.is_some();
        if time.noted > 0 && env.now().saturating_sub(time.noted) > PASSES_EVERY_MS {
            self.say(ClockWord::Passes).await?;
        }
        if let Some(back) = time.back {
            self.compute_anew(back).await?;
        }
        if let Some(jumped_to) = is_over {
            self.say(ClockWord::Right { jumped_to }).await?;
        }
        Ok(())
    }

    async fn say(&self, word: ClockWord) -> Result<(), LoopError> {
        self.services.proposer.propose(Command::Clock(word).into()).await?;
        Ok(())
    }

    /// Computes anew what waits, in portions. Where it is cut off, all of it is done again: what is right stays.
    async fn compute_anew(&self, back: SetBack) -> Result<(), LoopError> {
        let Services { env, store, .. } = &self.services;
        let (mut moved, mut after) = (0, JobSeq::default());
        loop {
            let jobs = store.read(move |reader| reader.enabled_jobs(after, MAX_ROWS)).await?;
            let Some(last) = jobs.last() else { break };
            after = last.seq;
            let now = env.now();
            let due: Vec<DueAnew> = jobs.iter().filter_map(|job| due_anew(job, back.to, now)).collect();
            if !due.is_empty() {
                moved += due.len();
                self.say(ClockWord::Anew(Anew { to: back.to, due, ..Anew::default() })).await?;
            }
        }
        let (mut runs, mut after) = (0, None);
        loop {
            let now = env.now();
            let waiting = store.read(move |reader| reader.waiting_runs(after, now, MAX_ROWS)).await?;
            if !waiting.found.is_empty() {
                runs += waiting.found.len();
                self.say(ClockWord::Anew(Anew { to: back.to, runs: waiting.found, ..Anew::default() }))
                    .await?;
            }
            after = waiting.last;
            if after.is_none() {
                break;
            }
        }
        self.say(ClockWord::Anew(Anew { to: back.to, done: true, ..Anew::default() })).await?;
        tracing::info!(jobs = moved, runs, "the cluster's time was set back, and what waits computed anew");
        Ok(())
    }
}
