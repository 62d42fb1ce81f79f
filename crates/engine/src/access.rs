//! Who may ask: keys of the API, sessions of browsers, and what each may do.
//!
//! What is on record of them is kept in memory on each node ([`KeyRing`]), so that no request waits for the state.
//! [`KeyKeeper`] reads it again whenever it changes; [`KeyTeller`] puts on record what nodes know of keys. The use cases
//! are [`Keys`].

mod differences;
mod keeper;
mod keys;
mod listed;
mod principal;
mod rate;
mod ring;
mod teller;

pub use keeper::KeyKeeper;
pub use keys::{Begun, Judged, Keys, MAX_TOKEN_BYTES, MadeKey, NewKey, SESSION_LASTS_MS};
pub use listed::{KeySource, ListedKey};
pub use principal::Principal;
pub use ring::{KeyRing, OwnKey};
pub use teller::KeyTeller;

pub(crate) use differences::differences;
