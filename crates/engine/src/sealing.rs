//! Sealing: the credentials of what is written are sealed here, before anything is proposed, and those on record are
//! opened here, to be compared with what is written.
//!
//! The state says which data key seals. It is made with the first encryption key of a node, once all members have that
//! one, and another takes its place when an operator asks for that. A command says by which data key it is sealed; where
//! another one seals by the time that it is applied, it is refused, and sealed anew here.

mod fingerprints;
mod runner;
mod status;

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chronos_env::Env;
use chronos_seal::{
    CredentialsError, KeyId, Keyring, NewKey, OpenError, Owner, Sealed, WrappedKey, data_key_of,
};
use chronos_state::{
    BadSpec, BulkAction, Command, Idempotency, JobRow, Outcome, PatchText, Reader, Refusal, SECRETS_SINCE,
    SealedPatch, SecretWord, StateError, StoredOverrides, StoredSealed, StoredSpec, StoredWebhook,
};
use chronos_types::{
    By, Credentials, Job, JobId, JobSpec, OperationId, Overrides, SealedCredentials, Webhook,
};
use tokio::time::Instant;

use crate::change::TRIES;
use crate::error::{ReadError, Unavailable, WriteError};
use crate::lookup;
use crate::read::Consistency;
use crate::services::Services;

pub(crate) use fingerprints::{is_keyed, keyed, read_key};
pub use runner::SealingRunner;
pub use status::{Encryption, EncryptionStatus, RotateError};

/// For so long after its start a node waits with what is written until there is a data key. A new cluster has one within a
/// second; in one whose other nodes lack the encryption key nothing is sealed until they have it.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between looks whether there is one.
const LOOK: Duration = Duration::from_millis(50);

/// What a node knows of sealing beside what is on record. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct SealingMemory(Arc<Memory>);

#[derive(Debug)]
struct Memory {
    /// When this node began.
    since: Instant,
    /// Whether there is a data key. It never goes away.
    has_key: AtomicBool,
    /// The key of fingerprints, opened. It never changes. It is not shown.
    fingerprints: OnceLock<fingerprints::Key>,
}

impl Default for SealingMemory {
    fn default() -> Self {
        let (has_key, fingerprints) = (AtomicBool::new(false), OnceLock::new());
        Self(Arc::new(Memory { since: Instant::now(), has_key, fingerprints }))
    }
}

/// Seals what is written, with the data key that seals now.
#[derive(Clone, Debug)]
pub(crate) struct Sealer {
    keyring: Keyring,
    env: Env,
    key: Option<WrappedKey>,
    /// Whether what is there is being sealed anew.
    is_under_way: bool,
}

impl Sealer {
    /// As the state is that is read.
    pub(crate) fn of(services: &Services, reader: &Reader) -> Result<Self, StateError> {
        let is_under_way = reader.sealing()?.is_some_and(|sealing| sealing.ended_at.is_none());
        let (keyring, env) = (services.keyring.clone(), services.env.clone());
        Ok(Self { keyring, env, key: reader.sealing_key()?, is_under_way })
    }

    /// As this node has it now. Where nothing seals and this node could, that begins.
    pub(crate) async fn current(services: &Services) -> Result<Self, WriteError> {
        ensure(services).await?;
        let asked = services.clone();
        let read = move |reader: &Reader| reader.at_once(|reader| Self::of(&asked, reader));
        Ok(services.store.query(read).await.map_err(ReadError::from)?)
    }

    /// The data key that seals; none where nothing does.
    pub(crate) fn id(&self) -> Option<KeyId> {
        self.key.as_ref().map(|key| key.id)
    }

    /// Seals a value.
    pub(crate) fn value(&self, owner: Owner<'_>, value: &str) -> Result<Sealed, Unavailable> {
        match &self.key {
            None => Ok(Keyring::in_the_clear(value)),
            Some(key) => {
                let sealed = self.keyring.seal_for(owner, value, key, self.env.random_bytes());
                sealed.map_err(|error| cannot_seal(&error))
            }
        }
    }

    /// Seals the credentials of a job's webhook. Where they are those that were sealed `before`, those bytes stay.
    pub(crate) fn webhook(
        &self,
        job: JobId,
        webhook: &mut StoredWebhook<'_>,
        before: Option<&SealedCredentials>,
    ) -> Result<(), Unavailable> {
        if self.key.is_none() {
            return Ok(());
        }
        let owner = Owner::Webhook(job);
        if let Some(sealed) = &webhook.sealed {
            // It is of a record that cannot be read or opened, and stays as it is. But an old data key is forgotten once all is
            // sealed anew.
            let is_new = sealed.value.key() == self.id();
            return match is_new || !self.is_under_way {
                true => Ok(()),
                false => {
                    let why = "the job is being sealed anew; nothing was changed";
                    Err(Unavailable::Busy(why.to_owned()))
                }
            };
        }
        let taken = webhook.take_credentials();
        webhook.sealed = self.credentials(owner, &taken, before)?;
        Ok(())
    }

