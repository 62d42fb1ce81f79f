//! [`Principal`]: who sends a request, and what they may do.

use std::net::IpAddr;

use chronos_types::{By, KeyId, KeyName, Note, Role, Scope};

use super::ring::KeyRing;

/// Who sends a request, and what they may do.
#[derive(Clone, Debug)]
pub struct Principal {
    known: Option<Known>,
    role: Role,
    scope: Scope,
}

/// A key, perhaps by a session of it.
#[derive(Clone, Debug)]
struct Known {
    id: KeyId,
    name: KeyName,
    session: Option<KeyId>,
    ring: KeyRing,
}

impl Principal {
    /// Anybody, where nobody is asked who they are: they may do all.
    #[must_use]
    pub fn anybody() -> Self {
        Self { known: None, role: Role::Admin, scope: Scope::all() }
    }

    /// Somebody who has not said who they are, on a page that is open to all.
    #[must_use]
    pub fn nobody() -> Self {
        Self { known: None, role: Role::Viewer, scope: Scope::all() }
    }

    /// A key, by a session where one is given.
    pub(super) fn key(
        id: KeyId,
        name: KeyName,
        (role, scope): (Role, Scope),
        session: Option<KeyId>,
        ring: KeyRing,
    ) -> Self {
        Self { known: Some(Known { id, name, session, ring }), role, scope }
    }

    /// What they may do.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Whether they may do what a role may.
    #[must_use]
    pub fn may(&self, role: Role) -> bool {
        self.role >= role
    }

    /// What they may see.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The key, where it is one.
    #[must_use]
    pub fn as_key(&self) -> Option<(KeyId, &KeyName)> {
        self.known.as_ref().map(|known| (known.id, &known.name))
    }

    /// The session, where it asks by one.
    #[must_use]
    pub fn session(&self) -> Option<KeyId> {
        self.known.as_ref().and_then(|known| known.session)
    }

    /// The idempotency key of a request, told from that of others who say the same: theirs are no business of this one.
    /// A session says it for its key.
    #[must_use]
    pub fn idempotency_key(&self, said: &str) -> String {
        match &self.known {
            None => said.to_owned(),
            // No client can say a tab.
            Some(Known { id, .. }) => format!("{id}\t{said}"),
        }
    }

    /// As it is put on record: from an address, with what they say.
    #[must_use]
    pub fn by(&self, address: Option<IpAddr>, note: Option<Note>) -> By {
        match &self.known {
            None => By::anonymous(address, note),
            Some(Known { id, name, .. }) => By::key(*id, name, address, note),
        }
    }

    /// Resolves once they may ask no more: their key or their session was ended, or has expired. Of anybody, never.
    pub async fn ended(self) {
        match self.known {
            None => std::future::pending().await,
            Some(Known { id, session, ring, .. }) => ring.ended(id, session).await,
        }
    }
}
