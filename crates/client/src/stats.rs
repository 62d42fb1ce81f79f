//! What was done, and what fails now.

use chronos_api::{FailingGroups, Statistics};

use crate::path::{Query, path};
use crate::{Client, Error, StatsQuery};

impl Client {
    /// What was done, of all jobs or of one, by step of time.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn statistics(&self, query: &StatsQuery) -> Result<Statistics, Error> {
        self.get(&query.query().of(path(&["stats"]))).await
    }

    /// The jobs that fail now, those together that fail alike; at most so many groups.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn failures(&self, limit: Option<u32>) -> Result<FailingGroups, Error> {
        let query = Query::default().with("limit", limit.map(|limit| limit.to_string()));
        self.get(&query.of(path(&["failures"]))).await
    }
}
