//! Who asked for something, as clients read it.

use chronos_types::{self as domain, Note};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who asked for something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Actor {
    /// `anonymous` (a client that does not say who it is), `system` (Chronos itself) or `key` (a key of the API).
    #[schema(example = "anonymous")]
    pub kind: String,
    /// Its identifier, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The address that a client asked from. Behind a proxy it is that of the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "192.0.2.7")]
    pub address: Option<String>,
}

impl From<&domain::Actor> for Actor {
    fn from(actor: &domain::Actor) -> Self {
        let domain::Actor { kind, id, name, address } = actor;
        Self {
            kind: kind.as_str().to_owned(),
            id: id.clone(),
            name: name.clone(),
            address: address.map(|address| address.to_string()),
        }
    }
}

/// Who, and what they said (`Chronos-Note`), each where it is known.
pub(crate) fn shown(by: Option<&domain::By>) -> (Option<Actor>, Option<String>) {
    let note = by.and_then(|by| by.note.as_ref()).map(Note::as_str);
    (by.map(|by| Actor::from(&by.actor)), note.map(str::to_owned))
}
