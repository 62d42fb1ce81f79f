//! What jobs have in common: the commonest labels, and the sets that own most.

use chronos_types::Scope;
use rusqlite::params_from_iter;

use super::connection::Reader;
use super::cost;
use super::page::Values;
use crate::command::SETS_SINCE;
use crate::error::StateError;
use crate::schema;

/// So many labels of jobs are looked at. Some tenths of a second.
pub(super) const LOOKED_AT: u64 = 1_000_000;

/// Something that jobs have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facet {
    /// The key of a label; none where it is something else.
    pub key: Option<String>,
    /// Its value.
    pub value: String,
    /// How many jobs have it.
    pub jobs: u64,
}

/// The commonest of something that jobs have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FacetCounts {
    /// The commonest first.
    pub facets: Vec<Facet>,
    /// Whether all jobs were looked at.
    pub is_complete: bool,
}

impl Reader {
    /// The labels that most jobs of a scope carry, at most so many.
    ///
    /// # Errors
    /// The storage failed.
    pub fn common_tags(&self, scope: &Scope, most: usize) -> Result<FacetCounts, StateError> {
        let Some(limit) = scope.limit() else { return self.common_tags_of(LOOKED_AT, most) };
        let mut values = Values::default();
        let jobs = Self::counted_in(limit, &mut values);
        let sql = format!(
            "SELECT t.key, t.value, count(*) FROM {jobs} CROSS JOIN tags t INDEXED BY tags_job ON t.seq = c.seq
            GROUP BY t.key, t.value"
        );
        self.common(&sql, values, LOOKED_AT, most)
    }

    /// The sets that own most jobs of a scope, at most so many. There is none before the version of the cluster that brings
    /// sets.
    ///
    /// # Errors
    /// The storage failed.
    pub fn common_sets(&self, scope: &Scope, most: usize) -> Result<FacetCounts, StateError> {
        if schema::version(&self.connection)? < SETS_SINCE {
            return Ok(FacetCounts { facets: Vec::new(), is_complete: true });
        }
        let mut values = Values::default();
        let sql = match scope.limit() {
            None => "SELECT NULL, name, count(*) FROM job_sets GROUP BY name".to_owned(),
            Some(limit) => format!(
                "SELECT NULL, s.name, count(*) FROM {} CROSS JOIN job_sets s ON s.job = c.seq GROUP BY s.name",
                Self::counted_in(limit, &mut values)
            ),
        };
        self.common(&sql, values, LOOKED_AT, most)
    }

    /// The commonest of so many labels of jobs.
    pub(super) fn common_tags_of(&self, looked_at: u64, most: usize) -> Result<FacetCounts, StateError> {
        let sql = "SELECT key, value, count(*) FROM tags GROUP BY key, value";
        self.common(sql, Values::default(), looked_at, most)
    }

    /// The commonest of what a statement counts. Of all jobs it is in the order of an index, and nothing is sorted.
    fn common(
        &self,
        sql: &str,
        values: Values,
        looked_at: u64,
        most: usize,
    ) -> Result<FacetCounts, StateError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(values.0))?;
        let (mut common, mut total, mut is_complete) = (Commonest::new(most), 0, true);
        while let Some(row) = rows.next()? {
            if total >= looked_at {
                is_complete = false;
                break;
            }
            let jobs = row.get(2)?;
            total += jobs;
            if common.has_place_for(jobs) {
                common.add(Facet { key: row.get(0)?, value: row.get(1)?, jobs });
            }
        }
        drop(rows);
        cost::note(&statement);
        Ok(FacetCounts { facets: common.0, is_complete })
    }
}

/// The commonest of those that were added, the commonest first.
struct Commonest(Vec<Facet>, usize);

impl Commonest {
    fn new(most: usize) -> Self {
        Self(Vec::new(), most)
    }

    fn has_place_for(&self, jobs: u64) -> bool {
        self.0.len() < self.1 || self.0.last().is_some_and(|last| last.jobs < jobs)
    }

    /// Adds one behind those that are as common.
    fn add(&mut self, facet: Facet) {
        let at = self.0.partition_point(|other| other.jobs >= facet.jobs);
        self.0.insert(at, facet);
        self.0.truncate(self.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::sample;

    #[test]
    fn the_commonest_are_listed_and_no_more() {
        let (_directory, reader) = sample::reader();
        let FacetCounts { facets, is_complete } = reader.common_tags(&Scope::all(), 100).expect("the tags");
        assert!(is_complete);
        assert_eq!(facets.len(), 100);
        let half =
            Facet { key: Some("half".into()), value: "yes".into(), jobs: sample::JOBS.unsigned_abs() / 2 };
        assert_eq!(facets[0], half);
        assert!(facets[1..].iter().all(|facet| facet.key.as_deref() == Some("team") && facet.jobs == 100));
        assert!(facets.is_sorted_by(|a, b| (b.jobs, &a.value) <= (a.jobs, &b.value)));
    }

    #[test]
    fn of_very_many_tags_so_many_are_counted() {
        let (_directory, reader) = sample::reader();
        let FacetCounts { facets, is_complete } = reader.common_tags_of(12_000, 3).expect("the tags");
        assert!(!is_complete);
        assert_eq!(facets.len(), 1, "the first of them alone has as many jobs: {facets:?}");
        assert_eq!(LOOKED_AT, 1_000_000);
    }
}
