//! What the naive machine makes of a report.

use super::*;

impl Model {
    pub(super) fn report(&mut self, report: &Report) -> Outcome {
        let id = report.run.execution;
        let fire = first(report.run, report.run.scheduled_time, &report.node);
        let waiting = self.withdrawn.get(&id).cloned();
        if matches!(report.what, Reported::NotBegun | Reported::Unknown) {
            let own =
                waiting.filter(|own| (&own.node, own.run.version) == (&report.node, report.run.version));
            if let Some(own) = own {
                let known = report.what == Reported::NotBegun && !own.begun;
                let due = self.jobs.get(&own.run.job).and_then(|job| job.due);
                if known {
                    self.withdrawn.remove(&id);
                } else if due.is_some_and(|due| due <= own.run.scheduled_time) {
                    // A clock that is days ahead makes nobody wait for days.
                    if own.run.scheduled_time > self.at + 10_000 {
                        self.withdrawn.remove(&id);
                        return Outcome::Done;
                    }
                    self.effects.push(Effect::Withdraw(Fire { begun: true, ..own }));
                } else {
                    self.insert(&fire, None, None);
                    let why = "the job was changed before this instant; its node stopped about then, \
                        so it is not known whether the webhook was called";
                    let at = self.at;
                    self.runs.get_mut(&id).unwrap().cancel(at, why, None);
                }
            }
            return Outcome::Done;
        }
        let back = waiting.is_some();
        if back {
            self.insert(&fire, None, None);
        }
        let Some(run) = self.runs.get_mut(&id).filter(|run| run.is_open()) else {
            self.effects.push(Effect::Settled(id));
            return Outcome::Done;
        };
        // Only a success counts from a node that no longer holds it.
        let delivered = matches!(report.what, Reported::Ended { failure: None, .. });
        if run.execution.node_id != report.node && !delivered {
            self.effects.push(Effect::Fire(self.owed(id)));
            return Outcome::Done;
        }
        let (at, raised) = (self.at, self.raised);
        match &report.what {
            Reported::Begun { attempt, .. } if *attempt <= run.ended() => {}
            Reported::Begun { attempt, started_at } => {
                run.execution.job_version = report.run.version;
                run.execution.job_name = self.jobs[&run.job].name_at(report.run.version);
                run.begin(*attempt, *started_at, raised);
                run.execution.status = Status::Running;
            }
            // Known already; but a success counts from whoever delivered it.
            Reported::Ended { attempt, failure: Some(_), .. } if *attempt <= run.ended() => {
                self.effects.push(Effect::Fire(run.owed()));
            }
            Reported::Ended {
                attempt,
                started_at,
                duration_ms,
                response,
                failure,
                retry_at,
                phases,
                waited,
                host,
            } => {
                run.execution.job_version = report.run.version;
                run.execution.job_name = self.jobs[&run.job].name_at(report.run.version);
                run.begin(*attempt, *started_at, raised);
                let Waited { slot_ms, target_ms, retry_after_ms } = &mut run.execution.waited;
                *slot_ms += waited.slot_ms;
                *target_ms += waited.target_ms;
                *retry_after_ms += waited.retry_after_ms;
                let (error_kind, error) = failure.clone().unzip();
                run.execution.attempt_log.push(Attempt {
                    number: *attempt,
                    started_at: *started_at,
                    duration_ms: *duration_ms,
                    status_code: Some(response.status_code).filter(|code| *code != 0),
                    error,
                    error_kind,
                    phases: *phases,
                });
                run.execution.response = Some(response.clone());
                if let Some((kind, message)) = failure {
                    run.fail(*kind, message);
                }
                let ended_at = started_at + i64::try_from(*duration_ms).unwrap();
                match (failure, retry_at) {
                    (None, _) => {
                        run.finish(Status::Success, ended_at);
                        run.execution.node_id = report.node.clone();
                    }
                    (Some(_), None) => {
                        run.called = host.clone().unwrap_or_default();
                        run.finish(Status::Failed, ended_at);
                    }
                    (Some(_), Some(retry_at)) => {
                        run.execution.status = Status::Retrying;
                        // A clock that is days ahead makes nobody wait for days.
                        let is_ahead = ended_at > at + 2_000;
                        run.fire_at = if is_ahead { at + (retry_at - ended_at).max(0) } else { *retry_at };
                        self.effects.push(Effect::Fire(run.owed()));
                    }
                }
            }
            Reported::Skipped { reason } => {
                run.fail(ErrorKind::Overlap, reason);
                run.finish(Status::Skipped, at);
            }
            Reported::NotBegun | Reported::Unknown => unreachable!("answered above"),
            Reported::Replaced { attempt } => {
                let why = "replaced by a newer run";
                if let Some((number, started_at)) = attempt.filter(|(number, _)| *number > run.ended()) {
                    run.begin(number, started_at, raised);
                    run.cut_off(number, started_at, at, why);
                }
                run.fail(ErrorKind::Cancelled, why);
                run.finish(Status::Cancelled, at);
            }
        }
        if !run.is_open() {
            self.effects.push(Effect::Settled(id));
        } else if back && self.jobs[&run.job].deleted {
            run.cancel(at, "the job was deleted", self.jobs[&run.job].deleted_by.as_ref());
            self.effects.retain(|effect| !matches!(effect, Effect::Fire(_)));
            self.effects.push(Effect::Cancel(id));
        }
        Outcome::Done
    }
}
