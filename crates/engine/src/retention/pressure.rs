//! The bound on all that is kept (`history.max_bytes`): where it is near, the oldest that is left is forgotten,
//! whatever its age and whatever its job has. First finished executions go, then superseded versions that none
//! ran, then idempotency keys. Where that is not enough, jobs alone exceed the bound, and the quota is closed.

use std::time::Duration;

use chronos_state::{JobSeq, Keep, MAX_ROWS, Reader};
use chronos_types::{ExecutionId, Millis};
use tokio::time::Instant;

use super::rounds::{JOBS_AT_ONCE, PORTIONS, Rounds};
use crate::error::LoopError;

/// Forgetting begins where this part of the bound is free still: what is written between two looks has room there.
const BEGIN: u64 = 16;
/// It ends where this part is free, so that it does not begin anew at once.
const END: u64 = 8;
/// What an execution takes that keeps a whole response. A portion has as many as take the bytes that are wanted, by
/// this: so of smaller ones it takes more portions, and of none more is forgotten than needs to be.
const LARGE: u64 = 16 << 10;
/// The fewest executions of a portion, since each portion is an entry of the log.
const FEWEST: usize = 16;
/// Where nothing was left, how long until versions and keys are looked through again: that takes a second of a
/// reader's time for a million jobs.
const AGAIN: Duration = Duration::from_secs(60);
/// Later than any instant.
const ALL: Millis = Millis::MAX >> 16;

/// What is being forgotten.
#[derive(Clone, Copy, Debug)]
enum Phase {
    Executions(Option<ExecutionId>),
    Versions(JobSeq),
    Keys,
}

/// Where the forgetting is.
#[derive(Debug, Default)]
pub(super) struct Pressure {
    /// None while there is room.
    phase: Option<Phase>,
    /// When versions and keys were looked through to their end.
    exhausted: Option<Instant>,
}

impl Pressure {
    /// Forgets some, if it is to be. Answers whether there is more to forget.
    pub(super) async fn press(&mut self, rounds: &Rounds, now: Millis) -> Result<bool, LoopError> {
        let quota = &rounds.services.quota;
        let bound = quota.bound();
        for _ in 0..PORTIONS {
            let in_use = rounds.store().read(Reader::bytes_in_use).await?;
            if in_use <= bound {
                quota.set(None);
            }
            let room = bound.saturating_sub(in_use);
            let phase = match self.phase {
                None if room >= bound / BEGIN => return Ok(false),
                Some(_) if room >= bound / END => {
                    *self = Self::default();
                    return Ok(false);
                }
                None => Phase::Executions(None),
                Some(phase) => phase,
            };
            let wanted = usize::try_from((bound / END).saturating_sub(room) / LARGE).unwrap_or(MAX_ROWS);
            let executions = wanted.clamp(FEWEST, MAX_ROWS);
            self.phase = self.forget(rounds, phase, executions, now).await?;
            if self.phase.is_none() {
                // Nothing is left. An execution that ends from here on is found by the next look.
                quota.set((in_use > bound).then_some(in_use));
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Forgets a portion; of executions, so many. Answers where to go on.
    async fn forget(
        &mut self,
        rounds: &Rounds,
        phase: Phase,
        executions: usize,
        now: Millis,
    ) -> Result<Option<Phase>, LoopError> {
        match phase {
            Phase::Executions(from) => {
                let read = move |reader: &Reader| reader.aged_executions(from, ALL, executions);
                let surplus = rounds.store().read(read).await?;
                rounds.propose(surplus.trim).await?;
                let rests = self.exhausted.is_some_and(|at| at.elapsed() < AGAIN);
                Ok(match surplus.next {
                    Some(next) => Some(Phase::Executions(Some(next))),
                    None if rests => None,
                    None => Some(Phase::Versions(JobSeq::default())),
                })
            }
            Phase::Versions(from) => {
                let keep = Keep { executions: u64::MAX, versions: 0, until: ALL };
                let read = move |reader: &Reader| reader.overfull_jobs(from, JOBS_AT_ONCE, keep);
                let surplus = rounds.store().read(read).await?;
                rounds.propose(surplus.trim).await?;
                Ok(Some(surplus.next.map_or(Phase::Keys, Phase::Versions)))
            }
            Phase::Keys => {
                if rounds.forget_keys_before(now.saturating_add(1)).await? {
                    return Ok(Some(Phase::Keys));
                }
                self.exhausted = Some(Instant::now());
                Ok(None)
            }
        }
    }
}
