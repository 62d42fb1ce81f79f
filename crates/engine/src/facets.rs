//! What jobs have in common: which labels, hosts, time zones and sets there are, and how many jobs have each.

use std::collections::BTreeMap;

use chronos_search::{FacetKind, Search};
use chronos_state::{Facet, FacetCounts, Reader, StateError};
use chronos_types::{Scope, TargetUrl};

use crate::error::ReadError;
use crate::services::Services;

/// So many are told, the commonest.
const MOST: usize = 100;
/// So many jobs of a scope are looked at for their hosts or time zones: some tenths of a second.
const LOOKED_AT: usize = 20_000;

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

    /// The commonest hundred, of the jobs of a scope. Hosts and time zones are counted beside the state, so some jobs may
    /// not be counted yet.
    ///
    /// # Errors
    /// Too many others ask, or the storage failed.
    pub async fn of(&self, scope: &Scope, of: FacetOf) -> Result<FacetCounts, ReadError> {
        let within = scope.clone();
        Ok(match of {
            FacetOf::Tag => {
                self.services.store.query(move |reader| reader.common_tags(&within, MOST)).await?
            }
            FacetOf::Set => {
                self.services.store.query(move |reader| reader.common_sets(&within, MOST)).await?
            }
            FacetOf::Host | FacetOf::Timezone if !scope.is_all() => {
                self.services.store.query(move |reader| texts_in(reader, &within, of)).await?
            }
            FacetOf::Host => self.search.common(FacetKind::Host, MOST).await,
            FacetOf::Timezone => self.search.common(FacetKind::Timezone, MOST).await,
        })
    }
}

/// The hosts or the time zones of the jobs of a scope. The file of the search counts those of all jobs alone, so these are
/// read from the record.
fn texts_in(reader: &Reader, scope: &Scope, of: FacetOf) -> Result<FacetCounts, StateError> {
    let Some(limit) = scope.limit() else { return Ok(FacetCounts::default()) };
    let (jobs, is_complete) = reader.jobs_in(limit, LOOKED_AT)?;
    let mut counts = BTreeMap::<String, u64>::new();
    for job in jobs {
        let text = reader.job_texts(job, |_, texts| match of {
            FacetOf::Host => TargetUrl::parse(&texts.url).ok().map(|url| url.host().to_owned()),
            _ => Some(texts.timezone.to_string()),
        })?;
        if let Some(text) = text.flatten().filter(|text| !text.is_empty()) {
            *counts.entry(text).or_default() += 1;
        }
    }
    let mut facets: Vec<_> =
        counts.into_iter().map(|(value, jobs)| Facet { key: None, value, jobs }).collect();
    facets.sort_by_key(|facet| std::cmp::Reverse(facet.jobs));
    facets.truncate(MOST);
    Ok(FacetCounts { facets, is_complete })
}
