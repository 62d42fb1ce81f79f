//! The encryption keys of a node, and what they open.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use chronos_types::{SecretHosts, SecretName, SecretValues};
use zeroize::Zeroizing;

use crate::key::{EncryptionKey, KEY_BYTES, KeyId, WrappedKey};
use crate::place::Place;
use crate::places::Owner;
use crate::sealed::{Form, NONCE_BYTES, Sealed};

/// So many opened data keys are kept in memory: those before and after a change, and some of a cluster restored here.
const KNOWN: usize = 16;

/// The encryption keys of a node. The first one seals; all of them open. Cheap to clone; clones share what they have
/// opened.
#[derive(Clone, Default)]
pub struct Keyring(Arc<Ring>);

#[derive(Default)]
struct Ring {
    keys: Vec<EncryptionKey>,
    /// Data keys that were opened, by their ids.
    known: Mutex<BTreeMap<KeyId, DataKey>>,
}

/// A data key, opened.
type DataKey = Arc<Zeroizing<[u8; KEY_BYTES]>>;

/// Random bytes for a new data key.
pub struct NewKey {
    /// Its id.
    pub id: [u8; 8],
    /// The key.
    pub bytes: [u8; KEY_BYTES],
    /// The nonce with which it is wrapped.
    pub nonce: [u8; NONCE_BYTES],
}

/// Why a value does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// This node lacks the encryption key.
    #[error("the encryption key {0} is not among security.encryption_keys of this node")]
    NoKey(KeyId),
    /// The data key that it was sealed with is not there.
    #[error("the data key {0}, which it was sealed with, is not on record")]
    NoDataKey(KeyId),
    /// It is not what was sealed in this place.
    #[error("it is not what was sealed here: it was changed, or it belongs elsewhere")]
    Damaged,
}

impl Keyring {
    /// A ring with these keys.
    #[must_use]
    pub fn new(keys: Vec<EncryptionKey>) -> Self {
        Self(Arc::new(Ring { keys, known: Mutex::default() }))
    }

    /// The id of the key that seals; none where nothing is sealed.
    #[must_use]
    pub fn first(&self) -> Option<KeyId> {
        self.0.keys.first().map(EncryptionKey::id)
    }

    /// The ids of its keys, in their order.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.0.keys.iter().map(EncryptionKey::id)
    }

    /// Whether it has this encryption key.
    #[must_use]
    pub fn has(&self, key: KeyId) -> bool {
        self.ids().any(|own| own == key)
    }

    /// Whether it has opened this data key before: then it need not be given to open a value.
    #[must_use]
    pub fn knows(&self, key: KeyId) -> bool {
        self.known(key).is_some()
    }

    /// Makes a data key, wrapped by the first key. None where there is no key to wrap it with.
    #[must_use]
    pub fn data_key(&self, new: NewKey) -> Option<WrappedKey> {
        let NewKey { id, bytes, nonce } = new;
        let (id, bytes) = (KeyId::from(id), Zeroizing::new(bytes));
        let by = self.0.keys.first()?;
        let object = WrappedKey::object(id);
        let place = WrappedKey::place(&object).bytes(by.id());
        let sealed = encrypt(&by.bytes, &nonce, &*bytes, &place)?;
        Some(WrappedKey { id, sealed: Sealed(Form::Closed { key: by.id(), nonce, bytes: sealed }) })
    }

    /// Seals a value for a place with a data key. The nonce is random, and used for nothing else.
    ///
    /// # Errors
    /// The data key cannot be opened.
    pub fn seal(
        &self,
        value: &str,
        place: &Place<'_>,
        key: &WrappedKey,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<Sealed, OpenError> {
        let opened = self.unwrapped(key)?;
        let bytes = encrypt(&opened, &nonce, value.as_bytes(), &place.bytes(key.id));
        let bytes = bytes.ok_or(OpenError::Damaged)?;
        Ok(Sealed(Form::Closed { key: key.id, nonce, bytes }))
    }

    /// A value as it is kept where there is nothing to seal with.
    #[must_use]
    pub fn in_the_clear(value: &str) -> Sealed {
        Sealed(Form::Clear(value.to_owned()))
    }

    /// Opens a value of a place. `key` is the data key that it names, where it names one; one that was opened before may be
    /// left out.
    ///
    /// # Errors
    /// A key is not there, or it is not what was sealed for this place.
    pub fn open(
        &self,
        sealed: &Sealed,
        place: &Place<'_>,
        key: Option<&WrappedKey>,
    ) -> Result<Zeroizing<String>, OpenError> {
        let (id, nonce, bytes) = match &sealed.0 {
            Form::Clear(value) => return Ok(Zeroizing::new(value.clone())),
            Form::Closed { key, nonce, bytes } => (*key, nonce, bytes),
        };
        let opened = match key.filter(|key| key.id == id) {
            Some(key) => self.unwrapped(key)?,
            None => self.known(id).ok_or(OpenError::NoDataKey(id))?,
        };
        let value = decrypt(&opened, nonce, bytes, &place.bytes(id)).ok_or(OpenError::Damaged)?;
        String::from_utf8(value).map(Zeroizing::new).map_err(|_| OpenError::Damaged)
    }

    /// Opens a named secret, to make a request with.
    ///
    /// # Errors
    /// Why it does not open, for people.
    pub fn open_into(
        &self,
        values: &mut SecretValues,
        name: &str,
        hosts: Vec<String>,
        sealed: &Sealed,
        key: Option<&WrappedKey>,
    ) -> Result<(), String> {
        let value = self.open_of(Owner::Secret(name), sealed, key);
        let value = value.map_err(|error| format!("the secret {name:?} cannot be opened: {error}"))?;
        values.insert(&SecretName::unchecked(name), value.to_string(), SecretHosts::unchecked(hosts));
        Ok(())
    }

    /// Seals a value anew, by another data key.
    ///
    /// # Errors
    /// It cannot be opened, or the other key cannot.
    pub fn reseal(
        &self,
        sealed: &Sealed,
        place: &Place<'_>,
        from: Option<&WrappedKey>,
        to: &WrappedKey,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<Sealed, OpenError> {
        self.seal(&self.open(sealed, place, from)?, place, to, nonce)
    }

    fn known(&self, key: KeyId) -> Option<DataKey> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    /// Opens a data key.
    fn unwrapped(&self, key: &WrappedKey) -> Result<DataKey, OpenError> {
        if let Some(known) = self.known(key.id) {
            return Ok(known);
        }
        let opened = Arc::new(self.unwrap(key)?);
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN {
            known.clear();
        }
        known.insert(key.id, Arc::clone(&opened));
        Ok(opened)
    }

    fn unwrap(&self, key: &WrappedKey) -> Result<Zeroizing<[u8; KEY_BYTES]>, OpenError> {
        let Form::Closed { key: by, nonce, bytes } = &key.sealed.0 else { return Err(OpenError::Damaged) };
        let own = self.0.keys.iter().find(|own| own.id() == *by).ok_or(OpenError::NoKey(*by))?;
        let object = WrappedKey::object(key.id);
        let place = WrappedKey::place(&object).bytes(*by);
        let opened = decrypt(&own.bytes, nonce, bytes, &place).map(Zeroizing::new);
        let opened = opened.ok_or(OpenError::Damaged)?;
        opened.as_slice().try_into().map(Zeroizing::new).map_err(|_| OpenError::Damaged)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys.iter()).finish()
    }
}

