//! Jobs that are written together, by their names: each is created, changed or left as it is.
//!
//! They go into the log in portions, each of which is one command: it is done as a whole, once what was read of its jobs
//! still holds, or the portion is read again. Where the client asks for all or nothing, there is one portion.

mod plan;
mod set;

use std::collections::HashMap;
use std::sync::Arc;

use chronos_state::{
    Command, Idempotency, JobRow, MAX_ROWS, Outcome, PutItem, PutJobs, PutOutcome, Refusal, SETS_SINCE,
    SetOwner,
};
use chronos_types::{ApplyId, By, FieldError, Invalid, JobSpec, Millis, Scope, SetName, clip};

use crate::change::TRIES;
use crate::error::{ChangeError, ReadError, Unavailable, WriteError};
use crate::jobs::Jobs;
use crate::lookup;
use crate::once::answered;
use crate::read::Consistency;
use crate::sealing;
use crate::services::Services;
use plan::{Plan, Planned, Portion};

/// So many jobs at most are written all or none.
pub const MAX_ATOMIC: usize = MAX_ROWS;
/// How much of a portion: some tens of milliseconds of the machine's thread, with room in the same entry of the log for
/// what others write.
const PORTION: Most = Most { items: MAX_ROWS / 2, bytes: 512 << 10 };
/// Of the one portion of a batch that is done as a whole: as much as goes into an entry of the log.
const WHOLE: Most = Most { items: MAX_ATOMIC, bytes: 1 << 20 };
/// After so many tries, a job that others keep changing is refused, and the rest of the portion goes on.
const PATIENCE: usize = TRIES / 2;

/// So many items of one name are listed.
const SHOWN: usize = 10;

/// How many items, and how many bytes of what they come to in the log. The first is taken always.
#[derive(Clone, Copy, Debug)]
struct Most {
    items: usize,
    bytes: usize,
}

/// The items of a batch, as the client wrote them. They are read on the threads that answer questions.
pub trait BatchItems: Send + Sync + 'static {
    /// What a client is told of a change.
    type Difference: Send + 'static;

    /// How many there are.
    fn count(&self) -> usize;

    /// The name of the job of an item, as far as it can be read. An item that has none is refused when it is read.
    fn name(&self, item: usize) -> Option<&str>;

    /// Reads an item as the specification of the job in `stored`, or of a new one, that it gets `now`.
    ///
    /// # Errors
    /// Every bad field.
    fn read(&self, item: usize, stored: Option<&JobRow>, now: Millis) -> Result<Item, Invalid>;

    /// What is another in the job than before. `set` is the set that takes it over, if one does.
    fn difference(&self, before: &JobRow, next: &JobSpec, set: Option<&SetName>) -> Self::Difference;
}

/// An item that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// What the job is to be.
    pub spec: JobSpec,
    /// Whether `enabled` is written there, so that a pause of the job ends.
    pub resumes: bool,
}

/// Jobs to be written together.
#[derive(Debug)]
pub struct Batch<I> {
    /// The jobs.
    pub items: I,
    /// The set that is to own them.
    pub set: Option<OfSet>,
    /// Whether all or none are to be done.
    pub atomic: bool,
    /// Whether only to tell what would be done.
    pub dry_run: bool,
}

/// The set of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfSet {
    /// Its name.
    pub name: SetName,
    /// The apply that the batch is a part of.
    pub apply: Option<ApplyId>,
    /// Whether jobs of another set, or of none, are taken over.
    pub adopt: bool,
}

/// What became of one item, or would become of it.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemOutcome<D> {
    /// The job was created.
    Created,
    /// The job was changed, or its set was.
    Changed {
        /// The version that it is at.
        version: u64,
        /// What is another than before. A repeat does not know it.
        difference: Option<D>,
    },
    /// The job was as it should be.
    Unchanged {
        /// The version that it is at.
        version: u64,
    },
    /// Nothing was done, and why.
    Refused(Invalid),
}

/// A batch under way.
struct Run<'a, I> {
    services: &'a Services,
    scope: &'a Scope,
    by: &'a By,
    idempotency: Option<&'a Idempotency>,
    items: Arc<I>,
    set: Option<OfSet>,
    atomic: bool,
    dry_run: bool,
    most: Most,
    /// Items that are refused whatever they say: those that have a name together.
    refused: HashMap<usize, Invalid>,
    /// The value of the tag that is the scope, which jobs of the set have, once a portion has said it.
    set_value: Option<Option<String>>,
}

