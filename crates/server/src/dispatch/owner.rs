//! The task that owns everything about to be fired, and the handle others speak to it by.

mod attempt;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chronos_state::{Effect, Fire, Report, Reported};
use chronos_types::{ExecutionId, Millis, Status, Trigger};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Instant;

use self::attempt::Done;
use super::capacity::Capacity;
use super::client::Client;
use super::lane::{Arrival, Lane, Verdict};
use super::prepared::{self, Cache, Key, Prepared};
use super::report;
use super::timer::Heap;
use crate::env::{Env, Timer};
use crate::proposer::Proposer;
use crate::store::Store;
use crate::telemetry::Metrics;

/// An attempt that takes longer than this shows as `running`. Shorter ones are over before
/// anybody could look, and their one report is all that the log carries.
const LONG_ENOUGH_TO_SHOW: Duration = Duration::from_millis(100);
/// An attempt that is not over after this does not hold back others to the same target.
const FRESH_FOR: Duration = Duration::from_millis(20);
/// Those of this long show together, so that a busy node does not wake for each.
const SHOW_TOGETHER: Duration = Duration::from_millis(50);
/// Specifications of runs this near are read ahead of their instant.
const READ_AHEAD_MS: i64 = 5_000;

/// What the dispatcher needs.
pub struct Config {
    /// This node's name, as plans name it.
    pub node: String,
    /// Attempts at once.
    pub max_concurrent: usize,
    /// The state.
    pub store: Store,
    /// Where outcomes go.
    pub proposer: Proposer,
    /// What calls the webhooks.
    pub client: Client,
    /// The clock.
    pub env: Env,
    /// The counters.
    pub metrics: Metrics,
}

enum Message {
    Effects(Vec<Effect>),
    Rescan,
    /// What is open, and what was held when that was asked.
    Open(Vec<Fire>, Vec<ExecutionId>),
    Loaded(Vec<Key>, Vec<(Key, Arc<Prepared>)>),
    Done(Done),
    Stop(Duration, oneshot::Sender<()>),
}

/// Speaks to the dispatcher. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    messages: mpsc::UnboundedSender<Message>,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Effects(_) => "Effects",
            Self::Rescan => "Rescan",
            Self::Open(..) => "Open",
            Self::Loaded(..) => "Loaded",
            Self::Done(_) => "Done",
            Self::Stop(..) => "Stop",
        })
    }
}

impl Handle {
    /// Passes on what applied commands ask for. Never blocks.
    pub fn effects(&self, effects: Vec<Effect>) {
        // Gone only when the node stops; what is open is fired after the next start.
        let _ = self.messages.send(Message::Effects(effects));
    }

    /// The state was replaced as a whole: what is open stands in there. Never blocks.
    pub fn rescan(&self) {
        let _ = self.messages.send(Message::Rescan);
    }

    /// Starts nothing more, waits for the attempts under way, at most `grace`, and for their
    /// reports. What is cut off is fired again after the next start.
    pub async fn stop(&self, grace: Duration) {
        let (done, stopped) = oneshot::channel();
        if self.messages.send(Message::Stop(grace, done)).is_ok() {
            let _ = stopped.await;
        }
    }
}

/// Where an execution stands with us.
#[derive(Debug)]
enum State {
    /// For its instant.
    Waiting,
    /// For its specification; its instant has come.
    Loading,
    /// For its turn among the runs of its job.
    InLane,
    /// For a slot.
    InLine,
    /// An attempt is under way.
    Running { abort: AbortHandle, started_at: Millis, fresh: bool },
    /// A failed attempt is reported; the state will arm the next one.
    Reported,
    /// Its end is reported.
    Over,
}

#[derive(Debug)]
struct Entry {
    fire: Fire,
    state: State,
    prepared: Option<Arc<Prepared>>,
    first_started_at: Option<Millis>,
}

/// Holds everything that this node is about to fire.
pub struct Dispatcher {
    config: Config,
    messages: mpsc::UnboundedSender<Message>,
    entries: HashMap<ExecutionId, Entry>,
    heap: Heap,
    lanes: HashMap<i64, Lane>,
    capacity: Capacity,
    cache: Cache,
    to_load: Vec<Key>,
    /// Executions whose specification is being read.
    awaiting: HashMap<Key, Vec<ExecutionId>>,
    /// Attempts under way that do not show as running yet, by when they should.
    unseen: VecDeque<(Instant, ExecutionId, u32)>,
    /// Attempts under way that are fresh, by when they are not.
    fresh: VecDeque<(Instant, ExecutionId, u32)>,
    running: usize,
    reports: mpsc::UnboundedSender<Report>,
    stopping: Option<(Instant, oneshot::Sender<()>)>,
}

