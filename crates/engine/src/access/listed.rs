//! [`ListedKey`]: a key as it is shown.

use std::collections::BTreeMap;

use chronos_state::{AccessRecord, ConfiguredKey, DeniedKey, KeyRow, NodeKeys};
use chronos_types::{By, KeyId, KeyName, Millis, NodeName, Role};

/// Where a key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// It was made by the API.
    Api,
    /// It is in the configurations of these nodes.
    Configuration(Vec<NodeName>),
}

/// A key as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedKey {
    /// The key.
    pub id: KeyId,
    /// What people call it.
    pub name: KeyName,
    /// What it may do.
    pub role: Role,
    /// Where it comes from.
    pub source: KeySource,
    /// When it was made, where it was made by the API.
    pub created_at: Option<Millis>,
    /// Who made it, where that is known.
    pub created_by: Option<By>,
    /// When it ends by itself.
    pub expires_at: Option<Millis>,
    /// At most so many requests a second, to each node.
    pub per_second: Option<u32>,
    /// What it is limited to, sorted; all where there is nothing.
    pub scope: Vec<String>,
    /// The beginning of the hour in which it was used last, where it was.
    pub last_used: Option<Millis>,
    /// When it was ended, if it was.
    pub revoked_at: Option<Millis>,
    /// Who ended it, where that is known.
    pub revoked_by: Option<By>,
}

/// All keys: those that the API made, the oldest first, and those of configurations behind them. `mine` is what this
/// node's configuration has, which may not be on record yet.
pub(super) fn listed(record: AccessRecord, mine: NodeKeys, uses: &BTreeMap<KeyId, Millis>) -> Vec<ListedKey> {
    let AccessRecord { keys, denied, sessions: _, mut nodes } = record;
    nodes.retain(|node| node.node != mine.node);
    nodes.push(mine);
    let made = keys.into_iter().map(|key| {
        let KeyRow { id, name, role, hash: _, created_at, expires_at, per_second, scope, .. } = key;
        let (created_at, last_used) = (Some(created_at), uses.get(&id).copied());
        ListedKey {
            id,
            name,
            role,
            source: KeySource::Api,
            created_at,
            created_by: key.created_by,
            expires_at,
            per_second,
            scope: scope.into_iter().flat_map(|scope| scope.0).collect(),
            last_used,
            revoked_at: key.revoked_at,
            revoked_by: key.revoked_by,
        }
    });
    let mut configured = BTreeMap::<KeyId, (ConfiguredKey, Vec<NodeName>)>::new();
    for NodeKeys { node, asks: _, scope_tag: _, keys } in nodes {
        for key in keys {
            configured.entry(key.id).or_insert_with(|| (key, Vec::new())).1.push(node.clone());
        }
    }
    let configured = configured.into_values().map(|(key, mut nodes)| {
        let ConfiguredKey { id, name, role, expires_at, per_second, scope } = key;
        nodes.sort_unstable();
        let (revoked_at, revoked_by) = match denied.get(&id) {
            Some(DeniedKey { at, by }) => (Some(*at), by.clone()),
            None => (None, None),
        };
        ListedKey {
            id,
            name: KeyName::unchecked(name),
            role,
            source: KeySource::Configuration(nodes),
            created_at: None,
            created_by: None,
            expires_at,
            per_second,
            scope,
            last_used: uses.get(&id).copied(),
            revoked_at,
            revoked_by,
        }
    });
    made.chain(configured).collect()
}
