//! Secrets: written from the version that is there and from others, deleted also where jobs name them, and their keys.

use chronos_seal::{EncryptionKey, Keyring};
use chronos_state::{PutSecret, SecretWord};

use super::*;

/// So many names there are, few enough that jobs meet them.
const NAMES: u8 = 3;

#[derive(Clone, Copy, Debug)]
pub(super) enum Secret {
    /// Of so many encryption keys, and of so many data keys.
    Key(u8, u8),
    Put {
        name: u8,
        from: Origin,
        /// The data key that it is sealed by; where there is none, it is in the clear.
        sealed_by: Option<(u8, u8)>,
    },
    Delete(u8),
}

/// The version that a secret is written from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    TheLast,
    Nothing,
    Another,
}

pub(super) fn secret() -> impl Strategy<Value = Secret> {
    let key = || (0..2u8, 0..3u8);
    let from = prop::sample::select(vec![
        Origin::TheLast,
        Origin::TheLast,
        Origin::TheLast,
        Origin::Nothing,
        Origin::Another,
    ]);
    prop_oneof![
        1 => key().prop_map(|(encryption, id)| Secret::Key(encryption, id)),
        4 => (0..NAMES, from, weighted(0.5, key()))
            .prop_map(|(name, from, sealed_by)| Secret::Put { name, from, sealed_by }),
        2 => (0..NAMES).prop_map(Secret::Delete),
    ]
}

/// The names that jobs come to have, or none.
pub(super) fn named() -> impl Strategy<Value = Option<u8>> {
    weighted(0.8, 0..NAMES)
}

pub(super) fn name_of(number: u8) -> String {
    format!("s{number}")
}

pub(super) fn command(secret: Secret, model: &Model, at: Millis) -> Command {
    Command::Secret(match secret {
        Secret::Key(encryption, id) => SecretWord::Key(support::data_key(encryption, id)),
        Secret::Delete(name) => SecretWord::Delete { name: name_of(name) },
        Secret::Put { name, from, sealed_by } => {
            let name = name_of(name);
            let last = model.secret_version(&name);
            let value = match sealed_by {
                None => Keyring::in_the_clear(&at.to_string()),
                Some((encryption, id)) => {
                    let ring = Keyring::new(vec![EncryptionKey::from([encryption; 32])]);
                    let key = support::data_key(encryption, id);
                    ring.seal_secret(&name, &at.to_string(), &key, [id; 24]).unwrap()
                }
            };
            SecretWord::Put(Box::new(PutSecret {
                from_version: match from {
                    Origin::TheLast => last,
                    Origin::Nothing => None,
                    Origin::Another => Some(last.unwrap_or_default() + 1),
                },
                description: last.map(|version| version.to_string()).unwrap_or_default(),
                hosts: vec!["h".into(), format!("*.{at}")],
                name,
                value,
            }))
        }
    })
}
