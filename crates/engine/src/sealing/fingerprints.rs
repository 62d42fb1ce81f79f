//! Fingerprints of requests with an idempotency key.
//!
//! A request may have a credential that can be guessed, so a plain hash of it would tell which one it is. The hash that is
//! kept is made with a key of the cluster, which is sealed as all else is.

use std::fmt::{self, Write as _};

use chronos_seal::{Owner, Sealed, WrappedKey};
use chronos_state::{
    Command, Idempotency, Outcome, Proposal, Reader, Refusal, SECRETS_SINCE, SecretWord, StateError,
};
use ring::hmac;

use super::Sealer;
use crate::change::TRIES;
use crate::error::{ReadError, Unavailable, WriteError};
use crate::lookup;
use crate::read::Consistency;
use crate::services::Services;

/// What a keyed fingerprint begins with. A plain one, of a cluster before the version that has keyed ones, does not.
const MARK: &str = "k1.";

/// The key, opened. `Debug` shows nothing of it.
pub(super) struct Key(hmac::Key);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

/// A request by its keyed fingerprint; by its plain one, where the cluster has no key for them yet or it was not read.
pub(crate) fn keyed(services: &Services, request: &Idempotency) -> Idempotency {
    let Idempotency { key, fingerprint } = request;
    let fingerprint = match services.sealing.0.fingerprints.get() {
        None => fingerprint.clone(),
        Some(Key(secret)) => {
            let tag = hmac::sign(secret, fingerprint.as_bytes());
            tag.as_ref().iter().fold(MARK.to_owned(), |mut text, byte| {
                // A string takes what is written to it.
                let _ = write!(text, "{byte:02x}");
                text
            })
        }
    };
    Idempotency { key: key.clone(), fingerprint }
}

/// Reads the key of fingerprints, which is made where there is none: before the first request is looked up.
pub(crate) async fn read_key(services: &Services) -> Result<(), WriteError> {
    if services.sealing.0.fingerprints.get().is_some() || services.proposer.version() < SECRETS_SINCE {
        return Ok(());
    }
    for _ in 0..TRIES {
        let found = services.store.query(|reader| reader.at_once(find)).await.map_err(ReadError::from)?;
        if let Some((sealed, key)) = found {
            let opened = services.keyring.open_of(Owner::Fingerprints, &sealed, key.as_ref());
            let opened = opened.map_err(|error| {
                Unavailable::NoCluster(format!("the key of fingerprints cannot be opened: {error}"))
            })?;
            let key = Key(hmac::Key::new(hmac::HMAC_SHA256, opened.as_bytes()));
            // Another request may have been faster; it has read the same.
            let _ = services.sealing.0.fingerprints.set(key);
            return Ok(());
        }
        let sealer = Sealer::current(services).await?;
        let drawn: [u8; 32] = services.env.random_bytes();
        let text = drawn.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        let word = SecretWord::Fingerprints(sealer.value(Owner::Fingerprints, &text)?);
        let proposal = Proposal::from(Command::Secret(word)).sealed_by(sealer.id());
        match services.proposer.propose(proposal).await? {
            Outcome::Done => {}
            Outcome::Refused { refusal: Refusal::SealedOtherwise } => {
                lookup::catch_up(services, Consistency::Linearizable).await?;
            }
            other => return Err(WriteError::of(other)),
        }
    }
    let why = "the key of fingerprints changed each time that it was read; nothing was done";
    Err(Unavailable::Busy(why.to_owned()).into())
}

/// The key as it is on record, and the data key that it names.
fn find(reader: &Reader) -> Result<Option<(Sealed, Option<WrappedKey>)>, StateError> {
    let Some(sealed) = reader.fingerprint_key()? else { return Ok(None) };
    let key = sealed.key().map(|id| reader.data_key_by(id)).transpose()?.flatten();
    Ok(Some((sealed, key)))
}

/// Whether a fingerprint is a keyed one.
pub(crate) fn is_keyed(request: &Idempotency) -> bool {
    request.fingerprint.starts_with(MARK)
}
