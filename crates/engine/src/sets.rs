//! Deletes the jobs of a set that an apply did not name.

use chronos_state::{Command, Idempotency, Outcome, PruneSet, Refusal, SetSurplus};
use chronos_types::{ApplyId, By, Scope, SetName};

use crate::batch::{has_sets, key_of};
use crate::error::{ReadError, Unavailable, WriteError};
use crate::jobs::Jobs;
use crate::lookup;
use crate::once::answered;
use crate::read::Consistency;

/// So many jobs are deleted by one command, with room in the same entry of the log for what others write.
const PORTION: usize = 500;

/// What to delete of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prune {
    /// The set.
    pub set: SetName,
    /// The apply. What it named stays, and what any named that began after it.
    pub apply: ApplyId,
    /// The most jobs that may be deleted.
    pub max: usize,
    /// How many are expected to be deleted.
    pub if_count: Option<usize>,
    /// Whether only to tell which would be.
    pub dry_run: bool,
}

/// Why nothing was deleted, or not all.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// The set does not remember the apply.
    #[error("the set {set:?} knows no apply {apply:?}: it named none of its jobs, or many have begun since")]
    UnknownApply {
        /// The set.
        set: String,
        /// The apply.
        apply: String,
    },
    /// Another number of jobs would be deleted than is expected.
    #[error("{found} jobs would be deleted, and if_count expects {expected}; nothing was deleted")]
    Count {
        /// How many would be.
        found: usize,
        /// How many are expected.
        expected: usize,
    },
    /// More jobs would be deleted than may be.
    #[error("{found} jobs would be deleted, and max is {max}; nothing was deleted")]
    TooMany {
        /// How many would be.
        found: usize,
        /// How many may be.
        max: usize,
    },
    /// The write failed. Some may be deleted.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<Unavailable> for PruneError {
    fn from(error: Unavailable) -> Self {
        Self::Write(error.into())
    }
}

impl Jobs {
    /// Deletes the jobs of a set that neither an apply named nor one that began after it, and cancels their unfinished
    /// executions. Answers with their names.
    ///
    /// # Errors
    /// They are not as many as is expected, or the write failed.
    pub async fn prune(
        &self,
        scope: &Scope,
        by: &By,
        idempotency: Option<Idempotency>,
        prune: Prune,
    ) -> Result<Vec<String>, PruneError> {
        let services = &self.services;
        let idempotency = idempotency.as_ref();
        let Prune { set, apply, max, if_count, dry_run } = &prune;
        has_sets(services)?;
        let (mut names, mut number) = (Vec::new(), 1);
        // What an earlier request of the same key came to.
        while let Some(key) = idempotency
            && let Some(outcome) = answered(services, &key_of(key, number)).await?
        {
            let (deleted, last) = pruned(outcome)?;
            names.extend(deleted);
            if last {
                return Ok(names);
            }
            number += 1;
        }
        lookup::catch_up(services, Consistency::Linearizable).await?;
        let SetSurplus { jobs, count } = self.surplus(scope, &prune).await?.ok_or_else(|| prune.unknown())?;
        let found = names.len() + count;
        if let Some(expected) = if_count.filter(|expected| *expected != found) {
            return Err(PruneError::Count { found, expected });
        }
        if found > *max {
            return Err(PruneError::TooMany { found, max: *max });
        }
        if *dry_run {
            names.extend(jobs.into_iter().map(|(_, name)| name));
            return Ok(names);
        }
        let jobs: Vec<_> = jobs.into_iter().map(|(job, _)| job).collect();
        let mut portions: Vec<_> = jobs.chunks(PORTION).map(<[_]>::to_vec).collect();
        if portions.is_empty() && idempotency.is_some() {
            // So that a repeat deletes nothing either.
            portions.push(Vec::new());
        }
        let count = portions.len();
        for (place, jobs) in portions.into_iter().enumerate() {
            // A set that others have emptied meanwhile is none any more.
            let may_be_gone = place > 0 || jobs.is_empty();
            let (set, apply) = (set.to_string(), apply.to_string());
            let command = Command::PruneSet(PruneSet { set, apply, jobs, last: place + 1 == count });
            let key = idempotency.map(|key| key_of(key, number + place));
            let proposal = services.proposal(by, key.as_ref(), command)?;
            let proposed = services.proposer.propose(proposal).await.map_err(WriteError::from)?;
            if proposed == (Outcome::Refused { refusal: Refusal::NoSuchApply }) {
                return if may_be_gone { Ok(names) } else { Err(prune.unknown()) };
            }
            names.extend(pruned(proposed)?.0);
        }
        Ok(names)
    }

    async fn surplus(&self, scope: &Scope, prune: &Prune) -> Result<Option<SetSurplus>, WriteError> {
        let (set, apply, max) = (prune.set.to_string(), prune.apply.to_string(), prune.max);
        let scope = scope.clone();
        let read = self
            .services
            .store
            .query(move |reader| reader.at_once(|reader| reader.set_surplus(&set, &apply, max, &scope)));
        Ok(read.await.map_err(ReadError::from)?)
    }
}

impl Prune {
    fn unknown(&self) -> PruneError {
        PruneError::UnknownApply { set: self.set.to_string(), apply: self.apply.to_string() }
    }
}

/// The jobs that were deleted, and whether there were no more.
fn pruned(outcome: Outcome) -> Result<(Vec<String>, bool), WriteError> {
    match outcome {
        Outcome::Pruned { names, last } => Ok((names, last)),
        other => Err(WriteError::of(other)),
    }
}
