//! [`Wording`]: what the texts of an operation mean, by the code that reads those of a list and of a single change.

use chronos_api::JobInput;
use chronos_engine::{self as engine, ExecutionSearch, Item, JobSearch, Schedules};
use chronos_state::{Filter, JobRow};
use chronos_types::{FieldError, Invalid, Millis};

use crate::query::Query;
use crate::{executions, job_list, jobs, operations};

/// Reads the texts of operations.
#[derive(Debug)]
pub struct Wording {
    schedules: Schedules,
}

impl Wording {
    /// Judges the times of jobs that are changed by these.
    #[must_use]
    pub fn new(schedules: Schedules) -> Self {
        Self { schedules }
    }
}

impl engine::Wording for Wording {
    fn jobs(&self, filter: &Filter) -> Result<JobSearch, Invalid> {
        read(filter, job_list::search)
    }

    fn executions(&self, filter: &Filter) -> Result<ExecutionSearch, Invalid> {
        read(filter, executions::search)
    }

    fn patched(&self, row: &JobRow, patch: &str, now: Millis) -> Result<Item, Invalid> {
        let patch = serde_json::from_str(patch).map_err(|error| Invalid::one("patch", error))?;
        let spec = jobs::patched(&self.schedules, row, &patch, now)?;
        Ok(Item { spec, resumes: JobInput::writes_enabled(&patch, true) })
    }

    fn shown(&self, patch: &str) -> String {
        operations::without_secrets(patch).to_string()
    }
}

fn read<T>(filter: &Filter, search: impl FnOnce(&mut Query) -> T) -> Result<T, Invalid> {
    let mut query = Query::of(filter.iter().map(|(name, value)| (name.clone(), value.clone())).collect());
    let found = search(&mut query);
    match query.judge() {
        Ok(()) => Ok(found),
        Err(invalid) => {
            let mut named = Invalid::default();
            for FieldError { field, message } in invalid.fields() {
                named.add(format!("filter.{field}"), message);
            }
            Err(named)
        }
    }
}
