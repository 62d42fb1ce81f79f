//! All use cases of a node, for those who serve them to people and programs.

use std::sync::Arc;

use chronos_search::Search;

use crate::access::{KeyRing, Keys};
use crate::audit::Audit;
use crate::cluster::Cluster;
use crate::events::Events;
use crate::executions::Executions;
use crate::facets::Facets;
use crate::jobs::Jobs;
use crate::operations::{Operations, Wording};
use crate::readiness::Readiness;
use crate::schedules::Schedules;
use crate::secrets::Secrets;
use crate::services::Services;
use crate::statistics::Statistics;
use crate::timetable::TimetableHandle;
use crate::upcoming::Upcoming;

/// The use cases, by subject. Whatever a client reads or writes goes through one of them.
#[derive(Debug)]
pub struct Engine {
    /// Of jobs and their versions.
    pub jobs: Jobs,
    /// Of executions.
    pub executions: Executions,
    /// Of what jobs have in common.
    pub facets: Facets,
    /// Of what happens.
    pub events: Events,
    /// Of operations on many jobs or executions.
    pub operations: Operations,
    /// Of named secrets.
    pub secrets: Secrets,
    /// Of schedules that no job has yet.
    pub schedules: Schedules,
    /// Of runs to come.
    pub upcoming: Upcoming,
    /// Of what was done.
    pub statistics: Statistics,
    /// Of who may ask.
    pub keys: Keys,
    /// Of who has changed what.
    pub audit: Audit,
    /// Of the nodes, and of all they remember.
    pub cluster: Cluster,
    /// Of this node.
    pub readiness: Readiness,
}

impl Engine {
    /// The use cases, with what they work with.
    #[must_use]
    #[expect(clippy::too_many_arguments, reason = "each is a part of a node, and none belongs to another")]
    pub fn new(
        services: &Services,
        timetable: TimetableHandle,
        events: Events,
        cluster: Cluster,
        readiness: Readiness,
        search: Search,
        wording: Arc<dyn Wording>,
        ring: KeyRing,
    ) -> Self {
        let jobs = Jobs::new(services.clone(), search.clone());
        let executions = Executions::new(services.clone(), search.clone());
        let operations = Operations::new(services.clone(), jobs.clone(), executions.clone(), wording);
        Self {
            jobs,
            executions,
            facets: Facets::new(services.clone(), search),
            events,
            operations,
            secrets: Secrets::new(services.clone()),
            schedules: Schedules::new(services.clone()),
            upcoming: Upcoming::new(services.clone(), timetable),
            statistics: Statistics::new(services.clone()),
            keys: Keys::new(services.clone(), ring),
            audit: Audit::new(services.clone()),
            cluster,
            readiness,
        }
    }
}
