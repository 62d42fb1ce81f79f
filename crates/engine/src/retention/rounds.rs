//! What the leader forgets, in rounds: of each kind of record some portions in a row, each in a command of its own.
//! Between two commands others have their turn.
//!
//! It remembers where it was, so that nothing is looked at again and again. All of that can be forgotten.

use chronos_replica::Store;
use chronos_state::{Age, AuditWord, ClusterTime, Command, JobSeq, Keep, MAX_ROWS, Reader, Trim};
use chronos_types::{ExecutionId, Millis};

use super::RetentionConfig;
use super::pressure::Pressure;
use crate::clock::is_suspended;
use crate::error::LoopError;
use crate::services::Services;
use crate::tick::Tick;

/// Portions of one kind in a row: about a second of work. Then the other kinds have their turn.
pub(super) const PORTIONS: usize = 50;
/// Jobs looked at in one look: some milliseconds. So each of a million jobs is looked at every hundred seconds.
pub(super) const JOBS_AT_ONCE: usize = 10_000;
/// Deleted jobs looked at in one look: each takes as long as ten others.
const DELETED_AT_ONCE: usize = 1_000;
/// Jobs whose oldest execution is looked at in one look, which takes as long too. So each of a million is looked at
/// every quarter of an hour, which is soon enough for what is a month old.
const AGED_JOBS_AT_ONCE: usize = 1_000;
/// Portions in a row of old executions of which none may go. More are left to the next round: a new leader goes through
/// all that stay, once.
const STAYING: usize = 10;
/// A client repeats a request within minutes; a day is what others keep keys for.
const KEYS_KEPT_MS: i64 = 24 * 3_600_000;
/// Executions whose instant is further ahead than this ran while the clock was ahead. They are not the newest.
const AHEAD_MS: i64 = 3_600_000;

/// Forgets what is past its keeping, round by round.
pub(super) struct Rounds {
    pub(super) services: Services,
    config: RetentionConfig,
    /// Where the next look for executions that come of age begins.
    aged: Option<ExecutionId>,
    /// Where the next look at the jobs for what stayed then begins.
    aged_jobs: JobSeq,
    /// Where the next look at jobs begins.
    jobs: JobSeq,
    /// Where the next look at deleted jobs begins.
    deleted: JobSeq,
    pressure: Pressure,
}

impl Rounds {
    pub(super) fn new(services: Services, config: RetentionConfig) -> Self {
        let first = JobSeq::default();
        let pressure = Pressure::default();
        Self { services, config, aged: None, aged_jobs: first, jobs: first, deleted: first, pressure }
    }

    /// Forgets some of each kind. Answers whether there is more to forget.
    pub(super) async fn round(&mut self) -> Result<Tick, LoopError> {
        let now = self.services.env.now();
        let time = self.store().read(|reader| reader.cluster_time()).await?;
        let mut more = self.press(now).await?;
        more |= self.forget_aged(now, &time).await?;
        more |= self.forget_overfull(now).await?;
        more |= self.forget_deleted().await?;
        more |= self.forget_keys(now, &time).await?;
        more |= self.forget_audit(now, &time).await?;
        Ok(if more { Tick::More } else { Tick::Idle(()) })
    }

    /// Executions past their age.
    async fn forget_aged(&mut self, now: Millis, time: &ClusterTime) -> Result<bool, LoopError> {
        if is_suspended(time, now) {
            self.aged = None;
            return Ok(false);
        }
        let RetentionConfig { max_per_job, min_per_job, max_age, audit_max_age: _, data_dir: _ } =
            &self.config;
        let age = Age {
            before: now.saturating_sub(max_age.as_i64()),
            least: *min_per_job.min(max_per_job),
            until: now.saturating_add(AHEAD_MS),
        };
        let more = self.forget_as_they_age(age).await?;
        Ok(more | self.forget_of_jobs(age).await?)
    }

