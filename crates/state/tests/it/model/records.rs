//! What the naive machine has on record.

use std::collections::BTreeMap;

use chronos_state::{Fire, JobSeq, RunRef};
use chronos_types::{
    Attempt, By, DurationMs, ErrorKind, Execution, JobId, JobName, JobSpec, Millis, Overrides, Pause, Skip,
    Status, Trigger,
};

#[derive(Clone, Debug)]
pub struct Job {
    pub seq: JobSeq,
    pub id: JobId,
    pub version: u64,
    pub deleted: bool,
    pub created_at: Millis,
    pub due: Option<Millis>,
    /// Every version that is kept, the one in force among them: when it came to be, what it says.
    pub versions: BTreeMap<u64, (Millis, JobSpec)>,
    /// Who made each of them, where that is known.
    pub authors: BTreeMap<u64, By>,
    pub deleted_by: Option<By>,
    /// The set that owns it, and the number of the apply that named it last.
    pub set: Option<(String, i64)>,
    pub paused: Option<Pause>,
    /// What is skipped, who asked for that, and when.
    pub skips: Option<(Skip, Option<By>, Millis)>,
}

impl Job {
    pub fn spec(&self) -> &JobSpec {
        &self.versions[&self.version].1
    }

    /// What a version calls the job, or, where it is forgotten, what the one in force does.
    pub(super) fn name_at(&self, version: u64) -> JobName {
        self.versions.get(&version).map_or(self.spec(), |(_, spec)| spec).name.clone()
    }
}

#[derive(Clone, Debug)]
pub struct Run {
    pub job: JobSeq,
    pub fire_at: Millis,
    pub execution: Execution,
    /// A node that held it before may have begun it.
    pub(super) unsure: bool,
    pub overrides: Option<Overrides>,
    /// When its first attempt was to begin, where that is kept.
    pub(super) was_to_fire: Option<Millis>,
    /// The host that it called in vain, where its node has said it.
    pub(super) called: String,
}

impl Run {
    pub(super) fn is_open(&self) -> bool {
        !self.execution.status.is_finished()
    }

    /// Planned, and the instant has not come.
    pub(super) fn is_to_come(&self, at: Millis) -> bool {
        let Execution { status, trigger, scheduled_time, .. } = &self.execution;
        (*status, *trigger) == (Status::Pending, Trigger::Schedule) && *scheduled_time > at
    }

    /// What its node owes the world.
    pub(super) fn owed(&self) -> Fire {
        let execution = &self.execution;
        Fire {
            run: RunRef {
                execution: execution.id,
                job: self.job,
                version: execution.job_version,
                scheduled_time: execution.scheduled_time,
                trigger: execution.trigger,
            },
            // What was under way is made again at once, whatever its node's clock said.
            fire_at: match execution.status {
                Status::Running => self.fire_at.min(execution.scheduled_time),
                _ => self.fire_at,
            },
            attempt: match execution.status {
                Status::Running => execution.attempts,
                _ => execution.attempts + 1,
            },
            node: execution.node_id.clone(),
            begun: execution.status != Status::Pending,
            policy: None,
            behind: execution.status == Status::Pending && execution.operation.is_some(),
            overridden: self.overrides.is_some(),
        }
    }

    /// The execution as it is shown.
    pub fn shown(&self, spec: &JobSpec) -> Execution {
        let execution = self.execution.clone();
        // Nothing else says when a replay was to begin, or a run with a jitter.
        let is_plain = execution.trigger != Trigger::Replay && spec.jitter == DurationMs::from_millis(0);
        let due = self.was_to_fire.or(is_plain.then_some(execution.scheduled_time));
        let late = |(began, due): (Millis, Millis)| (began - due).max(0).unsigned_abs();
        Execution {
            lateness_ms: execution.started_at.zip(due).map(late),
            next_attempt_at: (execution.status == Status::Retrying).then_some(self.fire_at),
            ..execution
        }
    }

    pub(super) fn ended(&self) -> u32 {
        self.execution.attempt_log.last().map_or(0, |attempt| attempt.number)
    }

    /// `keeps` says whether the version of the cluster keeps when it was to begin.
    pub(super) fn begin(&mut self, attempt: u32, started_at: Millis, keeps: bool) {
        if self.execution.started_at.is_none() && keeps && self.fire_at != self.execution.scheduled_time {
            self.was_to_fire = Some(self.fire_at);
        }
        self.execution.attempts = self.execution.attempts.max(attempt);
        self.execution.started_at = self.execution.started_at.or(Some(started_at));
        self.fire_at = started_at;
    }

    pub(super) fn finish(&mut self, status: Status, at: Millis) {
        self.execution.status = status;
        self.execution.completed_at = Some(at);
    }

    pub(super) fn fail(&mut self, kind: ErrorKind, message: &str) {
        self.execution.last_error = Some(message.to_owned());
        self.execution.error_kind = Some(kind);
    }

    pub(super) fn cut_off(&mut self, number: u32, started_at: Millis, at: Millis, why: &str) {
        self.execution.attempt_log.push(Attempt {
            number,
            started_at,
            duration_ms: u64::try_from(at - started_at).unwrap_or(0),
            status_code: None,
            error: Some(why.to_owned()),
            error_kind: Some(ErrorKind::Cancelled),
            phases: None,
        });
    }

    /// Ends it as skipped, for somebody asked for that.
    pub(super) fn skip(&mut self, at: Millis, by: Option<By>) {
        self.execution.last_error = Some("skipped by request".into());
        self.execution.by = By::of_run(self.execution.trigger, by);
        self.finish(Status::Skipped, at);
    }

    /// Ends an open run; an attempt under way is cut off.
    pub(super) fn cancel(&mut self, at: Millis, why: &str, by: Option<&By>) {
        if self.execution.status == Status::Running {
            self.cut_off(self.execution.attempts, self.fire_at, at, why);
        }
        self.fail(ErrorKind::Cancelled, why);
        self.execution.cancelled_by = by.cloned();
        self.finish(Status::Cancelled, at);
    }
}
