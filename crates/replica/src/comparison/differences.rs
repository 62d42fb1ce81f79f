//! [`Differences`]: what came of comparing the state of this node with those of the others.

use std::collections::BTreeMap;
use std::sync::Mutex;

use chronos_types::{Millis, NodeName, format_rfc3339};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::digests::Piece;
use crate::lock::lock;

/// The key of the note in the state of a node that is not that of most nodes. It stands in the state itself: so it
/// outlasts a restart, goes where a copy of that state goes, and is gone when the state is replaced by another.
pub(crate) const DIFFERENCE: &str = "raft.difference";

/// Where two states were found to differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Difference {
    /// The entry of the log that had them compared.
    pub index: u64,
    /// The time of that entry.
    pub at: Millis,
    /// Which rows, for people.
    pub rows: String,
}

/// What is known of the states of the members.
#[derive(Debug, Default)]
pub(crate) struct Differences {
    /// That the state of this node is not that of most nodes.
    own: watch::Sender<Option<Difference>>,
    /// The members whose state is another one than that of this node, by their raft ids.
    others: Mutex<BTreeMap<u64, Other>>,
}

/// A member whose state is not that of this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Other {
    pub name: NodeName,
    pub difference: Difference,
    /// Whether most nodes have what this node has.
    pub is_decided: bool,
}

impl Difference {
    pub(crate) fn of(piece: &Piece) -> Self {
        Self { index: piece.index, at: piece.at, rows: piece.rows() }
    }

    /// Where it was found, for people.
    fn found(&self) -> String {
        let Self { index, at, rows } = self;
        format!("was found at log entry {index} ({}, {rows})", format_rfc3339(*at))
    }

    /// That the state of the node of this name is not that of most nodes.
    pub(crate) fn sentence(&self, name: &NodeName) -> String {
        format!(
            "the state of {name} is not that of most nodes, as {}: {name} fires nothing and does not lead; remove it \
             (DELETE /api/v1/cluster/nodes/{name}), empty its cluster.data_dir and have it join anew",
            self.found()
        )
    }
}

impl Other {
    /// What is wrong, as `own` sees it.
    pub(crate) fn sentence(&self, own: &NodeName) -> String {
        let Self { name, difference, is_decided } = self;
        if *is_decided {
            return difference.sentence(name);
        }
        format!(
            "the states of {own} and {name} differ, as {}; no majority says which of them is right, so both go on: \
             see \"When states differ\" in docs/cluster.md",
            difference.found()
        )
    }
}

impl Differences {
    /// Whether the state of this node is not that of most nodes.
    pub(crate) fn differs(&self) -> bool {
        self.own.borrow().is_some()
    }

    /// Sets whether it is not, and where that was found.
    pub(crate) fn set(&self, difference: Option<Difference>) {
        self.own.send_replace(difference);
    }

    /// Notes a member whose state is another one. Says whether that is news.
    pub(crate) fn note(&self, id: u64, other: Other) -> bool {
        let mut others = lock(&self.others);
        let is_news = others.get(&id).is_none_or(|known| other.is_decided && !known.is_decided);
        if is_news {
            others.insert(id, other);
        }
        is_news
    }

    /// Forgets those that are no members any more.
    pub(crate) fn keep(&self, is_member: impl Fn(u64) -> bool) {
        lock(&self.others).retain(|id, _| is_member(*id));
    }

    /// That the state of a member is not that of most nodes, as `own` sees it.
    pub(crate) fn against(&self, id: u64, own: &NodeName) -> Option<String> {
        lock(&self.others).get(&id).filter(|other| other.is_decided).map(|other| other.sentence(own))
    }

    /// Whether that is so of the member of this name.
    pub(crate) fn is_against(&self, name: &NodeName) -> bool {
        lock(&self.others).values().any(|other| other.is_decided && other.name == *name)
    }

    /// What keeps the node of this name, which is this one, from firing and leading.
    pub(crate) fn obstacle(&self, name: &NodeName) -> Option<String> {
        self.own.borrow().as_ref().map(|difference| difference.sentence(name))
    }

    /// What is wrong with the states, as this node, of this name, knows: a sentence each.
    pub(crate) fn problems(&self, name: &NodeName) -> Vec<String> {
        // Who stands against most nodes says nothing of them.
        if let Some(obstacle) = self.obstacle(name) {
            return vec![obstacle];
        }
        lock(&self.others).values().map(|other| other.sentence(name)).collect()
    }

    /// How many members differ from this node, itself counted where it stands against most.
    pub(crate) fn count(&self) -> usize {
        if self.differs() { 1 } else { lock(&self.others).len() }
    }
}
