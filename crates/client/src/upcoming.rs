//! What is to run.

use chronos_api::{Density, UpcomingRuns};

use crate::path::path;
use crate::{Client, DensityQuery, Error, UpcomingQuery};

impl Client {
    /// How many runs there are to come, by step of time.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn schedule_density(&self, query: &DensityQuery) -> Result<Density, Error> {
        self.get(&query.query().of(path(&["schedules", "density"]))).await
    }

    /// The runs that come next, of all jobs or of one.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn upcoming_runs(&self, query: &UpcomingQuery) -> Result<UpcomingRuns, Error> {
        self.get(&query.query().of(path(&["runs", "upcoming"]))).await
    }
}
