//! Where a sealed value belongs.

use crate::KeyId;

/// What each text begins with that values are bound to. Another form needs another word.
const DOMAIN: &[u8] = b"chronos seal 1";

/// Where a value belongs: the object that has it, and the field of that object. The cluster is bound by the data key,
/// which each cluster draws for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The object, by a name that never changes: `secret/github`.
    pub object: &'a str,
    /// The field of the object.
    pub field: &'a str,
}

impl Place<'_> {
    /// The associated data of the cipher. Each part has its length before it, so that no two places have the same.
    pub(crate) fn bytes(&self, key: KeyId) -> Vec<u8> {
        let Self { object, field } = self;
        let mut bytes = DOMAIN.to_vec();
        for part in [key.as_bytes().as_slice(), object.as_bytes(), field.as_bytes()] {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_places_are_the_same() {
        let key = |byte| KeyId::from([byte; 8]);
        let places = [
            Place { object: "secret/a", field: "value" },
            Place { object: "secret/av", field: "alue" },
            Place { object: "secret/", field: "avalue" },
            Place { object: "secret/avalue", field: "" },
            Place { object: "", field: "secret/avalue" },
        ];
        let mut seen = std::collections::BTreeSet::new();
        for place in places {
            for key in [key(1), key(2)] {
                assert!(seen.insert(place.bytes(key)), "{place:?}");
            }
        }
    }
}
