//! The stored form of who asked for something, in proposals, outcomes and details of executions. `serde(with)` can name
//! this module for a value that may be absent.

use std::borrow::{Borrow, Cow};

use chronos_types::{Actor, ActorKind, By, Note};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Who asked, and what they said.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredBy<'a> {
    kind: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<Cow<'a, str>>,
}

impl<'a> From<&'a By> for StoredBy<'a> {
    fn from(by: &'a By) -> Self {
        let By { actor: Actor { kind, id, name, address }, note } = by;
        Self {
            kind: kind.as_str().into(),
            id: id.as_deref().map(Cow::from),
            name: name.as_deref().map(Cow::from),
            address: address.map(|address| address.to_string()),
            note: note.as_ref().map(|note| note.as_str().into()),
        }
    }
}

impl StoredBy<'_> {
    /// What it says, or why that cannot be read.
    fn read(self) -> Result<By, String> {
        let Self { kind, id, name, address, note } = self;
        let actor = Actor {
            kind: ActorKind::parse(&kind)?,
            id: id.map(Cow::into_owned),
            name: name.map(Cow::into_owned),
            address: address
                .map(|text| text.parse().map_err(|_| format!("{text:?} is not an address")))
                .transpose()?,
        };
        Ok(By { actor, note: note.map(|note| Note::unchecked(note.into_owned())) })
    }
}

/// About how many bytes it takes.
pub(crate) fn weight(by: &By) -> usize {
    let By { actor: Actor { kind: _, id, name, address: _ }, note } = by;
    let texts = [id.as_deref(), name.as_deref(), note.as_ref().map(Note::as_str)];
    100 + texts.into_iter().flatten().map(str::len).sum::<usize>()
}

/// Writes a value that may be absent.
pub(crate) fn serialize<B: Borrow<By>, S: Serializer>(
    by: &Option<B>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    by.as_ref().map(|by| StoredBy::from(by.borrow())).serialize(serializer)
}

/// Reads a value that may be absent.
pub(crate) fn deserialize<'de, B: From<By>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<B>, D::Error> {
    let stored = Option::<StoredBy<'_>>::deserialize(deserializer)?;
    stored.map(|stored| stored.read().map(B::from).map_err(D::Error::custom)).transpose()
}
