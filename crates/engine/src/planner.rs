//! Plans what falls due within the next two seconds, while this node leads.
//!
//! It looks at the earliest due instants, asks `schedule` for the one after each, and proposes both in one
//! command: consensus and fsync are over before the instant comes. Each run goes to a live node, by its job.
//! It never fires anything, and it remembers nothing: what is due stands in the state.

mod rules;
mod targets;

use std::io;
use std::time::Duration;

use chronos_env::{Bug, Timer};
use chronos_state::{Command, Plan, PlanStep, Reader, StateError};
use chronos_types::{DurationMs, Millis, Trigger};
use tokio::sync::mpsc;

use crate::error::LoopError;
use crate::services::Services;
use crate::tick::Tick;
use rules::{HORIZON_MS, Rules, TOGETHER_MS};
use targets::Targets;

/// Jobs looked at in one go; more follow at once. A look waits for its plan to be applied, some tens
/// of milliseconds under load, so it must be worth it; and a plan must not hold up the writer.
const JOBS_AT_ONCE: usize = 4_000;
/// Between looks when jobs are being created all the time.
const BREATH: Duration = Duration::from_millis(5);
/// Between tries while the log takes nothing.
const PAUSE: Duration = Duration::from_millis(200);

/// What counts as missed.
#[derive(Clone, Copy, Debug)]
pub struct PlannerConfig {
    /// Runs less late than this are simply run.
    pub misfire_threshold: DurationMs,
    /// How far back `execute_all` reaches.
    pub catch_up_window: DurationMs,
}

/// The loop that plans runs.
pub struct Planner {
    services: Services,
    config: PlannerConfig,
    timer: Box<dyn Timer>,
    due_changed: mpsc::Receiver<()>,
}

impl Planner {
    /// The loop, with what it works with. `due_changed` says that due instants changed by other means than a
    /// plan.
    ///
    /// # Errors
    /// The system has no timer left.
    pub fn new(
        services: Services,
        config: PlannerConfig,
        due_changed: mpsc::Receiver<()>,
    ) -> io::Result<Self> {
        let timer = services.env.timer()?;
        Ok(Self { services, config, timer, due_changed })
    }

    /// Plans for as long as the node runs.
    pub async fn run(self) {
        let Self { services, config, mut timer, mut due_changed } = self;
        let mut leadership = services.proposer.leadership();
        loop {
            let leads = leadership.borrow_and_update().is_leader;
            services.metrics.leading(leads);
            if !leads {
                if leadership.changed().await.is_err() {
                    return;
                }
                continue;
            }
            let wake_at = match tick(&services, config).await {
                Ok(Tick::More) => continue,
                Ok(Tick::Idle(next)) => next.map(|at| at - HORIZON_MS),
                Err(error) => {
                    tracing::warn!(%error, "nothing can be planned; trying again");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            tokio::select! {
                () = timer.wait_until(wake_at.unwrap_or(0)), if wake_at.is_some() => {}
                changed = due_changed.recv() => {
                    if changed.is_none() { return; }
                    tokio::time::sleep(BREATH).await;
                    while due_changed.try_recv().is_ok() {}
                }
                changed = leadership.changed() => {
                    if changed.is_err() { return; }
                }
            }
        }
    }
}

/// Plans what is due; else says which instant is the next. What is planned is not due any more.
async fn tick(services: &Services, config: PlannerConfig) -> Result<Tick<Option<Millis>>, LoopError> {
    let Services { node, env, store, proposer, view, metrics, .. } = services;
    let PlannerConfig { misfire_threshold, catch_up_window } = config;
    let rules = Rules {
        now: env.now(),
        misfire_threshold: misfire_threshold.as_i64(),
        catch_up_window: catch_up_window.as_i64(),
        from_now: env.has(Bug::CountsFromNow),
    };
    let targets = Targets::of(node, &view.borrow());
    let Look { steps, next } = store.read(move |reader| look(reader, &rules, &targets)).await?;
    if steps.is_empty() {
        return Ok(Tick::Idle(next));
    }
    let missed = steps.iter().filter(|step| is_of_missed(step)).count();
    if missed > 0 {
        tracing::info!(missed, "catching up on missed instants");
    }
    metrics.planned(steps.len(), missed);
    let plan = Command::Plan(Plan { steps });
    proposer.propose(plan.into()).await?;
    Ok(Tick::More)
}

/// What one look found.
struct Look {
    steps: Vec<PlanStep>,
    /// The first due instant, where it is not to be planned yet.
    next: Option<Millis>,
}

/// Makes the steps of what is due.
fn look(reader: &Reader, rules: &Rules, targets: &Targets) -> Result<Look, StateError> {
    let first = reader.first_due()?;
    if first.is_none_or(|first| first > rules.now + HORIZON_MS) {
        return Ok(Look { steps: Vec::new(), next: first });
    }
    let due = reader.due(rules.now + HORIZON_MS + TOGETHER_MS, JOBS_AT_ONCE)?;
    let holders = targets.holders(reader, &due)?;
    let mut steps = Vec::with_capacity(due.len());
    for job in &due {
        rules.plan(job, targets.of_job(job, &holders), &mut steps);
    }
    Ok(Look { steps, next: None })
}

/// Whether a step gets past instants that were missed.
fn is_of_missed(step: &PlanStep) -> bool {
    step.run.as_ref().is_none_or(|run| run.trigger == Trigger::CatchUp)
}