impl Jobs {
    /// Writes jobs together, each found by its name. What became of each is told in their order, portion by portion,
    /// as soon as it is durable. Where it fails, what was told before is done.
    ///
    /// # Errors
    /// The jobs are to be written all or none, and one is refused or there are too many; or a portion was not written,
    /// or is not known to have been.
    pub async fn put_all<I: BatchItems>(
        &self,
        scope: &Scope,
        by: &By,
        idempotency: Option<Idempotency>,
        batch: Batch<I>,
        mut tell: impl FnMut(ItemOutcome<I::Difference>),
    ) -> Result<(), ChangeError> {
        let services = &self.services;
        has_sets(services)?;
        let Batch { items, set, atomic, dry_run } = batch;
        let most = if atomic { WHOLE } else { PORTION };
        if atomic && items.count() > most.items {
            return Err(too_large(&format!("it has {} jobs", items.count())));
        }
        let refused = of_one_name(&items);
        let (items, idempotency) = (Arc::new(items), idempotency.as_ref());
        let count = items.count();
        let mut run = Run {
            services,
            scope,
            by,
            idempotency,
            items,
            set,
            atomic,
            dry_run,
            most,
            refused,
            set_value: None,
        };
        // What was acknowledged before is not taken for what is to be changed.
        lookup::catch_up(services, Consistency::Linearizable).await.map_err(WriteError::from)?;
        sealing::ensure(services).await?;
        let (mut from, mut number, mut ahead) = (0, 1, None);
        loop {
            let Done { outcomes, next } = run.portion(from, number, ahead).await?;
            let size = outcomes.len();
            outcomes.into_iter().for_each(&mut tell);
            (from, number, ahead) = (from + size, number + 1, next);
            if from >= count || size == 0 {
                return Ok(());
            }
        }
    }
}

/// A portion that is done.
struct Done<D> {
    /// What became of each of its items.
    outcomes: Vec<ItemOutcome<D>>,
    /// The plan of the next one, where that was made meanwhile.
    next: Option<Plan<D>>,
}

impl<D> Done<D> {
    fn alone(outcomes: Vec<ItemOutcome<D>>) -> Self {
        Self { outcomes, next: None }
    }
}

impl<I: BatchItems> Run<'_, I> {
    /// Writes the portion that begins with an item. Its plan may have been made ahead.
    async fn portion(
        &mut self,
        from: usize,
        number: usize,
        mut ahead: Option<Plan<I::Difference>>,
    ) -> Result<Done<I::Difference>, ChangeError> {
        let services = self.services;
        let key = self.idempotency.map(|key| key_of(key, number));
        let mut next = None;
        for tried in 0..TRIES {
            let kept = match &key {
                Some(key) => answered(services, key).await?.map(kept).transpose()?,
                None => None,
            };
            if let Some(kept) = kept {
                let most = Most { items: kept.len(), bytes: usize::MAX };
                let now = self.plan(from, most).await?.items.into_iter().map(|planned| planned.outcome);
                return Ok(Done::alone(
                    kept.into_iter().zip(now).map(|(put, now)| repeated(put, now)).collect(),
                ));
            }
            let Plan { items: planned, sealed_by, set_value } = match ahead.take() {
                Some(planned) => planned,
                None => self.plan(from, self.most).await?,
            };
            self.set_value = set_value;
            if self.atomic {
                self.check_whole(&planned)?;
            }
            let (items, outcomes): (Vec<_>, Vec<_>) =
                planned.into_iter().map(|Planned { item, outcome }| (item, outcome)).unzip();
            let writes = || items.iter().any(|item| matches!(item, PutItem::Put(_)));
            if self.dry_run || key.is_none() && self.set.is_none() && !writes() {
                return Ok(Done::alone(outcomes));
            }
            let command = Command::PutJobs(PutJobs { set: self.set.as_ref().map(owner), items });
            let proposal = services.proposal(self.by, key.as_ref(), command).map_err(WriteError::from)?;
            let proposal = proposal.sealed_by(sealed_by);
            let proposed = if next.is_none() {
                let behind = self.plan_ahead(from + outcomes.len());
                let (proposed, planned) = tokio::join!(services.proposer.propose(proposal), behind);
                next = planned;
                proposed
            } else {
                services.proposer.propose(proposal).await
            };
            match proposed? {
                Outcome::Jobs { jobs } if jobs.len() == outcomes.len() => {
                    let outcomes =
                        jobs.into_iter().zip(outcomes).map(|(put, planned)| done(put, planned)).collect();
                    return Ok(Done { outcomes, next });
                }
                // The same request came at the same time, in other portions, and what was answered to it is kept; or all is
                // sealed by another data key from now on.
                Outcome::Jobs { .. } | Outcome::Refused { refusal: Refusal::SealedOtherwise } => next = None,
                Outcome::Refused { refusal: Refusal::Stale { item } } => {
                    if tried >= PATIENCE && !self.atomic {
                        let message =
                            "was changed by others each time it was tried; expected a while without that";
                        self.refused.insert(from + item, Invalid::one("name", message));
                    }
                }
                other => return Err(WriteError::of(other).into()),
            }
            // This node may not have applied yet what came first.
            lookup::catch_up(services, Consistency::Linearizable).await.map_err(WriteError::from)?;
        }
        Err(ChangeError::Contended)
    }

    /// Plans the portion behind the one that is being written. No job is in both, so it does not matter which is first.
    async fn plan_ahead(&self, from: usize) -> Option<Plan<I::Difference>> {
        if from >= self.items.count() {
            return None;
        }
        // What fails now is tried again, and told, when it is its turn.
        self.plan(from, self.most).await.ok()
    }

    /// What is to be done with the items from one on, as the state is now.
    async fn plan(&self, from: usize, most: Most) -> Result<Plan<I::Difference>, ChangeError> {
        let refused = self.refused.iter().filter(|(item, _)| (from..from + most.items).contains(item));
        let portion = Portion {
            services: self.services.clone(),
            scope: self.scope.clone(),
            items: Arc::clone(&self.items),
            set: self.set.clone(),
            refused: refused.map(|(item, why)| (*item, why.clone())).collect(),
            from,
            most,
            set_value: self.set_value.clone(),
        };
        let read = self.services.store.query(move |reader| reader.at_once(|reader| portion.plan(reader)));
        Ok(read.await.map_err(ReadError::from)?)
    }

    /// Whether all of the batch goes into one command, and none of it is refused.
    fn check_whole(&self, planned: &[Planned<I::Difference>]) -> Result<(), ChangeError> {
        let mut all = Invalid::default();
        for (place, Planned { outcome, .. }) in planned.iter().enumerate() {
            let ItemOutcome::Refused(invalid) = outcome else { continue };
            for FieldError { field, message } in invalid.fields() {
                let dot = if field.is_empty() { "" } else { "." };
                all.add(format!("jobs[{place}]{dot}{field}"), message);
            }
        }
        all.into_result()?;
        if planned.len() < self.items.count() {
            return Err(too_large(&format!("its jobs take more than {} bytes", WHOLE.bytes)));
        }
        Ok(())
    }
}