/// A message that is too long for the cipher (256 GiB) is none of ours.
fn encrypt(key: &[u8; KEY_BYTES], nonce: &[u8; NONCE_BYTES], msg: &[u8], aad: &[u8]) -> Option<Vec<u8>> {
    let nonce = XNonce::from(*nonce);
    XChaCha20Poly1305::new(&Key::from(*key)).encrypt(&nonce, Payload { msg, aad }).ok()
}

fn decrypt(key: &[u8; KEY_BYTES], nonce: &[u8; NONCE_BYTES], msg: &[u8], aad: &[u8]) -> Option<Vec<u8>> {
    let nonce = XNonce::from(*nonce);
    XChaCha20Poly1305::new(&Key::from(*key)).decrypt(&nonce, Payload { msg, aad }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place { object: "secret/a", field: "value" };

    fn ring(keys: &[u8]) -> Keyring {
        Keyring::new(keys.iter().map(|byte| EncryptionKey::from([*byte; KEY_BYTES])).collect())
    }

    fn new_key(byte: u8) -> NewKey {
        NewKey { id: [byte; 8], bytes: [byte; KEY_BYTES], nonce: [byte; NONCE_BYTES] }
    }

    fn opened(ring: &Keyring, sealed: &Sealed, key: &WrappedKey) -> Result<String, OpenError> {
        ring.open(sealed, &PLACE, Some(key)).map(|value| value.to_string())
    }

    #[test]
    fn what_was_sealed_opens_in_its_place_alone() {
        let ring = ring(&[1]);
        let key = ring.data_key(new_key(9)).expect("a key");
        for value in ["", "hunter2", "für Änne", &"x".repeat(16 << 10)] {
            let sealed = ring.seal(value, &PLACE, &key, [3; NONCE_BYTES]).expect("sealed");
            assert_eq!((sealed.key(), opened(&ring, &sealed, &key)), (Some(key.id), Ok(value.to_owned())));
            assert!(value.is_empty() || !sealed.to_text().contains(value));
            for place in [Place { object: "secret/b", ..PLACE }, Place { field: "other", ..PLACE }] {
                assert_eq!(ring.open(&sealed, &place, Some(&key)), Err(OpenError::Damaged));
            }
        }
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let ring = ring(&[1]);
        let key = ring.data_key(new_key(9)).expect("a key");
        let sealed = ring.seal("hunter2", &PLACE, &key, [3; NONCE_BYTES]).expect("sealed");
        let Form::Closed { bytes, .. } = &sealed.0 else { panic!("it is in the clear") };
        for place in 0..bytes.len() {
            let mut other = sealed.clone();
            let Form::Closed { bytes, .. } = &mut other.0 else { panic!("it is in the clear") };
            bytes[place] ^= 1;
            assert_eq!(opened(&ring, &other, &key), Err(OpenError::Damaged), "byte {place}");
        }
        let mut other = sealed;
        let Form::Closed { nonce, .. } = &mut other.0 else { panic!("it is in the clear") };
        nonce[0] ^= 1;
        assert_eq!(opened(&ring, &other, &key), Err(OpenError::Damaged));
    }

    #[test]
    fn the_first_key_seals_and_all_of_them_open() {
        let (old, both, new) = (ring(&[1]), ring(&[2, 1]), ring(&[2]));
        assert_eq!(both.first(), new.first());
        let key = old.data_key(new_key(9)).expect("a key");
        assert_eq!(key.by(), old.first());
        let sealed = old.seal("hunter2", &PLACE, &key, [3; NONCE_BYTES]).expect("sealed");
        assert_eq!(opened(&both, &sealed, &key), Ok("hunter2".to_owned()));
        let lacking = OpenError::NoKey(old.first().expect("a key"));
        assert_eq!(opened(&new, &sealed, &key), Err(lacking));
        assert_eq!(both.data_key(new_key(8)).expect("a key").by(), new.first());
        let fresh = self::ring(&[2, 1]);
        let other = fresh.data_key(new_key(8)).expect("a key");
        assert_eq!(opened(&fresh, &sealed, &other), Err(OpenError::NoDataKey(key.id)));
        assert_eq!(fresh.open(&sealed, &PLACE, None), Err(OpenError::NoDataKey(key.id)));
    }

    #[test]
    fn a_data_key_that_was_opened_need_not_be_given_again() {
        let ring = ring(&[1]);
        let key = ring.data_key(new_key(9)).expect("a key");
        assert!(!ring.knows(key.id));
        let sealed = ring.seal("hunter2", &PLACE, &key, [3; NONCE_BYTES]).expect("sealed");
        assert!(ring.knows(key.id) && ring.clone().knows(key.id));
        assert_eq!(ring.open(&sealed, &PLACE, None).map(|value| value.to_string()), Ok("hunter2".to_owned()));
        for byte in 20..20 + u8::try_from(KNOWN).expect("a few") {
            let other = ring.data_key(new_key(byte)).expect("a key");
            ring.seal("x", &PLACE, &other, [3; NONCE_BYTES]).expect("sealed");
        }
        assert!(!ring.knows(key.id), "there are only so many");
    }

    #[test]
    fn what_is_sealed_anew_opens_with_the_new_key_alone() {
        let both = ring(&[2, 1]);
        let from = ring(&[1]).data_key(new_key(9)).expect("a key");
        let to = both.data_key(new_key(8)).expect("a key");
        let old = both.seal("hunter2", &PLACE, &from, [3; NONCE_BYTES]).expect("sealed");
        let new = both.reseal(&old, &PLACE, Some(&from), &to, [4; NONCE_BYTES]).expect("sealed anew");
        assert_eq!((new.key(), opened(&ring(&[2]), &new, &to)), (Some(to.id), Ok("hunter2".to_owned())));
        let elsewhere = Place { object: "secret/b", ..PLACE };
        let damaged = both.reseal(&old, &elsewhere, Some(&from), &to, [4; NONCE_BYTES]);
        assert_eq!(damaged, Err(OpenError::Damaged));
    }

    #[test]
    fn a_data_key_is_bound_to_its_id() {
        let ring = ring(&[1]);
        let key = ring.data_key(new_key(9)).expect("a key");
        let renamed = WrappedKey { id: KeyId::from([8; 8]), ..key };
        assert_eq!(ring.seal("x", &PLACE, &renamed, [3; NONCE_BYTES]), Err(OpenError::Damaged));
    }

    #[test]
    fn without_a_key_a_value_is_in_the_clear_and_opens_anywhere() {
        let none = Keyring::default();
        assert!(none.first().is_none() && none.data_key(new_key(9)).is_none());
        let sealed = Keyring::in_the_clear("hunter2");
        assert_eq!(sealed.key(), None);
        for ring in [none, ring(&[1])] {
            assert_eq!(
                ring.open(&sealed, &PLACE, None).map(|value| value.to_string()),
                Ok("hunter2".to_owned())
            );
        }
    }

    /// What is on disks already: the same bytes must open in every release.
    #[test]
    fn sealed_values_keep_their_form() {
        let ring = ring(&[1]);
        let key = ring.data_key(new_key(9)).expect("a key");
        let sealed = ring.seal("hunter2", &PLACE, &key, [3; NONCE_BYTES]).expect("sealed");
        let lines = format!("{}\n{}\n{}\n", key.id, key.sealed.to_text(), sealed.to_text());
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/sealed.txt");
        if std::env::var_os("CHRONOS_GOLDEN").is_some_and(|how| how == "write") {
            std::fs::write(&path, &lines).expect("written");
        }
        let golden = std::fs::read_to_string(&path).expect("the golden file");
        assert_eq!(lines, golden, "with CHRONOS_GOLDEN=write it is written anew");
    }
}
