//! Plans what falls due within the next two seconds, while this node leads.
//!
//! It looks at the earliest due instants, asks `schedule` for the one after each, and proposes
//! both in one command: consensus and fsync are over before the instant comes. Each run goes to a
//! live node, by its job. It never fires anything, and remembers nothing: what is due stands in the
//! state.

mod missed;

use std::collections::HashMap;
use std::fmt::Display;
use std::time::Duration;

use chronos_env::{Bug, Env, Timer};
use chronos_replica::{Proposer, Store, View};
use chronos_schedule::{Schedule, Zone};
use chronos_state::{
    Command, DueJob, JobSeq, JobTimes, Plan, PlanStep, Planned, PlannedRun, Reader, RunRef, StateError,
};
use chronos_types::{Concurrency, DurationMs, ExecutionId, JobSpec, Millis, NodeName, Trigger};
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Metrics;
use crate::spread::node_beside;

/// How far ahead runs are planned: longer than it takes from the loss of a leader until the next one
/// plans (1.3 s at most in 140 kills), so that the runs of all other nodes are on time meanwhile; and
/// near enough that a changed job has little to withdraw.
const HORIZON_MS: i64 = 2_000;
/// What falls due this much after the horizon is planned along with what is within it: at a thousand
/// runs a second this makes four plans of them instead of a thousand, and halves the time per fire.
const TOGETHER_MS: i64 = 250;
/// Jobs looked at in one go; more follow at once. A look waits for its plan to be applied, some tens
/// of milliseconds under load, so it must be worth it; and a plan must not hold up the writer.
const JOBS_AT_ONCE: usize = 4_000;
/// Runs of one job in one plan; more follow at once.
const RUNS_PER_JOB: usize = 100;
/// Between looks when jobs are being created all the time.
const BREATH: Duration = Duration::from_millis(5);
/// Between tries while the log takes nothing.
const PAUSE: Duration = Duration::from_millis(200);

/// How the scheduler is set up.
pub struct Config {
    /// This node's name: who fires what is planned while nobody is known to be live.
    pub node: NodeName,
    /// Who is live.
    pub view: watch::Receiver<View>,
    /// Runs less late than this are simply run.
    pub misfire_threshold: DurationMs,
    /// How far back `execute_all` reaches.
    pub catch_up_window: DurationMs,
    /// The state.
    pub store: Store,
    /// Where plans go.
    pub proposer: Proposer,
    /// The clock.
    pub env: Env,
    /// The counters.
    pub metrics: Metrics,
}

/// The first instant at which a job falls due after `now`; none where it is disabled or over.
#[must_use]
pub fn first_due(spec: &JobSpec, created_at: Millis, now: Millis) -> Option<Millis> {
    if !spec.enabled {
        return None;
    }
    // `start_at` itself may be an instant of the schedule.
    let after = spec.start_at.map_or(now, |start| now.max(start - 1));
    Times::of(&spec.into(), created_at, &spec.name)?.after(after)
}

/// The instants of a job.
struct Times {
    schedule: Schedule,
    zone: Zone,
    anchor: Millis,
    end_at: Millis,
}

impl Times {
    fn of(times: &JobTimes, created_at: Millis, job: &dyn Display) -> Option<Self> {
        // Checked when the job came in. A schedule that a newer Chronos took and this one does not
        // know stops its job, loudly, and no other.
        let (schedule, zone) = match (Schedule::parse(&times.schedule), Zone::parse(&times.timezone)) {
            (Ok(schedule), Ok(zone)) => (schedule, zone),
            (schedule, zone) => {
                let error = schedule.err().map(|e| e.to_string()).or(zone.err().map(|e| e.to_string()));
                tracing::error!(%job, error, "the schedule cannot be read; the job does not run");
                return None;
            }
        };
        let anchor = times.start_at.unwrap_or(created_at);
        Some(Self { schedule, zone, anchor, end_at: times.end_at.unwrap_or(i64::MAX) })
    }

    fn after(&self, after: Millis) -> Option<Millis> {
        self.schedule.next_after(&self.zone, self.anchor, after).filter(|at| *at <= self.end_at)
    }

    fn last_between(&self, after: Millis, until: Millis) -> Option<Millis> {
        self.schedule.last_between(&self.zone, self.anchor, after, until.min(self.end_at))
    }
}

/// Starts the scheduler. `changes` says that due instants changed.
///
/// # Errors
/// The system has no timer left.
pub fn start(
    config: Config,
    changes: mpsc::Receiver<()>,
    stop: CancellationToken,
) -> std::io::Result<JoinHandle<()>> {
    let timer = config.env.timer()?;
    Ok(tokio::spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = run(&config, changes, timer) => {}
        }
    }))
}