/// The receiving end of a [`Handle`], for [`Dispatcher::start`].
pub struct Inbox {
    sender: mpsc::UnboundedSender<Message>,
    receiver: mpsc::UnboundedReceiver<Message>,
}

impl Dispatcher {
    /// A handle to speak to before the dispatcher runs.
    #[must_use]
    pub fn channel() -> (Handle, Inbox) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Handle { messages: sender.clone() }, Inbox { sender, receiver })
    }

    /// Takes up what is open from before, then everything that comes.
    ///
    /// # Errors
    /// The state cannot be read, or the system has no timer left.
    pub async fn start(config: Config, inbox: Inbox) -> Result<JoinHandle<()>, String> {
        let timer = config.env.timer().map_err(|error| format!("no timer: {error}"))?;
        let node = config.node.clone();
        let open = config.store.read(move |reader| reader.open_fires(&node)).await;
        let open = open.map_err(|error| error.to_string())?;
        if !open.is_empty() {
            tracing::info!(count = open.len(), "taking up unfinished executions");
        }
        let (reports, to_report) = mpsc::unbounded_channel();
        let reporter = tokio::spawn(report::run(config.proposer.clone(), to_report));
        let mut dispatcher = Self {
            capacity: Capacity::new(config.max_concurrent),
            config,
            messages: inbox.sender,
            entries: HashMap::new(),
            heap: Heap::default(),
            lanes: HashMap::new(),
            cache: Cache::default(),
            to_load: Vec::new(),
            awaiting: HashMap::new(),
            unseen: VecDeque::new(),
            fresh: VecDeque::new(),
            running: 0,
            reports,
            stopping: None,
        };
        for fire in open {
            dispatcher.take(fire);
        }
        Ok(tokio::spawn(dispatcher.run(inbox.receiver, timer, reporter)))
    }

    async fn run(
        mut self,
        mut messages: mpsc::UnboundedReceiver<Message>,
        mut timer: Box<dyn Timer>,
        reporter: JoinHandle<()>,
    ) {
        let mut inbox = Vec::new();
        while !self.is_stopped() {
            self.load();
            let next = if self.stopping.is_some() { None } else { self.heap.next() };
            let look = self.next_look();
            tokio::select! {
                received = messages.recv_many(&mut inbox, 1_024) => {
                    if received == 0 { break; }
                    for message in inbox.drain(..) { self.receive(message); }
                }
                () = timer.wait_until(next.unwrap_or(i64::MAX / 1000)), if next.is_some() => {}
                () = tokio::time::sleep_until(look.unwrap_or_else(Instant::now)), if look.is_some() => {
                    self.show_running();
                    self.grow_old();
                }
            }
            self.fire_due();
            self.config.metrics.executions_running(self.running, self.capacity.waiting());
        }
        let Self { entries, reports, stopping, .. } = self;
        for entry in entries.into_values() {
            if let State::Running { abort, .. } = entry.state {
                abort.abort();
            }
        }
        drop(reports);
        let _ = reporter.await;
        if let Some((_, stopped)) = stopping {
            let _ = stopped.send(());
        }
    }

    fn is_stopped(&self) -> bool {
        let Some((deadline, _)) = &self.stopping else { return false };
        self.running == 0 || Instant::now() >= *deadline
    }

    /// When to look up even if nothing happens.
    fn next_look(&self) -> Option<Instant> {
        let deadline = self.stopping.as_ref().map(|(deadline, _)| *deadline);
        let show = self.unseen.front().map(|(at, ..)| *at + SHOW_TOGETHER);
        // Whether an attempt is fresh matters only to those that wait.
        let old = self.fresh.front().filter(|_| self.capacity.waiting() > 0).map(|(at, ..)| *at);
        deadline.into_iter().chain(show).chain(old).min()
    }

    fn receive(&mut self, message: Message) {
        match message {
            Message::Effects(effects) => effects.into_iter().for_each(|effect| self.effect(effect)),
            Message::Rescan => self.rescan(),
            Message::Open(open, held) => self.open(open, held),
            Message::Loaded(asked, loaded) => self.loaded(&asked, loaded),
            Message::Done(done) => self.done(done),
            Message::Stop(grace, done) => self.stopping = Some((Instant::now() + grace, done)),
        }
    }

    fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Fire(fire) if fire.node == self.config.node => self.take(fire),
            Effect::Withdraw(id) => {
                // Once it is due it goes on: its report brings the record back.
                if matches!(self.entries.get(&id), Some(Entry { state: State::Waiting, .. })) {
                    self.entries.remove(&id);
                }
            }
            Effect::Cancel(id) => {
                if let Some(entry) = self.end(id) {
                    self.config.metrics.execution_ended(
                        Status::Cancelled,
                        entry.first_started_at.map(|at| self.config.env.now() - at),
                    );
                }
                self.entries.remove(&id);
            }
            Effect::Settled(id) => match self.entries.get(&id).map(|entry| &entry.state) {
                Some(State::Over) => {
                    self.entries.remove(&id);
                }
                // It was ended while the word of a failed attempt was on its way.
                Some(State::Reported) => {
                    self.end(id);
                    self.entries.remove(&id);
                }
                _ => {}
            },
            Effect::Fire(_) | Effect::DueChanged => {}
        }
    }

    /// Asks the state what is open for this node.
    fn rescan(&self) {
        let (store, messages, node) =
            (self.config.store.clone(), self.messages.clone(), self.config.node.clone());
        let held = self.entries.keys().copied().collect();
        tokio::spawn(async move {
            loop {
                let node = node.clone();
                match store.read(move |reader| reader.open_fires(&node)).await {
                    Ok(open) => {
                        let _ = messages.send(Message::Open(open, held));
                        return;
                    }
                    Err(error) => {
                        tracing::error!(%error, "what is open cannot be read; trying again");
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                }
            }
        });
    }

    /// Takes up what is open, and drops what was held and is not open any more. An attempt under way goes on: it was
    /// begun when it was ours to begin, and its report says what came of it.
    fn open(&mut self, open: Vec<Fire>, held: Vec<ExecutionId>) {
        let known: HashSet<ExecutionId> = open.iter().map(|fire| fire.execution).collect();
        for id in held.into_iter().filter(|id| !known.contains(id)) {
            if !matches!(self.entries.get(&id), None | Some(Entry { state: State::Running { .. }, .. })) {
                self.end(id);
                self.entries.remove(&id);
            }
        }
        for fire in open {
            self.take(fire);
        }
    }

    /// Takes an execution in, or arms the next attempt of one that is here.
    fn take(&mut self, mut fire: Fire) {
        let id = fire.execution;
        if matches!(fire.trigger, Trigger::Manual | Trigger::Replay) && fire.attempt == 1 {
            // Asked for now. A batch's instant never goes back, but the clock may have: then it
            // would wait until the clock has caught up.
            fire.fire_at = fire.fire_at.min(self.config.env.now());
        }
        match self.entries.get_mut(&id) {
            Some(entry) if matches!(entry.state, State::Reported) && fire.attempt > entry.fire.attempt => {
                self.heap.push(fire.fire_at, id);
                entry.fire = fire;
                entry.state = State::Waiting;
            }
            // Told twice: by the state at the start and by an effect since.
            Some(_) => {}
            None => {
                let key = (fire.job, fire.version);
                let prepared = self.cache.get(key);
                if prepared.is_none() && fire.fire_at - self.config.env.now() < READ_AHEAD_MS {
                    self.want(key, id);
                }
                if fire.begun {
                    self.lanes.entry(fire.job).or_default().resume(id);
                }
                self.heap.push(fire.fire_at, id);
                self.entries
                    .insert(id, Entry { fire, state: State::Waiting, prepared, first_started_at: None });
            }
        }
    }

    fn want(&mut self, key: Key, id: ExecutionId) {
        let waiting = self.awaiting.entry(key).or_default();
        if waiting.is_empty() {
            self.to_load.push(key);
        }
        waiting.push(id);
    }

    /// Asks for the specifications that are wanted.
    fn load(&mut self) {
        if self.to_load.is_empty() {
            return;
        }
        let keys = std::mem::take(&mut self.to_load);
        let (store, messages) = (self.config.store.clone(), self.messages.clone());
        tokio::spawn(async move {
            let asked = keys.clone();
            loop {
                match prepared::load(&store, keys.clone()).await {
                    Ok(loaded) => {
                        let _ = messages.send(Message::Loaded(asked, loaded));
                        return;
                    }
                    Err(error) => {
                        tracing::error!(%error, "jobs that are due cannot be read; trying again");
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                }
            }
        });
    }

    fn loaded(&mut self, asked: &[Key], loaded: Vec<(Key, Arc<Prepared>)>) {
        for (key, prepared) in loaded {
            for id in self.awaiting.get(&key).into_iter().flatten() {
                if let Some(entry) = self.entries.get_mut(id) {
                    entry.prepared = Some(Arc::clone(&prepared));
                }
            }
            self.cache.put(key, prepared);
        }
        for key in asked {
            for id in self.awaiting.remove(key).unwrap_or_default() {
                if matches!(self.entries.get(&id), Some(Entry { state: State::Loading, .. })) {
                    self.admit(id, true);
                }
            }
        }
    }

    fn fire_due(&mut self) {
        if self.stopping.is_some() {
            return;
        }
        let now = self.config.env.now();
        while let Some((at, id)) = self.heap.pop_due(now) {
            let due = |e: &Entry| matches!(e.state, State::Waiting) && e.fire.fire_at == at;
            if self.entries.get(&id).is_some_and(due) {
                self.admit(id, false);
            }
        }
    }

    /// Its instant has come: the job's policy decides.
    fn admit(&mut self, id: ExecutionId, just_loaded: bool) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let key = (entry.fire.job, entry.fire.version);
        let prepared = entry.prepared.take().or_else(|| self.cache.get(key));
        let Some(prepared) = prepared else {
            if just_loaded {
                let reason = "the version of the job that was to run is no longer on record";
                tracing::error!(execution = %id, reason);
                self.report(id, Reported::Skipped { reason: reason.into() });
                self.finish(id, Status::Skipped);
            } else {
                entry.state = State::Loading;
                self.want(key, id);
            }
            return;
        };
        let Fire { job, trigger, fire_at: due, .. } = entry.fire;
        let arrival =
            Arrival { id, policy: prepared.spec.concurrency, trigger, due, now: self.config.env.now() };
        entry.prepared = Some(prepared);
        match self.lanes.entry(job).or_default().admit(arrival) {
            Verdict::Start => self.begin(id),
            Verdict::Wait => entry.state = State::InLane,
            Verdict::Skip(reason) => {
                self.report(id, Reported::Skipped { reason: reason.into() });
                self.finish(id, Status::Skipped);
            }
            Verdict::Replace(others) => {
                for other in others {
                    self.replace(other);
                }
                self.begin(id);
            }
        }
    }

    fn replace(&mut self, id: ExecutionId) {
        let Some(entry) = self.end(id) else { return };
        let cut_off = match entry.state {
            State::Running { started_at, .. } => Some((entry.fire.attempt, started_at)),
            _ => None,
        };
        self.report(id, Reported::Replaced { attempt: cut_off });
        self.finish(id, Status::Cancelled);
    }

    /// Stops whatever an execution is doing and frees what it holds. It is answered as it stood.
    fn end(&mut self, id: ExecutionId) -> Option<Entry> {
        let entry = self.entries.get_mut(&id)?;
        let was = std::mem::replace(&mut entry.state, State::Over);
        let ended = Entry {
            fire: entry.fire.clone(),
            state: was,
            prepared: entry.prepared.take(),
            first_started_at: entry.first_started_at,
        };
        match (&ended.state, &ended.prepared) {
            (State::Over, _) => return None,
            (State::Running { abort, fresh, .. }, Some(prepared)) => {
                abort.abort();
                self.running -= 1;
                self.capacity.leave(&prepared.origin, *fresh);
            }
            (State::InLine, Some(prepared)) => self.capacity.forget(&prepared.origin, id),
            _ => {}
        }
        self.leave_lane(ended.fire.job, id);
        self.launch_waiting();
        Some(ended)
    }

    fn leave_lane(&mut self, job: i64, id: ExecutionId) {
        let Some(lane) = self.lanes.get_mut(&job) else { return };
        let next = lane.leave(id);
        if lane.is_empty() {
            self.lanes.remove(&job);
        }
        if let Some(next) = next {
            self.begin(next);
        }
    }

    /// Marks an execution as over, counts it, and lets the next of its job go.
    fn finish(&mut self, id: ExecutionId, status: Status) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.state = State::Over;
        entry.prepared = None;
        let took = entry.first_started_at.map(|at| self.config.env.now() - at);
        let job = entry.fire.job;
        self.config.metrics.execution_ended(status, took);
        self.leave_lane(job, id);
    }

    fn report(&self, id: ExecutionId, what: Reported) {
        let Some(Entry { fire, .. }) = self.entries.get(&id) else { return };
        let report = Report {
            execution: id,
            job: fire.job,
            version: fire.version,
            slot: fire.slot,
            trigger: fire.trigger,
            node: fire.node.clone(),
            what,
        };
        // The reporter ends only after this task.
        let _ = self.reports.send(report);
    }
}