    /// The same of what one run sends. `job` is the webhook in place of whose parts it stands.
    pub(crate) fn overrides(
        &self,
        id: JobId,
        overrides: &mut StoredOverrides,
        job: &Webhook,
    ) -> Result<(), Unavailable> {
        if self.key.is_none() {
            return Ok(());
        }
        let sent = job.auth.as_ref().map(chronos_types::Auth::header_name);
        let taken = overrides.take_credentials(sent);
        overrides.sealed = self.credentials(Owner::Overrides(id), &taken, None)?;
        Ok(())
    }

    /// What an operation is to do, where `shown` is what may be shown of the change that it makes.
    pub(crate) fn action(
        &self,
        operation: OperationId,
        action: &BulkAction,
        shown: impl FnOnce(&str) -> String,
    ) -> Result<BulkAction, Unavailable> {
        let BulkAction::Patch(PatchText(text)) = action else { return Ok(action.clone()) };
        let shown = shown(text);
        if self.key.is_none() || shown == *text {
            return Ok(action.clone());
        }
        let sealed = self.value(Owner::Patch(operation), text)?;
        Ok(BulkAction::SealedPatch(SealedPatch { shown, sealed }))
    }

    fn credentials(
        &self,
        owner: Owner<'_>,
        taken: &Credentials,
        before: Option<&SealedCredentials>,
    ) -> Result<Option<StoredSealed>, Unavailable> {
        let Some(key) = self.key.as_ref().filter(|_| !taken.is_empty()) else { return Ok(None) };
        let kept = before.and_then(|before| Sealed::parse(&before.value).ok());
        if let Some(kept) = kept.filter(|kept| kept.key() == Some(key.id))
            && self.keyring.open_credentials(owner, &kept, Some(key)).is_ok_and(|kept| kept == *taken)
        {
            return Ok(Some(StoredSealed { value: kept, secrets: taken.secrets() }));
        }
        let value = self.keyring.seal_credentials(owner, taken, key, self.env.random_bytes());
        let value = value.map_err(|error| cannot_seal(&error))?;
        Ok(Some(StoredSealed { value, secrets: taken.secrets() }))
    }
}

fn cannot_seal(error: &OpenError) -> Unavailable {
    Unavailable::NoCluster(format!("what is written cannot be sealed by this node: {error}"))
}

fn cannot_open(error: &CredentialsError) -> Unavailable {
    Unavailable::NoCluster(format!("what is on record cannot be used by this node: {error}"))
}

impl Services {
    /// Proposes a command in which credentials may stand, sealed as they are to be now: anew where another data key has
    /// come meanwhile. Answers with who asks for it, as it is put on record, too.
    pub(crate) async fn propose_sealed(
        &self,
        by: &By,
        idempotency: Option<&Idempotency>,
        make: impl Fn(&Sealer) -> Result<Command, Unavailable>,
    ) -> Result<(Outcome, Option<By>), WriteError> {
        for _ in 0..TRIES {
            let sealer = Sealer::current(self).await?;
            let proposal = self.proposal(by, idempotency, make(&sealer)?)?.sealed_by(sealer.id());
            let by = proposal.by.clone();
            match self.proposer.propose(proposal).await? {
                Outcome::Refused { refusal: Refusal::SealedOtherwise } => {
                    lookup::catch_up(self, Consistency::Linearizable).await?;
                }
                outcome => return Ok((outcome, by)),
            }
        }
        let why = "another data key came each time that this was tried; nothing was changed";
        Err(Unavailable::Busy(why.to_owned()).into())
    }

    /// Opens the credentials of a job, to change it or to run it. Answers with it, and with what they were sealed to. One
    /// that cannot be read stays as it is; one whose data key is lost is another that cannot.
    pub(crate) async fn opened(
        &self,
        row: JobRow,
    ) -> Result<(JobRow, Option<SealedCredentials>), WriteError> {
        let JobRow { job, .. } = row;
        let (spec, sealed) = match job.spec {
            Ok(spec) => {
                let sealed = spec.webhook.sealed.clone();
                match self.opened_spec(job.id, spec.clone()).await {
                    Ok(spec) => (Ok(spec), sealed),
                    Err(error) => {
                        if !self.is_lost(sealed.as_ref()).await? {
                            return Err(error);
                        }
                        let why =
                            "its credentials are sealed by a key that is lost; write them anew".to_owned();
                        (Err(Box::new(BadSpec { why, form: StoredSpec::of(&spec) })), None)
                    }
                }
            }
            Err(bad) => (Err(bad), None),
        };
        Ok((JobRow { job: Job { spec, ..job }, ..row }, sealed))
    }

