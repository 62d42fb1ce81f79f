//! Plans what falls due within the next two seconds, while this node leads.
//!
//! It looks at the earliest due instants, asks `schedule` for the one after each, and proposes both in one command:
//! consensus and fsync are over before the instant comes. Each run goes to a node that does its part, by its job.
//! What is on time goes before what is late, and that before what was missed; what is behind is planned in small
//! portions, with a look at what is on time before each. A job that is behind is planned in the order of its own
//! instants, since its due instant moves forward only. It never fires anything, and it remembers nothing that a
//! restart may not forget: what is due stands in the state.
//!
//! A clock that is a day ahead would pass over all runs of that day, and the due instants move forward only. So a
//! leader plans nothing before its clock was compared with those of a majority, and by no other time than that.

mod held;
mod look;
mod missed;
mod passed;
mod portion;
mod rules;
mod targets;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use chronos_env::{Bug, Timer};
use chronos_types::{DurationMs, Millis};
use futures::future::try_join_all;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::error::LoopError;
use crate::services::Services;
use crate::tick::Tick;
use held::Held;
pub use held::{PlannerHandle, PlannerInbox};
use look::{Look, Scene, look};
use missed::CatchUp;
use passed::Passed;
use rules::{HORIZON_MS, Rules};
use targets::Targets;

/// Between looks when jobs are being created all the time.
const BREATH: Duration = Duration::from_millis(5);
/// Between tries while the log takes nothing.
const PAUSE: Duration = Duration::from_millis(200);
/// Two looks at one clock are no further apart.
const APART_MS: u64 = 1_000;
/// A job gets no more runs for missed instants while it has so many unfinished ones: with a day of missed seconds
/// (86,400) it would fill the memory of its node. They end before more are needed, unless its target is the cause.
const MOST_UNFINISHED: usize = 100;

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
    held: Arc<Held>,
    catch_up: CatchUp,
    passed: Passed,
}

impl Planner {
    /// A handle to speak to before the planner runs.
    #[must_use]
    pub fn channel() -> (PlannerHandle, PlannerInbox) {
        held::channel()
    }

    /// The loop, with what it works with.
    ///
    /// # Errors
    /// The system has no timer left.
    pub fn new(services: Services, config: PlannerConfig, inbox: PlannerInbox) -> io::Result<Self> {
        let timer = services.env.timer()?;
        let PlannerInbox { due_changed, held } = inbox;
        let passed = Passed::new(services.metrics.clone());
        Ok(Self { services, config, timer, due_changed, held, catch_up: CatchUp::new(), passed })
    }

    /// Plans for as long as the node runs.
    pub async fn run(mut self) {
        let mut leadership = self.services.proposer.leadership();
        let mut view = self.services.view.clone();
        loop {
            let leads = leadership.borrow_and_update().is_leader;
            let may_plan = view.borrow_and_update().may_plan;
            if !leads || !may_plan {
                if !leads {
                    self.catch_up.begin_anew(&self.held);
                }
                tokio::select! {
                    changed = leadership.changed() => if changed.is_err() { return },
                    // Where nobody looks after the view any more, what it said last holds.
                    Ok(()) = view.changed() => {}
                }
                continue;
            }
            let wake_at = match self.tick().await {
                Ok(Tick::More) => continue,
                Ok(Tick::Idle(next)) => next.map(|at| at - HORIZON_MS),
                Err(error) => {
                    tracing::warn!(%error, "nothing can be planned; trying again");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let again_at = self.catch_up.again_at();
            // The timer goes by the clock. Where that was set, it may be due already, and the time not.
            let is_clock_set = self.services.proposer.time().abs_diff(self.services.env.now()) > APART_MS;
            let Self { timer, due_changed, .. } = &mut self;
            tokio::select! {
                () = timer.wait_until(wake_at.unwrap_or(0)), if wake_at.is_some() && !is_clock_set => {}
                () = tokio::time::sleep(PAUSE), if is_clock_set => {}
                () = tokio::time::sleep_until(again_at.unwrap_or_else(Instant::now)), if again_at.is_some() => {}
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

    /// Plans a portion of what is due; else says which instant is the next. What is planned is not due any more.
    async fn tick(&mut self) -> Result<Tick<Option<Millis>>, LoopError> {
        self.services.activity.caught_up().await;
        let Services { node, env, store, proposer, view, metrics, .. } = &self.services;
        let PlannerConfig { misfire_threshold, catch_up_window } = self.config;
        let rules = Rules {
            now: proposer.time(),
            misfire_threshold: misfire_threshold.as_i64(),
            catch_up_window: catch_up_window.as_i64(),
            from_now: env.has(Bug::CountsFromNow),
        };
        let targets = Targets::of(node, &view.borrow());
        let (mut catch_up, held) = (self.catch_up.clone(), self.held.clone());
        let passed = self.passed.known();
        let read = store.read(move |reader| {
            let mut scene = Scene::new(reader, &rules, &targets, &held, &passed);
            let look = look(&mut scene, &mut catch_up)?;
            Ok((look, scene.into_bad(), catch_up))
        });
        let (found, bad, catch_up) = read.await?;
        self.catch_up = catch_up;
        let is_any_bad = self.passed.pass(bad);
        let portion = match found {
            Look::Steps(portion) => portion,
            // Others may stand behind those that are passed by from now on.
            Look::Idle(_) if is_any_bad => return Ok(Tick::More),
            Look::Idle(next) => return Ok(Tick::Idle(next)),
        };
        let (steps, runs, missed) = (portion.steps(), portion.runs(), portion.missed());
        if steps > 0 {
            // They line up in their order, each on its own: together they may change more rows than one batch may.
            let proposed = portion.into_proposals().into_iter().map(|plan| proposer.propose(plan));
            if let Err(error) = try_join_all(proposed).await {
                // What was held back for it may wait for nothing.
                self.catch_up.begin_anew(&self.held);
                return Err(error.into());
            }
            metrics.planned(runs, missed);
            self.catch_up.planned(missed, &self.held);
        }
        Ok(Tick::More)
    }
}