    /// Those that have come of age since the last look.
    async fn forget_as_they_age(&mut self, age: Age) -> Result<bool, LoopError> {
        let mut staying = 0;
        for _ in 0..PORTIONS {
            let from = self.aged;
            let read = move |reader: &Reader| reader.aged_executions(from, age, MAX_ROWS);
            let surplus = self.store().read(read).await?;
            staying = if surplus.trim.rows() == 0 { staying + 1 } else { 0 };
            self.propose(surplus.trim).await?;
            let Some(next) = surplus.next else {
                self.aged = Some(ExecutionId::floor(age.before));
                return Ok(false);
            };
            self.aged = Some(next);
            if staying == STAYING {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Those that stayed then: their jobs had few, or they were unfinished.
    async fn forget_of_jobs(&mut self, age: Age) -> Result<bool, LoopError> {
        for _ in 0..PORTIONS {
            let from = self.aged_jobs;
            let read = move |reader: &Reader| reader.aged_of_jobs(from, age, AGED_JOBS_AT_ONCE);
            let surplus = self.store().read(read).await?;
            let is_full = surplus.is_full();
            self.propose(surplus.trim).await?;
            self.aged_jobs = surplus.next.unwrap_or_default();
            if !is_full {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Executions and versions of jobs that have more than is kept.
    async fn forget_overfull(&mut self, now: Millis) -> Result<bool, LoopError> {
        let most = self.config.max_per_job;
        // The newest versions stay, as many as executions do; older ones as long as a record needs them.
        let keep = Keep { executions: most, versions: most, until: now.saturating_add(AHEAD_MS) };
        for _ in 0..PORTIONS {
            let from = self.jobs;
            let read = move |reader: &Reader| reader.overfull_jobs(from, JOBS_AT_ONCE, keep);
            let surplus = self.store().read(read).await?;
            let is_full = surplus.is_full();
            self.propose(surplus.trim).await?;
            self.jobs = surplus.next.unwrap_or_default();
            if !is_full {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Deleted jobs that nothing refers to.
    async fn forget_deleted(&mut self) -> Result<bool, LoopError> {
        for _ in 0..PORTIONS {
            let from = self.deleted;
            let read = move |reader: &Reader| reader.forgotten_jobs(from, DELETED_AT_ONCE);
            let surplus = self.store().read(read).await?;
            let found = surplus.trim.rows() > 0;
            self.propose(surplus.trim).await?;
            self.deleted = surplus.next.unwrap_or_default();
            if !found || surplus.next.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Idempotency keys past their age.
    async fn forget_keys(&mut self, now: Millis, time: &ClusterTime) -> Result<bool, LoopError> {
        let before = now.saturating_sub(KEYS_KEPT_MS);
        if is_suspended(time, now) {
            return Ok(false);
        }
        for _ in 0..PORTIONS {
            if !self.forget_keys_before(before).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Entries of the audit past their age.
    async fn forget_audit(&mut self, now: Millis, time: &ClusterTime) -> Result<bool, LoopError> {
        if is_suspended(time, now) {
            return Ok(false);
        }
        let before = now.saturating_sub(self.config.audit_max_age.as_i64());
        for _ in 0..PORTIONS {
            if !self.store().read(move |reader| reader.has_audit_before(before)).await? {
                return Ok(false);
            }
            let word = AuditWord::Forget { before };
            self.services.proposer.propose(Command::Audit(word).into()).await?;
        }
        Ok(true)
    }

    /// Forgets a portion of the keys of before an instant. Answers whether there were any.
    pub(super) async fn forget_keys_before(&self, before: Millis) -> Result<bool, LoopError> {
        let found = self.store().read(move |reader| reader.keys_before(before, 1)).await? > 0;
        if found {
            let trim =
                Trim { executions: Vec::new(), versions: Vec::new(), jobs: Vec::new(), keys_before: before };
            self.services.proposer.propose(Command::Trim(trim).into()).await?;
        }
        Ok(found)
    }

    /// Proposes to forget these, if there are any.
    pub(super) async fn propose(&self, trim: Trim) -> Result<(), LoopError> {
        if trim.rows() == 0 {
            return Ok(());
        }
        let counts = [trim.executions.len(), trim.versions.len(), trim.jobs.len()];
        self.services.proposer.propose(Command::Trim(trim).into()).await?;
        self.services.metrics.forgotten(counts);
        Ok(())
    }

    /// Looks after the bound on all of it.
    async fn press(&mut self, now: Millis) -> Result<bool, LoopError> {
        let mut pressure = std::mem::take(&mut self.pressure);
        let more = pressure.press(self, now).await;
        self.pressure = pressure;
        more
    }

    pub(super) fn store(&self) -> &Store {
        &self.services.store
    }
}
