//! [`CatchUp`]: how the planner goes through the jobs that missed instants.
//!
//! It goes through all of them in rounds, a page at a time. In the first round each gets one step: that is enough
//! for all but those that run every missed instant, so nobody waits for these longer than a round takes. A job
//! that has as many unfinished runs as it may have is held back, and is looked at when some are over. What is kept
//! here says only where to look: after a restart, or on another leader, it begins anew with what the state says.

use std::time::Duration;

use chronos_state::{DueJob, DuePlace, JobSeq, Reader, StateError};
use chronos_types::{Millis, MissedRuns};
use tokio::time::Instant;

use super::held::Held;
use super::look::Scene;
use super::portion::Portion;

/// Jobs that are looked at in one go.
const PAGE: usize = 500;
/// Steps of a job in each round after the first.
const STEPS_PER_ROUND: usize = 25;
/// Before the first job.
const START: DuePlace = (Millis::MIN, JobSeq::new(0));
/// Between two times of going through the jobs, of which none could go on: a small part of what that takes, within
/// these bounds.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));
const PAUSE_TIMES: u32 = 20;
/// Between log lines about what goes on.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// Where the planner stands in catching up.
#[derive(Clone, Debug)]
pub(super) struct CatchUp {
    round: Option<Round>,
    /// When to go through the jobs again, where none of them could go on.
    again_at: Option<Instant>,
    said: Option<Said>,
}

#[derive(Clone, Copy, Debug)]
struct Round {
    begun: Instant,
    is_first: bool,
    after: DuePlace,
    /// Whether any job got a step in it.
    any: bool,
}

/// What was said for people.
#[derive(Clone, Copy, Debug)]
struct Said {
    at: Instant,
    planned: u64,
}

/// What a look at the missed came to.
#[derive(Debug)]
pub(super) enum Missed {
    /// These steps are next, or another page.
    More(Portion),
    /// All wait for their runs to be over.
    Wait,
}

impl CatchUp {
    pub(super) fn new() -> Self {
        Self { round: None, again_at: None, said: None }
    }

    /// When the planner is to look again, though nothing happens.
    pub(super) fn again_at(&self) -> Option<Instant> {
        self.again_at
    }

    /// Makes the next steps for jobs that missed instants. It reads a bounded number of them.
    pub(super) fn look(&mut self, scene: &mut Scene<'_>) -> Result<Missed, StateError> {
        let (until, held) = (scene.rules.missed_until(), scene.held);
        let ready = held.take_ready(PAGE);
        if !ready.is_empty() {
            let jobs = scene.due_of(&ready, until)?;
            let (portion, done) = steps(scene, &jobs, super::MOST_UNFINISHED)?;
            held.put_back(jobs[done..].iter().map(|job| job.seq));
            return Ok(Missed::More(portion));
        }
        let now = Instant::now();
        if self.round.is_none() && self.again_at.is_some_and(|at| now < at) {
            return Ok(Missed::Wait);
        }
        let first = Round { begun: now, is_first: true, after: START, any: false };
        let mut round = *self.round.get_or_insert_with(|| {
            // The state says anew who is to be held back.
            held.clear();
            first
        });
        self.again_at = None;
        let (jobs, is_any_bad) = scene.due(round.after, until, PAGE)?;
        let Some(last) = jobs.last() else {
            if is_any_bad {
                // The next look passes these by, and finds who stands behind them.
                return Ok(Missed::More(Portion::small()));
            }
            self.round = round.any.then_some(Round { is_first: false, ..first });
            if round.any {
                return Ok(Missed::More(Portion::small()));
            }
            let pause = round.begun.elapsed() * PAUSE_TIMES;
            self.again_at = Some(now + pause.clamp(PAUSE.0, PAUSE.1));
            return Ok(Missed::Wait);
        };
        let most = if round.is_first { 1 } else { STEPS_PER_ROUND };
        let (portion, done) = steps(scene, &jobs, most)?;
        round.after = if done == jobs.len() { last.place() } else { before(&jobs[done]) };
        round.any |= !portion.is_empty();
        self.round = Some(round);
        Ok(Missed::More(portion))
    }

    /// So many missed instants were decided on. It is said from time to time.
    pub(super) fn planned(&mut self, missed: u64, held: &Held) {
        if missed == 0 {
            return;
        }
        let now = Instant::now();
        let planned = self.said.map_or(0, |said| said.planned) + missed;
        let at = match self.said {
            Some(said) if now - said.at < SAY_EVERY => said.at,
            _ => {
                let held_back = held.count();
                tracing::info!(planned, held_back, "catching up on missed instants");
                now
            }
        };
        self.said = Some(Said { at, planned });
    }

    /// No job has missed instants any more.
    pub(super) fn over(&mut self, held: &Held) {
        if let Some(Said { planned, .. }) = self.said.take() {
            tracing::info!(planned, "caught up on missed instants");
        }
        self.begin_anew(held);
    }

    /// Goes through the jobs from the first one, whatever was found before.
    pub(super) fn begin_anew(&mut self, held: &Held) {
        (self.round, self.again_at) = (None, None);
        held.clear();
    }
}

/// The place just before a job.
fn before(job: &DueJob) -> DuePlace {
    (job.at, JobSeq::new(job.seq.get() - 1))
}

/// At most `most` steps of each job, as far as there is room; and how many jobs got theirs.
fn steps(scene: &mut Scene<'_>, jobs: &[DueJob], most: usize) -> Result<(Portion, usize), StateError> {
    let mut portion = Portion::small();
    for (done, job) in jobs.iter().enumerate() {
        if portion.is_full() {
            return Ok((portion, done));
        }
        if scene.held.holds(job.seq) {
            continue;
        }
        let (room, before) = (room(scene.reader, job)?, portion.steps());
        scene.plan(job, scene.targets.of_job(job), most.min(room), &mut portion);
        if portion.steps() - before == room {
            scene.held.hold(job.seq);
        }
    }
    Ok((portion, jobs.len()))
}

/// How many more runs for missed instants a job may have.
fn room(reader: &Reader, job: &DueJob) -> Result<usize, StateError> {
    if job.times.missed_runs != MissedRuns::ExecuteAll {
        return Ok(usize::MAX);
    }
    // Whatever they are for: others of the job that wait are before these, too.
    let open = reader.count_open(job.seq, super::MOST_UNFINISHED)?;
    Ok(super::MOST_UNFINISHED - open)
}
