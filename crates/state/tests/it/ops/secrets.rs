//! Secrets: written from the version that is there and from others, deleted also where jobs name them, and their keys.

use chronos_seal::{EncryptionKey, KeyId, Keyring, Owner, WrappedKey, data_key_of};
use chronos_state::{
    PutSecret, Reseal, ResealStep, Resealed, SealCursor, SecretWord, StoredScope, StoredSealed, StoredSpec,
};

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
    /// All other keys are lost.
    Lost(u8, u8),
    Fingerprints,
    Reseal(Step),
}

/// A portion that is sealed anew.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// It is not made from where it stands.
    is_elsewhere: bool,
    is_last: bool,
    /// A value could not be opened.
    leaves: bool,
    name: u8,
    /// A job, and by how many versions that is older which it says.
    job: Index,
    older: u64,
    /// It says of its values that they are in the clear.
    from_clear: bool,
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
    let few = || prop::bool::weighted(0.1);
    let step = (few(), prop::bool::weighted(0.4), few(), 0..NAMES, any::<Index>(), 0..2u64, few());
    let step = step.prop_map(|(is_elsewhere, is_last, leaves, name, job, older, from_clear)| Step {
        is_elsewhere,
        is_last,
        leaves,
        name,
        job,
        older,
        from_clear,
    });
    prop_oneof![
        2 => key().prop_map(|(encryption, id)| Secret::Key(encryption, id)),
        1 => key().prop_map(|(encryption, id)| Secret::Lost(encryption, id)),
        1 => Just(Secret::Fingerprints),
        4 => step.prop_map(Secret::Reseal),
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
        Secret::Lost(encryption, id) => SecretWord::KeyAfterLoss(support::data_key(encryption, id)),
        Secret::Fingerprints => SecretWord::Fingerprints(Keyring::in_the_clear(&at.to_string())),
        Secret::Reseal(step) => reseal(step, model, at),
        Secret::Put { name, from, sealed_by } => {
            let name = name_of(name);
            let last = model.secret_version(&name);
            let value = match sealed_by {
                None => Keyring::in_the_clear(&at.to_string()),
                Some((encryption, id)) => {
                    let key = support::data_key(encryption, id);
                    ring().seal_for(Owner::Secret(&name), &at.to_string(), &key, [id; 24]).unwrap()
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
                scope: last
                    .map(|version| StoredScope { tag: "team".into(), values: vec![version.to_string()] }),
                name,
                value,
            }))
        }
    })
}

/// The encryption keys that wrap data keys.
fn ring() -> Keyring {
    Keyring::new([0, 1].map(|byte| EncryptionKey::from([byte; 32])).into())
}

fn reseal(step: Step, model: &Model, at: Millis) -> SecretWord {
    let Step { is_elsewhere, is_last, leaves, .. } = step;
    let known = model.data_keys.iter().find(|key| Some(key.id) == model.seals);
    let cursor = model.sealing.as_ref().map(|sealing| sealing.cursor.clone()).unwrap_or_default();
    SecretWord::Reseal(Box::new(ResealStep {
        key: known.map_or(KeyId::from([9; 8]), |key| key.id),
        from: if is_elsewhere { SealCursor::Execution(at) } else { cursor },
        items: known.map(|key| items(step, model, key)).unwrap_or_default(),
        to: if is_last { SealCursor::End } else { SealCursor::Secret(at.to_string()) },
        left: u32::from(leaves),
        is_last,
    }))
}

/// A secret, a version of a job, and the key of fingerprints, as far as they are there.
fn items(step: Step, model: &Model, key: &WrappedKey) -> Vec<Reseal> {
    let Step { name, job, older, from_clear, .. } = step;
    let from = |known: Option<KeyId>| known.filter(|_| !from_clear);
    let seal = |owner: Owner<'_>| ring().seal_for(owner, "anew", key, [9; 24]).unwrap();
    let mut items = Vec::new();
    let name = name_of(name);
    if let Some((row, _)) = model.secrets().find(|(row, _)| row.name == name) {
        let (version, value) = (row.version.saturating_sub(older), seal(Owner::Secret(&name)));
        items.push(Reseal { from: from(row.value.key()), to: Resealed::Secret { name, version, value } });
    }
    if let Some(job) = pick(job, model)
        && let Some((_, spec)) = job.versions.get(&(job.version - older))
    {
        let mut webhook = Box::new(StoredSpec::of(spec).webhook);
        webhook.body = None;
        webhook.sealed = Some(StoredSealed { value: seal(Owner::Webhook(job.id)), secrets: Vec::new() });
        let (job, version) = (job.seq, job.version - older);
        let from = from(data_key_of(spec.webhook.sealed.as_ref()));
        items.push(Reseal { from, to: Resealed::Webhook { job, version, webhook } });
    }
    if let Some(known) = &model.fingerprints {
        let to = Resealed::Fingerprints(seal(Owner::Fingerprints));
        items.push(Reseal { from: from(known.key()), to });
    }
    items
}
