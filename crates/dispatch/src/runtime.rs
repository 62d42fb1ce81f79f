//! The task around the core: it tells the core what happens, and has done what the core decides.
//!
//! Here are the clocks, the random draws, the tasks that attempts and questions run in, the logs and the
//! counters. Nothing here decides about executions.

mod attempt;
mod config;
mod executor;
mod handle;
mod questions;
mod reporter;
mod secrets;

use std::sync::Arc;
use std::time::Duration;

use chronos_env::{Loop, Timer};
use chronos_replica::Activity;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

pub use self::config::Config;
use self::executor::Executor;
use self::handle::Message;
pub use self::handle::{Handle, Inbox};
use crate::core::{Action, Core, Event, Now, Wake};

/// Messages that are taken in before anything that is due begins. And actions whose memory is kept.
const AT_ONCE: usize = 1_024;
/// How long outcomes may take to be recorded when the last attempt is over and the node stops: an
/// election may be under way, and without a quorum they never are.
const RECORD_WITHIN: Duration = Duration::from_secs(5);

/// Fires everything that this node is to fire.
pub struct Dispatcher {
    core: Core,
    executor: Executor,
    /// Empty but while an event is taken in.
    actions: Vec<Action>,
    activity: Arc<Activity>,
    /// Where the monotonic clock begins.
    started: Instant,
    /// Told when everything has stopped.
    stopped: Option<oneshot::Sender<()>>,
}

impl Dispatcher {
    /// A handle to speak to before the dispatcher runs. What it does is told in `activity`.
    #[must_use]
    pub fn channel(activity: Arc<Activity>) -> (Handle, Inbox) {
        handle::channel(activity)
    }

    /// Takes up what is open from before as soon as this node has caught up with the cluster, and
    /// everything that comes.
    ///
    /// # Errors
    /// The system has no timer left.
    pub fn start(config: Config, inbox: Inbox) -> Result<(), String> {
        let timer = config.env.timer().map_err(|error| format!("no timer: {error}"))?;
        let Inbox { sender, receiver, activity, secrets } = inbox;
        let (reports, backlog) = reporter::channel(config.metrics.clone(), Arc::clone(&activity));
        let loops = config.loops.clone();
        let reporter = loops.start("reports", reporter::run(config.proposer.clone(), backlog));
        let dispatcher = Self {
            core: Core::new(config.node.clone(), config.max_concurrent),
            executor: Executor::new(config, sender, reports, secrets),
            actions: Vec::new(),
            activity,
            started: Instant::now(),
            stopped: None,
        };
        loops.start("dispatcher", dispatcher.run(receiver, timer, reporter)).detach();
        Ok(())
    }

    /// A loop: it does not end, since the node may go on when everything has stopped.
    async fn run(
        mut self,
        mut messages: mpsc::UnboundedReceiver<Message>,
        mut timer: Box<dyn Timer>,
        reporter: Loop,
    ) {
        let mut inbox = Vec::new();
        let mut lease = self.executor.config.lease.changes();
        self.on(Event::Lease);
        loop {
            let now = self.tick();
            self.show(now);
            if self.core.is_stopped(now) {
                break;
            }
            let Wake { due, look } = self.core.next_wake();
            let look_at = look.map_or_else(Instant::now, |at| self.started + at);
            tokio::select! {
                received = messages.recv_many(&mut inbox, AT_ONCE) => {
                    if received == 0 { break; }
                    for message in inbox.drain(..) { self.receive(message); }
                }
                // What it is now, every event is told.
                Ok(()) = lease.changed() => self.on(Event::Lease),
                () = timer.wait_until(due.unwrap_or(i64::MAX / 1000)), if due.is_some() => {}
                () = tokio::time::sleep_until(look_at), if look.is_some() => {}
            }
        }
        self.end(reporter).await;
        // Whoever says anything from now on learns at once that nobody listens.
        drop(messages);
        std::future::pending().await
    }

    /// Has others see how it stands.
    fn show(&self, now: Now) {
        let (core, metrics) = (&self.core, &self.executor.config.metrics);
        metrics.executions_running(core.running(), core.waiting().total());
        metrics.slots(core.slots(), core.taken(), core.waiting());
        metrics.fenced(now.lease.is_none());
        self.activity.set(core.running(), core.may_fire());
    }

    fn receive(&mut self, message: Message) {
        match message {
            Message::Event(event) => self.on(event),
            Message::Ended(ended) => {
                self.executor.attempt_ended(ended.execution, ended.attempt);
                // To draw is a call to the system, and only a retry makes use of it.
                let failed = ended.outcome.as_ref().is_ok_and(|outcome| outcome.failure.is_some());
                let draw = if failed { self.draw() } else { 0.0 };
                self.on(Event::AttemptEnded { ended, draw });
            }
            Message::Close(answer) => {
                self.on(Event::Close);
                let _ = answer.send(self.core.closed());
            }
            Message::Stop { grace, stopped } => {
                self.on(Event::Stop { grace });
                self.stopped = Some(stopped);
            }
        }
    }

    /// Has the core take up everything that is due. Answers when that was.
    fn tick(&mut self) -> Now {
        loop {
            let now = self.now();
            self.on_at(Event::Tick, now);
            if !self.core.is_due(now) {
                return now;
            }
        }
    }

    fn on(&mut self, event: Event) {
        self.on_at(event, self.now());
    }

    /// Tells the core what happened, and has done what it decides.
    fn on_at(&mut self, event: Event, now: Now) {
        self.core.on(event, now, &mut self.actions);
        for action in self.actions.drain(..) {
            self.executor.carry_out(action);
        }
        self.actions.shrink_to(AT_ONCE);
    }

    fn now(&self) -> Now {
        let Config { env, lease, .. } = &self.executor.config;
        Now { wall: env.now(), monotonic: self.started.elapsed(), lease: lease.now() }
    }

    /// A random number from 0 to 1.
    fn draw(&self) -> f64 {
        f64::from(u32::from_be_bytes(self.executor.config.env.random_bytes())) / f64::from(u32::MAX)
    }

    /// Cuts off what is under way still, and waits until what is over is recorded.
    async fn end(self, mut reporter: Loop) {
        let Self { core, executor, activity, started, stopped, .. } = self;
        // With the executor goes the last sender: what the reporter holds then is all that it will get.
        reporter.may_return();
        executor.stop();
        activity.set(0, false);
        let soonest = Instant::now() + RECORD_WITHIN;
        let until = core.stops_at().map_or(soonest, |at| soonest.max(started + at));
        if tokio::time::timeout_at(until, reporter.ended()).await.is_err() {
            tracing::warn!("outcomes could not be recorded in time; they are fired again");
            reporter.stop().await;
        }
        if let Some(stopped) = stopped {
            let _ = stopped.send(());
        }
    }
}
