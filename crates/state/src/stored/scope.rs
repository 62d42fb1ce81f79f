//! The stored form of a scope.

use chronos_types::{KeyScope, Scope};
use serde::{Deserialize, Serialize};

/// The jobs whose tag of one name has one of some values, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredScope {
    /// The name of the tag.
    pub tag: String,
    /// The values, sorted.
    pub values: Vec<String>,
}

impl StoredScope {
    /// Of a scope; none where that is all jobs.
    #[must_use]
    pub fn of(scope: &Scope) -> Option<Self> {
        let limit = scope.limit()?;
        Some(Self { tag: limit.tag().to_owned(), values: limit.values().iter().cloned().collect() })
    }

    /// The scope that it is; all jobs where nothing is said.
    #[must_use]
    pub fn read(stored: Option<&Self>) -> Scope {
        let Some(Self { tag, values }) = stored else { return Scope::all() };
        Scope::of(Some(tag), KeyScope(values.iter().cloned().collect()))
    }

    /// Bytes of its texts.
    pub(crate) fn weight(&self) -> usize {
        40 + self.tag.len() + self.values.iter().map(|value| 5 + value.len()).sum::<usize>()
    }
}
