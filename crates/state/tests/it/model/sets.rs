//! What the naive machine makes of jobs that are written together, and of sets.

use super::*;

/// So many applies of a set are remembered.
const APPLIES: usize = 16;

impl Model {
    pub(super) fn put_jobs(&mut self, puts: &PutJobs, by: Option<&By>) -> Outcome {
        let PutJobs { set, items } = puts;
        if let Some(item) = items.iter().position(|item| !self.is_as_read(item, set.as_ref())) {
            return refuse(Refusal::Stale { item });
        }
        let apply = set.as_ref().map_or(0, |set| self.number(set));
        let mut jobs = Vec::new();
        for item in items {
            let (seq, outcome) = match item {
                PutItem::Refused => {
                    jobs.push(PutOutcome::Refused);
                    continue;
                }
                PutItem::Keep { job, version } => (*job, PutOutcome::Unchanged(*version)),
                PutItem::Put(put) => match self.put(put, by) {
                    Outcome::Job { seq, version: 1, .. } => (seq, PutOutcome::Created),
                    Outcome::Job { seq, version, .. } => (seq, PutOutcome::Changed(version)),
                    other => panic!("it was as it was read: {other:?}"),
                },
            };
            let is_taken_over = set.as_ref().is_some_and(|set| self.own(seq, &set.name, apply));
            jobs.push(match outcome {
                PutOutcome::Unchanged(version) if is_taken_over => PutOutcome::Changed(version),
                other => other,
            });
        }
        if let Some(set) = set {
            self.forget_set_if_empty(&set.name);
        }
        Outcome::Jobs { jobs }
    }

    fn is_as_read(&self, item: &PutItem, set: Option<&SetOwner>) -> bool {
        let job = match item {
            PutItem::Refused => return true,
            PutItem::Keep { job, version } => {
                self.live().find(|live| (live.seq, live.version) == (*job, *version))
            }
            PutItem::Put(put) => {
                let named = self.live().find(|job| job.spec().name.as_str() == put.spec.name);
                if put.from_version.is_none() {
                    return named.is_none() && self.jobs.values().all(|job| job.id != put.id);
                }
                let job = self.live().find(|job| job.id == put.id && Some(job.version) == put.from_version);
                job.filter(|job| named.is_none_or(|named| named.seq == job.seq))
            }
        };
        let owned = |job: &Job, set: &SetOwner| job.set.as_ref().is_some_and(|(name, _)| *name == set.name);
        job.is_some_and(|job| set.is_none_or(|set| set.adopt || owned(job, set)))
    }

    fn number(&mut self, set: &SetOwner) -> i64 {
        let known = self.applies.entry(set.name.clone()).or_default();
        let newest = known.last().map_or(0, |(_, number)| *number);
        let Some(apply) = &set.apply else { return newest };
        if let Some((_, number)) = known.iter().find(|(id, _)| id == apply) {
            return *number;
        }
        known.push((apply.clone(), newest + 1));
        if known.len() > APPLIES {
            known.remove(0);
        }
        newest + 1
    }

    /// Answers whether the set of the job is another one than before.
    fn own(&mut self, job: JobSeq, set: &str, apply: i64) -> bool {
        let before = self.jobs.get_mut(&job).unwrap().set.take();
        let is_same = before.as_ref().is_some_and(|(name, _)| name == set);
        let named = before.as_ref().filter(|_| is_same).map_or(apply, |(_, named)| apply.max(*named));
        self.jobs.get_mut(&job).unwrap().set = Some((set.to_owned(), named));
        if let Some((name, _)) = before.filter(|_| !is_same) {
            self.forget_set_if_empty(&name);
        }
        !is_same
    }

    pub(super) fn forget_set_if_empty(&mut self, set: &str) {
        if self.live().all(|job| job.set.as_ref().is_none_or(|(name, _)| name != set)) {
            self.applies.remove(set);
        }
    }

    fn apply_number(&self, set: &str, id: &str) -> Option<i64> {
        self.applies.get(set)?.iter().find(|(known, _)| known == id).map(|(_, number)| *number)
    }

    /// The jobs of a set that neither an apply named nor a later one.
    pub fn surplus(&self, set: &str, apply: &str) -> Option<Vec<(JobSeq, String)>> {
        let of_set = |job: &&Job| job.set.as_ref().is_some_and(|(name, _)| name == set);
        let Some(number) = self.apply_number(set, apply) else {
            return self.live().all(|job| !of_set(&job)).then(Vec::new);
        };
        let older = |job: &&Job| job.set.as_ref().is_some_and(|(_, named)| *named < number);
        let jobs = self.live().filter(of_set).filter(older);
        Some(jobs.map(|job| (job.seq, job.spec().name.to_string())).collect())
    }

    pub(super) fn prune(&mut self, prune: &PruneSet, by: Option<&By>) -> Outcome {
        let PruneSet { set, apply, jobs, last } = prune;
        let Some(number) = self.apply_number(set, apply) else { return refuse(Refusal::NoSuchApply) };
        let mut names = Vec::new();
        for seq in jobs {
            let Some(job) = self.live().find(|job| job.seq == *seq) else { continue };
            let goes = job.set.as_ref().is_some_and(|(name, named)| name == set && *named < number);
            let (id, name) = (job.id, job.spec().name.to_string());
            if goes && self.delete(&DeleteJob { id, if_version: None }, by) == Outcome::Done {
                names.push(name);
            }
        }
        Outcome::Pruned { names, last: *last }
    }
}
