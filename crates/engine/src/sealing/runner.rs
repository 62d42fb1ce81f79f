//! Seals anew what is on record: what was written before there was a data key, and what is sealed by an earlier one.
//!
//! The node that leads reads the next portion, and proposes it as a step from the place that it was read from. Where it
//! stands is on record, so another leader goes on where this one ends; a step of two leaders is done once. Each value is a
//! compare-and-set (`chronos_state`, `apply/sealing.rs`).
//!
//! On each node this says which encryption keys are needed, and cleans what the node has written before where something was
//! in the clear.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chronos_env::Seldom;
use chronos_seal::{KeyId, OpenError, Owner, Sealed, WrappedKey};
use chronos_state::{
    BulkAction, Command, Outcome, PatchText, Proposal, Reader, Refusal, Reseal, ResealStep, Resealed,
    SealCursor, SealedPatch, SealedRecord, SealedRecords, Sealing, SecretRow, SecretWord, StateError,
    StoredSealed,
};
use chronos_types::Credentials;

use super::begin;
use crate::error::{LoopError, Unavailable};
use crate::operations::Wording;
use crate::services::Services;

/// Between looks while nothing is to be done.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between portions: others write meanwhile.
const BETWEEN: Duration = Duration::from_millis(20);
/// Between tries while the log takes nothing, or the state cannot be read.
const PAUSE: Duration = Duration::from_secs(1);
/// Nodes clean their files one after the other, for each writes nothing else meanwhile. The next one begins so many
/// milliseconds later, and one more for so many bytes of the state: they are written three times, on a slow disk.
const TURN_MS: u64 = 5_000;
const BYTES_IN_MS: u64 = 32 << 10;

/// The loop.
#[derive(Debug)]
pub struct SealingRunner {
    services: Services,
    wording: Arc<dyn Wording>,
    /// The keys that were missing last, as that was said.
    missing: BTreeSet<KeyId>,
    /// The sealing after which this node was cleaned.
    cleaned: Option<i64>,
}

/// What is known at one place of the log.
struct Known {
    sealing: Option<Sealing>,
    key: Option<WrappedKey>,
    needed: Vec<KeyId>,
}

/// What is read for a portion.
struct Portion {
    key: WrappedKey,
    keys: Vec<WrappedKey>,
    records: SealedRecords,
    fingerprints: Option<Sealed>,
}

impl Known {
    fn of(reader: &Reader) -> Result<Self, StateError> {
        let (sealing, key) = (reader.sealing()?, reader.sealing_key()?);
        Ok(Self { sealing, key, needed: reader.needed_keys()? })
    }
}

impl Portion {
    fn of(reader: &Reader, from: &SealCursor) -> Result<Option<Self>, StateError> {
        let Some(key) = reader.sealing_key()? else { return Ok(None) };
        let (keys, records) = (reader.data_keys()?, reader.sealed_records(from)?);
        Ok(Some(Self { key, keys, records, fingerprints: reader.fingerprint_key()? }))
    }
}

impl SealingRunner {
    /// The loop, with what it works with. `wording` says what may be shown of a patch.
    #[must_use]
    pub fn new(services: Services, wording: Arc<dyn Wording>) -> Self {
        Self { services, wording, missing: BTreeSet::new(), cleaned: None }
    }

    /// Has this node know which keys it lacks, before it fires anything.
    ///
    /// # Errors
    /// The state cannot be read.
    pub async fn look_first(&mut self) -> Result<(), StateError> {
        let needed = self.services.store.read(Reader::needed_keys).await?;
        self.note_needed(&needed);
        Ok(())
    }

    /// Goes on for as long as the node runs.
    pub async fn run(mut self) {
        let complaint = Seldom::default();
        loop {
            let wait = self.look().await.unwrap_or_else(|error| {
                complaint.say(|| tracing::warn!(%error, "sealing waits; trying again"));
                PAUSE
            });
            tokio::time::sleep(wait).await;
        }
    }

