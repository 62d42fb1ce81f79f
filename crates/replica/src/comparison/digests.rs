//! [`Digests`]: what this node has had in the rows that were compared last.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use chronos_state::{Applied, RangeDigest};
use chronos_types::Millis;

use crate::lock::lock;
use crate::messages::payload::Compared;

/// So many are kept: those of half a minute. A node that is further behind is compared once it has caught up.
const KEPT: usize = 16;

/// The digests of this node, the oldest first. The state's thread adds to them.
#[derive(Debug, Default)]
pub(crate) struct Digests(Mutex<VecDeque<Piece>>);

/// Some rows of the state, as they were at one place of the log.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    /// The entry of the log that had them compared.
    pub index: u64,
    /// The time of that entry.
    pub at: Millis,
    pub digest: RangeDigest,
}

impl Digests {
    /// An entry was applied.
    pub(crate) fn note(&self, index: u64, applied: &Applied) {
        let Some(digest) = applied.digest.as_deref().cloned() else { return };
        let mut pieces = lock(&self.0);
        if pieces.len() == KEPT {
            pieces.pop_front();
        }
        pieces.push_back(Piece { index, at: applied.at, digest });
    }

    /// The state was replaced by another.
    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }

    /// The newest, if there is one.
    pub(crate) fn newest(&self) -> Option<Piece> {
        lock(&self.0).back().cloned()
    }

    /// The piece that an entry had compared.
    pub(crate) fn at(&self, index: u64) -> Option<Piece> {
        lock(&self.0).iter().find(|piece| piece.index == index).cloned()
    }

    /// All of them, as other nodes are told them.
    pub(crate) fn told(&self) -> Vec<Compared> {
        let told = |piece: &Piece| Compared { index: piece.index, sha256: piece.digest.sha256.clone() };
        lock(&self.0).iter().map(told).collect()
    }
}

/// What a node has told, by the entry.
pub(crate) fn by_index(told: Vec<Compared>) -> BTreeMap<u64, String> {
    told.into_iter().map(|Compared { index, sha256 }| (index, sha256)).collect()
}

impl Piece {
    /// Which rows, for people.
    pub(crate) fn rows(&self) -> String {
        let RangeDigest { before, first, .. } = &self.digest;
        match (first, before) {
            (None, None) => "all tables".to_owned(),
            (None, Some(before)) => format!("what stands before {before}"),
            (Some(first), None) => format!("{first} and what stands behind it"),
            (Some(first), Some(before)) => format!("from {first} to before {before}"),
        }
    }
}
