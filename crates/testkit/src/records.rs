//! What is on record, held against the instants that were due.

use std::collections::{HashMap, HashSet};

use chronos_client::api::Execution;

/// RFC 3339 as milliseconds since the Unix epoch.
#[must_use]
#[track_caller]
pub fn instant(text: &str) -> i64 {
    let timestamp: jiff::Timestamp = text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"));
    timestamp.as_millisecond()
}

/// Executions by the job and the instant that they are of.
#[derive(Debug)]
pub struct Records {
    ids: HashSet<String>,
    by_instant: HashMap<(String, i64), Vec<Execution>>,
}

/// What was found of the instants that were due. Each list names what is wrong.
#[derive(Debug, Default)]
pub struct Due {
    /// How many there were.
    pub count: usize,
    /// Instants whose record is a success.
    pub succeeded: usize,
    /// Instants without a record.
    pub unrecorded: Vec<String>,
    /// Instants with several records.
    pub doubled: Vec<String>,
    /// Records that are no success.
    pub unsuccessful: Vec<Execution>,
    /// Successes of which the target knows nothing.
    pub undelivered: Vec<Execution>,
}

impl Records {
    /// Of all that is on record.
    #[must_use]
    pub fn of(executions: Vec<Execution>) -> Self {
        let ids = executions.iter().map(|execution| execution.id.clone()).collect();
        let mut by_instant: HashMap<_, Vec<_>> = HashMap::new();
        for execution in executions {
            let key = (execution.job_name.clone(), instant(&execution.scheduled_time));
            by_instant.entry(key).or_default().push(execution);
        }
        Self { ids, by_instant }
    }

    /// Whether this execution is on record.
    #[must_use]
    pub fn know(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// Takes out the records of these instants of a job: each has one, which is a success that the target
    /// got, as `is_delivered` says.
    pub fn check(
        &mut self,
        job: &str,
        instants: impl IntoIterator<Item = i64>,
        is_delivered: impl Fn(&Execution) -> bool,
        due: &mut Due,
    ) {
        for at in instants {
            due.count += 1;
            let records = self.by_instant.remove(&(job.to_owned(), at)).unwrap_or_default();
            match records.len() {
                0 => due.unrecorded.push(format!("{job} at {at}")),
                1 => {}
                more => due.doubled.push(format!("{job} at {at}: {more} records")),
            }
            for record in records {
                if record.status != "success" {
                    due.unsuccessful.push(record);
                } else if is_delivered(&record) {
                    due.succeeded += 1;
                } else {
                    due.undelivered.push(record);
                }
            }
        }
    }

    /// The jobs and instants whose records were not taken out.
    pub fn left(&self) -> impl Iterator<Item = (&str, i64)> {
        self.by_instant.keys().map(|(job, at)| (job.as_str(), *at))
    }
}