    /// Does what is to be done now. Answers when to look again.
    async fn look(&mut self) -> Result<Duration, LoopError> {
        let known = self.services.store.read(|reader| reader.at_once(Known::of)).await?;
        self.note_needed(&known.needed);
        let ended_at =
            known.sealing.as_ref().filter(|sealing| sealing.was_clear).and_then(|sealing| sealing.ended_at);
        if let Some(ended_at) = ended_at.filter(|ended_at| self.cleaned != Some(*ended_at)) {
            let turn = self.turn(self.services.store.read(Reader::bytes_in_use).await?);
            if self.services.env.now() >= ended_at.saturating_add_unsigned(turn) {
                self.clean(ended_at).await;
            }
        }
        let leads = self.services.proposer.leadership().borrow().is_leader;
        if !leads || !self.services.view.borrow().may_plan {
            return Ok(LOOK_EVERY);
        }
        match (known.key, known.sealing) {
            (None, _) => {
                if begin(&self.services).await? {
                    self.services.sealing.0.has_key.store(true, Ordering::Relaxed);
                    tracing::info!("what is written is sealed from now on, and what is there is sealed anew");
                }
                Ok(LOOK_EVERY)
            }
            (Some(_), Some(sealing)) if sealing.ended_at.is_none() => self.portion(&sealing).await,
            _ => Ok(LOOK_EVERY),
        }
    }

    /// Tells the replica which keys are needed, and the log where this node lacks one.
    fn note_needed(&mut self, needed: &[KeyId]) {
        self.services.proposer.needs_keys(needed.iter().map(KeyId::to_string).collect());
        let missing: BTreeSet<_> =
            needed.iter().copied().filter(|key| !self.services.keyring.has(*key)).collect();
        if !missing.is_empty() && missing != self.missing {
            let shown: Vec<_> = missing.iter().map(KeyId::to_string).collect();
            tracing::error!(
                keys = shown.join(", "),
                "encryption keys are missing in security.encryption_keys of this node: what is sealed by them cannot be \
                 opened here"
            );
        }
        self.missing = missing;
    }

    /// Seals the next portion anew.
    async fn portion(&self, sealing: &Sealing) -> Result<Duration, LoopError> {
        let from = sealing.cursor.clone();
        let place = from.clone();
        let read = move |reader: &Reader| reader.at_once(|reader| Portion::of(reader, &place));
        let Some(portion) = self.services.store.read(read).await? else {
            return Ok(LOOK_EVERY);
        };
        let is_last = from == SealCursor::End;
        let mut left = portion.records.unread;
        let mut items = Vec::with_capacity(portion.records.records.len());
        if from == SealCursor::Start
            && let Some(sealed) = &portion.fingerprints
        {
            let value = self.value(&portion, Owner::Fingerprints, sealed);
            let value = value.map(|value| value.map(|to| item(sealed, Resealed::Fingerprints(to))));
            keep(value, &mut items, &mut left)?;
        }
        for record in &portion.records.records {
            keep(self.record(&portion, record), &mut items, &mut left)?;
        }
        let (key, to) = (portion.key.id, portion.records.to);
        let count = items.len();
        let step = ResealStep { key, from, items, to, left, is_last };
        let command = Command::Secret(SecretWord::Reseal(Box::new(step)));
        match self.services.proposer.propose(Proposal::from(command)).await? {
            Outcome::Refused { refusal: Refusal::SealingMovedOn } => {}
            Outcome::Refused { refusal } => tracing::warn!(?refusal, "a portion was not sealed anew"),
            _ if is_last => {
                let (done, left) = (sealing.done, sealing.left);
                tracing::info!(done, left, "all is sealed by the newest data key");
            }
            _ => tracing::debug!(count, "a portion was sealed anew"),
        }
        Ok(BETWEEN)
    }

    /// What takes the place of a record, where it is not sealed as it is to be.
    fn record(&self, portion: &Portion, record: &SealedRecord) -> Result<Option<Reseal>, OpenError> {
        match record {
            SealedRecord::Secret(row) => {
                let SecretRow { name, version, value, .. } = &**row;
                let sealed = self.value(portion, Owner::Secret(name), value)?;
                Ok(sealed.map(|to| {
                    let to = Resealed::Secret { name: name.clone(), version: *version, value: to };
                    item(value, to)
                }))
            }
            SealedRecord::Webhook { job, id, version, webhook } => {
                let mut webhook = webhook.clone();
                let from = webhook.sealed.as_ref().and_then(|sealed| sealed.value.key());
                let taken = webhook.take_credentials();
                let sealed = self.credentials(portion, Owner::Webhook(*id), webhook.sealed.take(), &taken)?;
                Ok(sealed.map(|sealed| {
                    webhook.sealed = Some(sealed);
                    Reseal { from, to: Resealed::Webhook { job: *job, version: *version, webhook } }
                }))
            }
            SealedRecord::Overrides { execution, job, sent, overrides } => {
                let mut overrides = overrides.clone();
                let from = overrides.sealed.as_ref().and_then(|sealed| sealed.value.key());
                let taken = overrides.take_credentials(sent.as_deref());
                let owner = Owner::Overrides(*job);
                let sealed = self.credentials(portion, owner, overrides.sealed.take(), &taken)?;
                Ok(sealed.map(|sealed| {
                    overrides.sealed = Some(sealed);
                    Reseal { from, to: Resealed::Overrides { execution: *execution, overrides } }
                }))
            }
            SealedRecord::Patch(operation, action) => {
                let owner = Owner::Patch(*operation);
                let patch = match action {
                    BulkAction::Patch(PatchText(text)) => {
                        let shown = self.wording.shown(text);
                        if shown == *text {
                            return Ok(None);
                        }
                        let sealed = self.seal(portion, owner, text)?;
                        Some((None, SealedPatch { shown, sealed }))
                    }
                    BulkAction::SealedPatch(SealedPatch { shown, sealed }) => {
                        let to = self.value(portion, owner, sealed)?;
                        to.map(|to| (sealed.key(), SealedPatch { shown: shown.clone(), sealed: to }))
                    }
                    _ => None,
                };
                Ok(patch.map(|(from, patch)| Reseal {
                    from,
                    to: Resealed::Patch { operation: *operation, patch },
                }))
            }
        }
    }

