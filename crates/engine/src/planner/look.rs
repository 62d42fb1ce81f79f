//! [`look`]: what is to be planned next. It reads, and changes nothing.

use chronos_state::{BadJob, Due, DueJob, DuePlace, JobSeq, PassedBy, Reader, StateError};
use chronos_types::Millis;

use super::held::Held;
use super::missed::{CatchUp, Missed};
use super::portion::Portion;
use super::rules::{HORIZON_MS, Rules, TOGETHER_MS};
use super::targets::{Node, Targets};

/// Jobs looked at in one go; more follow at once. A look waits for its plan to be applied, some tens
/// of milliseconds under load, so it must be worth it; and a plan must not hold up the writer.
const JOBS_AT_ONCE: usize = 4_000;
/// The same of those that are late: as many as have room in a small portion.
const LATE_AT_ONCE: usize = 500;
/// Runs of one job in one plan; more follow at once.
const RUNS_PER_JOB: usize = 100;

/// What a look came to.
pub(super) enum Look {
    /// These steps are next. There may be none of them, and more to look at.
    Steps(Portion),
    /// There is nothing to plan before this instant.
    Idle(Option<Millis>),
}

/// What a look looks at, and the jobs that it met and that cannot be planned.
pub(super) struct Scene<'a> {
    pub reader: &'a Reader,
    pub rules: &'a Rules,
    pub targets: &'a Targets,
    pub held: &'a Held,
    passed: &'a PassedBy,
    bad: Vec<BadJob>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(
        reader: &'a Reader,
        rules: &'a Rules,
        targets: &'a Targets,
        held: &'a Held,
        passed: &'a PassedBy,
    ) -> Self {
        Self { reader, rules, targets, held, passed, bad: Vec::new() }
    }

    /// The jobs that it met and that cannot be planned. From now on they are to be passed by.
    pub(super) fn into_bad(self) -> Vec<BadJob> {
        self.bad
    }

    /// Jobs that fall due behind a place. There may be more where it answers fewer than `limit`, if among those that
    /// it found are some that cannot be planned; it says whether that is so.
    pub(super) fn due(
        &mut self,
        after: DuePlace,
        until: Millis,
        limit: usize,
    ) -> Result<(Vec<DueJob>, bool), StateError> {
        let due = self.reader.due(after, until, limit, self.passed)?;
        Ok(self.good(due))
    }

    /// Those of these jobs that fall due until then.
    pub(super) fn due_of(&mut self, jobs: &[JobSeq], until: Millis) -> Result<Vec<DueJob>, StateError> {
        let due = self.reader.due_of(jobs, until, self.passed)?;
        Ok(self.good(due).0)
    }

    /// Makes at most so many steps of a job, as far as there is room.
    pub(super) fn plan(&mut self, job: &DueJob, node: Node<'_>, most: usize, portion: &mut Portion) {
        if let Err(why) = self.rules.plan(job, node, most, portion) {
            self.bad.push(BadJob { seq: job.seq, id: job.id, version: job.version, why });
        }
    }

    fn good(&mut self, due: Due) -> (Vec<DueJob>, bool) {
        let Due { jobs, mut bad } = due;
        let is_any_bad = !bad.is_empty();
        self.bad.append(&mut bad);
        (jobs, is_any_bad)
    }

    fn first_due_after(&self, after: Millis) -> Result<Option<Millis>, StateError> {
        self.reader.first_due_after(after, self.passed)
    }
}

/// Makes the next steps: of jobs that are on time before those that are late, and of these before those that
/// missed instants. So a job that is on time waits for one small portion at most, whatever others have missed.
pub(super) fn look(scene: &mut Scene<'_>, catch_up: &mut CatchUp) -> Result<Look, StateError> {
    let until = scene.rules.now + HORIZON_MS;
    let late_until = scene.rules.late_until();
    if scene.first_due_after(late_until)?.is_some_and(|first| first <= until) {
        let (due, _) = scene.due(behind(late_until), until + TOGETHER_MS, JOBS_AT_ONCE)?;
        let portion = plan(scene, &due, Portion::large())?;
        if !portion.is_empty() {
            return Ok(Look::Steps(portion));
        }
    }
    let missed_until = scene.rules.missed_until();
    let first = scene.reader.first_due(scene.passed)?;
    if first.is_some_and(|first| first <= late_until) {
        let (due, _) = scene.due(behind(missed_until), late_until, LATE_AT_ONCE)?;
        let portion = plan(scene, &due, Portion::small())?;
        if !portion.is_empty() {
            return Ok(Look::Steps(portion));
        }
    }
    if first.is_none_or(|first| first > missed_until) {
        catch_up.over(scene.held);
    } else if let Missed::More(portion) = catch_up.look(scene)? {
        return Ok(Look::Steps(portion));
    }
    Ok(Look::Idle(scene.first_due_after(until)?))
}

/// Makes the steps of jobs, as far as there is room.
fn plan(scene: &mut Scene<'_>, due: &[DueJob], mut portion: Portion) -> Result<Portion, StateError> {
    for job in due {
        if portion.is_full() {
            break;
        }
        scene.plan(job, scene.targets.of_job(job), RUNS_PER_JOB, &mut portion);
    }
    Ok(portion)
}

/// Behind all jobs that fall due at an instant.
fn behind(at: Millis) -> DuePlace {
    (at, JobSeq::new(i64::MAX))
}
