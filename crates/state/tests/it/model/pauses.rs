//! What the naive machine makes of pauses, and of runs that are skipped.

use chronos_state::{CLOCKS_DIFFER_MS, PauseEnd, PauseJob, ResumeJob, SkipRuns};
use chronos_types::{Note, Pause, Skip};

use super::*;

impl Model {
    pub(super) fn pause(&mut self, pause: &PauseJob, by: Option<&By>) -> Outcome {
        let PauseJob { id, if_version, reason, until } = pause.clone();
        let Some(seq) = self.find(id) else { return refuse(Refusal::NoSuchJob) };
        let at = self.at;
        let job = self.jobs.get_mut(&seq).unwrap();
        let version = job.version;
        if if_version.is_some_and(|wanted| wanted != version) {
            return refuse(Refusal::VersionMismatch { current: version });
        }
        let since = job.paused.as_ref().filter(|pause| !pause.is_over(at)).map_or(at, |pause| pause.at);
        job.paused = Some(Pause { by: by.cloned(), at: since, reason: reason.map(Note::unchecked), until });
        job.due = None;
        for id in self.open(seq) {
            let run = self.runs.get_mut(&id).unwrap();
            if run.is_to_come(at) {
                self.withdraw(id);
            } else if run.execution.status == Status::Pending && run.fire_at > at {
                run.cancel(at, "the job was paused", None);
                self.effects.push(Effect::Cancel(id));
            }
        }
        self.effects.push(Effect::DueChanged);
        Outcome::Job { seq, id, version, at, next_due: None }
    }

    pub(super) fn resume(&mut self, resume: ResumeJob) -> Outcome {
        let ResumeJob { id, version, next_due } = resume;
        let Some(seq) = self.find(id) else { return refuse(Refusal::NoSuchJob) };
        let at = self.at;
        let job = self.jobs.get_mut(&seq).unwrap();
        if job.version != version {
            return refuse(Refusal::VersionMismatch { current: job.version });
        }
        if job.paused.as_ref().is_some_and(|pause| !pause.is_over(at)) {
            job.paused = None;
            job.due = next_due.filter(|_| job.spec().enabled);
            for id in self.open(seq) {
                if self.runs[&id].is_to_come(at) {
                    self.withdraw(id);
                }
            }
            self.effects.push(Effect::DueChanged);
        }
        Outcome::Job { seq, id, version, at, next_due: self.jobs[&seq].due }
    }

    pub(super) fn end_pauses(&mut self, ends: &[PauseEnd]) {
        let mut moved = false;
        for PauseEnd { job, version, until, next_due } in ends {
            let Some(job) = self.jobs.get_mut(job) else { continue };
            let is_it = job.paused.as_ref().is_some_and(|pause| pause.until == Some(*until));
            if !is_it || job.version != *version {
                continue;
            }
            if job.due.is_none() && next_due.is_some() {
                job.due = *next_due;
                moved = true;
            }
            if *until <= self.at {
                job.paused = None;
            }
        }
        if moved {
            self.effects.push(Effect::DueChanged);
        }
    }

    pub(super) fn skip(&mut self, wanted: SkipRuns, by: Option<&By>) -> Outcome {
        let SkipRuns { id, if_version, count, until } = wanted;
        let Some(seq) = self.find(id) else { return refuse(Refusal::NoSuchJob) };
        let at = self.at;
        let job = self.jobs.get_mut(&seq).unwrap();
        let version = job.version;
        if if_version.is_some_and(|wanted| wanted != version) {
            return refuse(Refusal::VersionMismatch { current: version });
        }
        let skip = count.map(Skip::Count).or(until.map(Skip::Until));
        job.skips = skip.map(|skip| (skip, by.cloned(), at));
        // Those on record that their nodes cannot have begun, by their instants.
        let mut coming: Vec<_> = self.open(seq).into_iter().take(100).collect();
        coming.retain(|id| {
            let Run { execution, fire_at, .. } = &self.runs[id];
            execution.status == Status::Pending
                && matches!(execution.trigger, Trigger::Schedule | Trigger::CatchUp)
                && *fire_at > at + CLOCKS_DIFFER_MS
        });
        coming.sort_by_key(|id| self.runs[id].execution.scheduled_time);
        for id in coming {
            let takes = self.jobs[&seq]
                .skips
                .as_ref()
                .is_some_and(|(skip, ..)| skip.takes(self.runs[&id].execution.scheduled_time));
            if takes {
                self.skip_one(id);
                self.effects.push(Effect::Cancel(id));
            }
        }
        Outcome::Job { seq, id, version, at, next_due: self.jobs[&seq].due }
    }

    /// Whether a run that comes on record now is to be skipped.
    pub(super) fn takes(&mut self, run: &RunRef) -> bool {
        let job = self.jobs.get_mut(&run.job).unwrap();
        let Some((skip, ..)) = &job.skips else { return false };
        if !skip.takes(run.scheduled_time) {
            job.skips = None;
            return false;
        }
        !self.withdrawn.contains_key(&run.execution)
    }

    /// Ends a run as skipped, which is one less to be skipped.
    pub(super) fn skip_one(&mut self, id: ExecutionId) {
        let at = self.at;
        let run = self.runs.get_mut(&id).unwrap();
        let job = self.jobs.get_mut(&run.job).unwrap();
        let Some((skip, by, _)) = &mut job.skips else { panic!("nothing is to be skipped") };
        run.skip(at, by.clone());
        if let Skip::Count(left) = skip {
            *left -= 1;
            if *left == 0 {
                job.skips = None;
            }
        }
    }
}
