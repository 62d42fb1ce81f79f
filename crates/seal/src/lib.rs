//! Sealing: how a secret is kept where others may read the disk.
//!
//! A value is sealed by a data key ([`WrappedKey`]), and that is sealed by an encryption key of the configuration
//! ([`EncryptionKey`]). Each value is bound to its place ([`Place`], and the list of all of them in `places.rs`): a sealed
//! value that is put elsewhere does not open. The cipher is XChaCha20-Poly1305, whose nonces are long enough to be drawn
//! at random.
//!
//! Nothing here draws random numbers, and nothing is read or written: nonces and new keys come from the caller.

mod key;
mod keyring;
mod place;
mod places;
mod sealed;

pub use key::{BadKey, EncryptionKey, KEY_BYTES, KeyId, WrappedKey};
pub use keyring::{Keyring, NewKey, OpenError};
pub use place::Place;
pub use places::{CredentialsError, Owner, data_key_of};
pub use sealed::{BadSealed, NONCE_BYTES, Sealed};