    /// A value, sealed anew; nothing where it is as it is to be.
    fn value(
        &self,
        portion: &Portion,
        owner: Owner<'_>,
        sealed: &Sealed,
    ) -> Result<Option<Sealed>, OpenError> {
        let Services { keyring, env, .. } = &self.services;
        let id = sealed.key();
        if id == Some(portion.key.id) {
            return Ok(None);
        }
        let from = portion.keys.iter().find(|key| Some(key.id) == id);
        keyring.reseal_of(owner, sealed, from, &portion.key, env.random_bytes()).map(Some)
    }

    /// Credentials, sealed anew or for the first time; nothing where there are none, or they are as they are to be.
    fn credentials(
        &self,
        portion: &Portion,
        owner: Owner<'_>,
        sealed: Option<StoredSealed>,
        taken: &Credentials,
    ) -> Result<Option<StoredSealed>, OpenError> {
        let Services { keyring, env, .. } = &self.services;
        match sealed {
            Some(StoredSealed { value, secrets }) => {
                let value = self.value(portion, owner, &value)?;
                Ok(value.map(|value| StoredSealed { value, secrets }))
            }
            None if taken.is_empty() => Ok(None),
            None => {
                let value = keyring.seal_credentials(owner, taken, &portion.key, env.random_bytes())?;
                Ok(Some(StoredSealed { value, secrets: taken.secrets() }))
            }
        }
    }

    fn seal(&self, portion: &Portion, owner: Owner<'_>, text: &str) -> Result<Sealed, OpenError> {
        let Services { keyring, env, .. } = &self.services;
        keyring.seal_for(owner, text, &portion.key, env.random_bytes())
    }

    /// How long after all was sealed this node has its turn to clean its files, in milliseconds.
    fn turn(&self, bytes: u64) -> u64 {
        let place = self.services.proposer.place_of(&self.services.node);
        place as u64 * (TURN_MS + bytes / BYTES_IN_MS)
    }

    /// Takes what was in the clear out of what this node has written before. It is tried again where it fails.
    async fn clean(&mut self, ended_at: i64) {
        // A copy of the state of another node is not a sign that this one was cleaned.
        let mark = format!("{} {ended_at}", self.services.node);
        match self.services.proposer.clean(&mark).await {
            Ok(was_done) => {
                self.cleaned = Some(ended_at);
                if was_done {
                    tracing::info!("what was in the clear is out of the log and the state of this node");
                }
            }
            Err(why) => {
                tracing::warn!(why, "what was in the clear is in files of this node still; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Keeps what is sealed anew. What cannot be opened is left, unless the key for it may come yet.
fn keep(
    sealed: Result<Option<Reseal>, OpenError>,
    items: &mut Vec<Reseal>,
    left: &mut u32,
) -> Result<(), Unavailable> {
    match sealed {
        Ok(item) => items.extend(item),
        Err(error @ OpenError::NoKey(_)) => {
            return Err(Unavailable::NoCluster(format!("what is on record is not sealed anew: {error}")));
        }
        Err(error) => {
            tracing::error!(%error, "a value on record cannot be opened, and is not sealed anew");
            *left += 1;
        }
    }
    Ok(())
}

/// What takes the place of a value.
fn item(from: &Sealed, to: Resealed) -> Reseal {
    Reseal { from: from.key(), to }
}
