//! Runs that are on record and still to come. A job falls due next after those, so its next run is the first of them: in a
//! list by next run, such a job has another place than the index of due instants says.

use std::collections::HashMap;

use chronos_types::{Millis, Status, Trigger};

use super::{JobKey, JobList, JobOrder, JobPlace};
use crate::error::StateError;
use crate::reader::connection::Reader;
use crate::reader::{cost, page};
use crate::run::JobSeq;
use crate::stored::code::{Code as _, open};

/// The scheduled time of the first run to come of each job that has one on record.
#[derive(Debug, Default)]
pub(super) struct Planned(HashMap<JobSeq, Millis>);

impl Planned {
    /// Whether a job has a run to come on record.
    pub(super) fn has(&self, job: JobSeq) -> bool {
        self.0.contains_key(&job)
    }

    /// What such a job is ordered by.
    pub(super) fn key(&self, job: JobSeq) -> Option<JobKey> {
        self.0.get(&job).copied().map(JobKey::Number)
    }

    /// Where these jobs stand behind a place of a list; the last one is the first.
    pub(super) fn behind(&self, list: &JobList, after: Option<&JobPlace>) -> Vec<JobPlace> {
        let place = |(job, at): (&JobSeq, &Millis)| JobPlace { key: Some(JobKey::Number(*at)), seq: *job };
        let mut places: Vec<_> = self.0.iter().map(place).collect();
        places.retain(|place| after.is_none_or(|after| list.is_behind(place, after)));
        places.sort_unstable_by(|a, b| list.compare(b, a));
        places
    }
}

impl Reader {
    /// The runs to come that are on record, where a list goes by them. There are as many as fall due within two seconds, or
    /// within their jitter. Where very many runs are unfinished, none is looked at, and such a job stands where the run
    /// after that would have it.
    pub(super) fn planned(&self, list: &JobList) -> Result<Planned, StateError> {
        if list.order != JobOrder::NextRun || !self.few_are_open(page::MOST_COLLECTED)? {
            return Ok(Planned::default());
        }
        let sql = format!(
            "SELECT job, scheduled_time FROM executions INDEXED BY executions_open
            WHERE {open} AND status = {pending} AND trigger IN ({schedule}, {catch_up}) AND fire_at > ?1",
            open = open!(),
            pending = Status::Pending.code(),
            schedule = Trigger::Schedule.code(),
            catch_up = Trigger::CatchUp.code(),
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([list.now])?;
        let mut planned = HashMap::new();
        while let Some(row) = rows.next()? {
            let (job, at): (_, Millis) = (JobSeq::new(row.get(0)?), row.get(1)?);
            planned.entry(job).and_modify(|first: &mut Millis| *first = at.min(*first)).or_insert(at);
        }
        drop(rows);
        cost::note(&statement);
        Ok(Planned(planned))
    }
}
