//! What jobs have in common: which labels, hosts, time zones and sets there are, and how many jobs have each.

use chronos_search::{FacetKind, Search};
use chronos_state::FacetCounts;

use crate::error::ReadError;
use crate::services::Services;

/// So many are told, the commonest.
const MOST: usize = 100;

/// What jobs may have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FacetOf {
    /// A label: its key and its value.
    Tag,
    /// The host that they call.
    Host,
    /// Their time zone.
    Timezone,
    /// The set that owns them.
    Set,
}

/// Tells what jobs have in common.
#[derive(Clone, Debug)]
pub struct Facets {
    services: Services,
    search: Search,
}

impl Facets {
    /// The use case, with what it works with.
    #[must_use]
    pub fn new(services: Services, search: Search) -> Self {
        Self { services, search }
    }

    /// The commonest hundred. Hosts and time zones are counted beside the state, so some jobs may not be counted yet.
    ///
    /// # Errors
    /// Too many others ask, or the storage failed.
    pub async fn of(&self, of: FacetOf) -> Result<FacetCounts, ReadError> {
        Ok(match of {
            FacetOf::Tag => self.services.store.query(|reader| reader.common_tags(MOST)).await?,
            FacetOf::Set => self.services.store.query(|reader| reader.common_sets(MOST)).await?,
            FacetOf::Host => self.search.common(FacetKind::Host, MOST).await,
            FacetOf::Timezone => self.search.common(FacetKind::Timezone, MOST).await,
        })
    }
}