    /// Opens the credentials of a version of a job.
    pub(crate) async fn opened_spec(&self, job: JobId, spec: JobSpec) -> Result<JobSpec, WriteError> {
        let key = self.known(spec.webhook.sealed.as_ref()).await?;
        let webhook = self.keyring.open_webhook(spec.webhook, job, key.as_ref());
        Ok(JobSpec { webhook: webhook.map_err(|error| cannot_open(&error))?, ..spec })
    }

    /// Opens the credentials of what a run sends.
    pub(crate) async fn opened_overrides(
        &self,
        job: JobId,
        overrides: Overrides,
    ) -> Result<Overrides, WriteError> {
        let key = self.known(overrides.sealed.as_ref()).await?;
        let opened = self.keyring.open_overrides(overrides, job, key.as_ref());
        Ok(opened.map_err(|error| cannot_open(&error))?)
    }

    /// Whether the data key of credentials is not on record any more.
    async fn is_lost(&self, sealed: Option<&SealedCredentials>) -> Result<bool, ReadError> {
        let sealed = sealed.cloned();
        Ok(self.store.query(move |reader| is_lost(reader, sealed.as_ref())).await?)
    }

    /// The data key that credentials name, where this node has not opened it before.
    async fn known(&self, sealed: Option<&SealedCredentials>) -> Result<Option<WrappedKey>, ReadError> {
        match data_key_of(sealed).filter(|id| !self.keyring.knows(*id)) {
            Some(id) => Ok(self.store.query(move |reader| reader.data_key_by(id)).await?),
            None => Ok(None),
        }
    }
}

/// Opens the credentials of a version of a job, as the state is that is read; or says why it cannot.
pub(crate) fn opened_in(
    keyring: &Keyring,
    reader: &Reader,
    job: JobId,
    spec: JobSpec,
) -> Result<Result<JobSpec, String>, StateError> {
    let unknown = data_key_of(spec.webhook.sealed.as_ref()).filter(|id| !keyring.knows(*id));
    let key = unknown.map(|id| reader.data_key_by(id)).transpose()?.flatten();
    let webhook = keyring.open_webhook(spec.webhook, job, key.as_ref());
    Ok(webhook.map(|webhook| JobSpec { webhook, ..spec }).map_err(|error| error.to_string()))
}

/// Whether the data key of credentials is not on record any more.
pub(crate) fn is_lost(reader: &Reader, sealed: Option<&SealedCredentials>) -> Result<bool, StateError> {
    let Some(id) = data_key_of(sealed) else { return Ok(false) };
    Ok(reader.data_key_by(id)?.is_none())
}

/// Has what is written sealed from now on, where this node could and nothing is.
pub(crate) async fn ensure(services: &Services) -> Result<(), WriteError> {
    let memory = &services.sealing.0;
    if services.keyring.first().is_none() || memory.has_key.load(Ordering::Relaxed) {
        return Ok(());
    }
    loop {
        let key = services.store.query(Reader::sealing_key).await.map_err(ReadError::from)?;
        if key.is_some() || begin(services).await? {
            memory.has_key.store(true, Ordering::Relaxed);
            return Ok(());
        }
        // In the clear for now, and sealed as soon as all nodes can open it.
        if memory.since.elapsed() >= PATIENCE {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Makes a data key with the first encryption key of this node, if all members have that: it seals from then on, and what
/// is there is sealed anew. Answers whether it does.
async fn begin(services: &Services) -> Result<bool, Unavailable> {
    let Services { env, keyring, proposer, .. } = services;
    let Some(first) = keyring.first() else { return Ok(false) };
    if proposer.version() < SECRETS_SINCE || !proposer.lacking(&first.to_string()).is_empty() {
        return Ok(false);
    }
    let new = NewKey { id: env.random_bytes(), bytes: env.random_bytes(), nonce: env.random_bytes() };
    let Some(key) = keyring.data_key(new) else { return Ok(false) };
    let command = Command::Secret(SecretWord::Key(key));
    Ok(matches!(proposer.propose(command.into()).await?, Outcome::Done))
}