/// Refuses what needs sets while the cluster has none.
pub(crate) fn has_sets(services: &Services) -> Result<(), WriteError> {
    let version = services.proposer.version();
    if version >= SETS_SINCE {
        return Ok(());
    }
    let why = format!(
        "batches and sets of jobs are there from cluster version {SETS_SINCE} on, and the cluster is at version \
         {version} until every node can follow a higher one; create the jobs one by one, or come again"
    );
    Err(Unavailable::NotInUse(why).into())
}

/// The key under which a portion of a request is answered. No key of a client has a blank.
pub(crate) fn key_of(key: &Idempotency, number: usize) -> Idempotency {
    match number {
        1 => key.clone(),
        _ => Idempotency { key: format!("{} {number}", key.key), fingerprint: key.fingerprint.clone() },
    }
}

fn too_large(why: &str) -> ChangeError {
    let why = format!(
        "the batch cannot be done as a whole: {why}; expected at most {} jobs of {} bytes together: leave \"atomic\" \
         out, or send several batches",
        WHOLE.items, WHOLE.bytes
    );
    WriteError::from(Unavailable::TooLarge(why)).into()
}

fn owner(set: &OfSet) -> SetOwner {
    let OfSet { name, apply, adopt } = set;
    SetOwner { name: name.to_string(), apply: apply.as_ref().map(ToString::to_string), adopt: *adopt }
}

/// What was answered to a portion before.
fn kept(outcome: Outcome) -> Result<Vec<PutOutcome>, WriteError> {
    match outcome {
        Outcome::Jobs { jobs } => Ok(jobs),
        other => Err(WriteError::of(other)),
    }
}

/// What became of an item that was planned so.
fn done<D>(put: PutOutcome, planned: ItemOutcome<D>) -> ItemOutcome<D> {
    match (put, planned) {
        (PutOutcome::Created, _) => ItemOutcome::Created,
        (PutOutcome::Changed(version), ItemOutcome::Changed { difference, .. }) => {
            ItemOutcome::Changed { version, difference }
        }
        (PutOutcome::Changed(version), _) => ItemOutcome::Changed { version, difference: None },
        (PutOutcome::Unchanged(version), _) => ItemOutcome::Unchanged { version },
        (PutOutcome::Refused, refused @ ItemOutcome::Refused(_)) => refused,
        (PutOutcome::Refused, _) => {
            let message =
                "was refused when the request was first made; expected another Idempotency-Key to try again";
            ItemOutcome::Refused(Invalid::one("", message))
        }
    }
}

/// The same for a repeat, where of `now` only counts why an item is refused.
fn repeated<D>(put: PutOutcome, now: ItemOutcome<D>) -> ItemOutcome<D> {
    match now {
        ItemOutcome::Changed { version, .. } => done(put, ItemOutcome::Changed { version, difference: None }),
        now => done(put, now),
    }
}

/// The items that have a name together. Which of them is meant, nobody knows.
fn of_one_name<I: BatchItems>(items: &I) -> HashMap<usize, Invalid> {
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for item in 0..items.count() {
        if let Some(name) = items.name(item) {
            places.entry(name).or_default().push(item);
        }
    }
    let mut refused = HashMap::new();
    for (name, places) in places.into_iter().filter(|(_, places)| places.len() > 1) {
        let mut shown: Vec<_> = places.iter().take(SHOWN).map(|place| format!("jobs[{place}]")).collect();
        shown.extend((places.len() > SHOWN).then(|| format!("{} more", places.len() - SHOWN)));
        let last = shown.pop().unwrap_or_default();
        let message = format!(
            "{:?} is the name of {} and {last}; expected each name once in a batch",
            clip(name),
            shown.join(", ")
        );
        refused.extend(places.into_iter().map(|place| (place, Invalid::one("name", &message))));
    }
    refused
}