async fn run(config: &Config, mut changes: mpsc::Receiver<()>, mut timer: Box<dyn Timer>) {
    let mut leadership = config.proposer.leadership();
    loop {
        let leads = leadership.borrow_and_update().is_leader;
        config.metrics.leading(leads);
        if !leads {
            if leadership.changed().await.is_err() {
                return;
            }
            continue;
        }
        let wake_at = match tick(config).await {
            Ok(Tick::More) => continue,
            Ok(Tick::Nothing(next)) => next.map(|at| at - HORIZON_MS),
            Err(error) => {
                tracing::warn!(%error, "nothing can be planned; trying again");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        tokio::select! {
            () = timer.wait_until(wake_at.unwrap_or(0)), if wake_at.is_some() => {}
            changed = changes.recv() => {
                if changed.is_none() { return; }
                tokio::time::sleep(BREATH).await;
                while changes.try_recv().is_ok() {}
            }
            changed = leadership.changed() => {
                if changed.is_err() { return; }
            }
        }
    }
}

/// What one look found.
enum Tick {
    /// Something was planned; there may be more.
    More,
    /// Nothing is due before this instant.
    Nothing(Option<Millis>),
}

/// Plans what is due. Repeatable: what is planned already is not due any more.
async fn tick(config: &Config) -> Result<Tick, String> {
    let now = config.env.now();
    let (threshold, window) = (config.misfire_threshold.as_i64(), config.catch_up_window.as_i64());
    let nodes = {
        let view = config.view.borrow();
        Nodes { own: config.node.clone(), live: view.live.clone(), leaving: view.leaving.clone() }
    };
    let from_now = config.env.has(Bug::CountsFromNow);
    let look = move |reader: &Reader| {
        let first = reader.first_due()?;
        if first.is_none_or(|first| first > now + HORIZON_MS) {
            return Ok((Vec::new(), 0, first));
        }
        let due = reader.due(now + HORIZON_MS + TOGETHER_MS, JOBS_AT_ONCE)?;
        let holders = nodes.holders(reader, &due)?;
        let planner = Planner { now, threshold, window, from_now };
        let mut steps = Vec::with_capacity(due.len());
        for job in &due {
            planner.plan(job, nodes.of(job, &holders), &mut steps);
        }
        let missed = steps.iter().filter(|step| is_of_missed(step)).count();
        Ok((steps, missed, None))
    };
    let (steps, missed, first) = config.store.read(look).await.map_err(|error| error.to_string())?;
    if steps.is_empty() {
        return Ok(Tick::Nothing(first));
    }
    if missed > 0 {
        tracing::info!(missed, "catching up on missed instants");
    }
    config.metrics.planned(steps.len(), missed);
    let plan = Command::Plan(Plan { steps });
    config.proposer.propose(plan.into()).await.map_err(|error| error.to_string())?;
    Ok(Tick::More)
}

/// Whether a step gets past instants that were missed.
fn is_of_missed(step: &PlanStep) -> bool {
    step.planned().is_none_or(|planned| planned.run.trigger == Trigger::CatchUp)
}

/// Who may fire.
struct Nodes {
    own: NodeName,
    live: Vec<NodeName>,
    /// They hand over what they have not begun, and say themselves what the rest overlaps with.
    leaving: Vec<NodeName>,
}

impl Nodes {
    /// The nodes that hold unfinished executions of jobs whose policy asks what a run overlaps with.
    fn holders(&self, reader: &Reader, due: &[DueJob]) -> Result<HashMap<JobSeq, NodeName>, StateError> {
        if self.live.len() + self.leaving.len() < 2 {
            return Ok(HashMap::new());
        }
        let asks = |job: &&DueJob| job.times.concurrency != Concurrency::Allow;
        reader.holders(&due.iter().filter(asks).map(|job| job.seq).collect::<Vec<_>>())
    }

    /// The node that fires a job's runs.
    fn of(&self, job: &DueJob, holders: &HashMap<JobSeq, NodeName>) -> &NodeName {
        let holder = holders.get(&job.seq);
        let leaving = holder.and_then(|holder| self.leaving.iter().find(|name| *name == holder));
        match leaving {
            Some(name) => name,
            None => node_beside(job.id, holder, &self.live).unwrap_or(&self.own),
        }
    }
}

/// Turns a due job into planned runs.
struct Planner {
    now: Millis,
    threshold: i64,
    window: i64,
    from_now: bool,
}

impl Planner {
    fn plan(&self, job: &DueJob, node: &NodeName, steps: &mut Vec<PlanStep>) {
        let Some(times) = Times::of(&job.times, job.created_at, &job.id) else {
            // Out of the way, or it would be found first for ever.
            steps.push(self.pass_over(job, job.at, None));
            return;
        };
        let mut due = job.at;
        for _ in 0..RUNS_PER_JOB {
            let next = if due <= self.now - self.threshold {
                self.missed(job, node, &times, due, steps)
            } else {
                let next = times.after(if self.from_now { due.max(self.now) } else { due });
                steps.push(self.run(job, node, due, due, Trigger::Schedule, next));
                next
            };
            match next {
                Some(next) if next <= self.now + HORIZON_MS + TOGETHER_MS => due = next,
                _ => return,
            }
        }
    }

    /// A run at `scheduled_time`, planned where the job is due at `from`.
    fn run(
        &self,
        job: &DueJob,
        node: &NodeName,
        from: Millis,
        scheduled_time: Millis,
        trigger: Trigger,
        next_due: Option<Millis>,
    ) -> PlanStep {
        let execution = ExecutionId::scheduled(job.id, scheduled_time);
        let run = RunRef { execution, job: job.seq, version: job.version, scheduled_time, trigger };
        let fire_at = scheduled_time + jitter(execution, job.times.jitter);
        let what = Planned::Run(PlannedRun { run, fire_at, node: node.clone() });
        PlanStep { from, next_due, what }
    }

    /// Moves a job on from `from` without a run.
    fn pass_over(&self, job: &DueJob, from: Millis, next_due: Option<Millis>) -> PlanStep {
        let what = Planned::PassedOver { job: job.seq, version: job.version };
        PlanStep { from, next_due, what }
    }
}

/// A run's own fixed share of its job's jitter.
fn jitter(execution: ExecutionId, most: DurationMs) -> i64 {
    let most = most.as_millis();
    if most == 0 {
        return 0;
    }
    let digest = Sha256::digest(execution.as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    (u64::from_be_bytes(bytes) % most).cast_signed()
}
