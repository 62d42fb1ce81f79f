//! The task that owns everything about to be fired, and the handle others speak to it by.

mod attempt;
mod stock;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use chronos_state::{Effect, Fire, Report, Reported};
use chronos_types::{Concurrency, ExecutionId, Millis, Status, Trigger};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Instant;

use self::attempt::Done;
use self::stock::{Open, Questions};
use super::capacity::Capacity;
use super::client::Client;
use super::fence::{Fence, Round};
use super::lane::{Arrival, Lane, Verdict};
use super::prepared::{self, Cache, Key, Prepared};
use super::report;
use super::timer::Heap;
use crate::env::{Env, Timer};
use crate::proposer::Proposer;
use crate::raft::View;
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
/// How long outcomes may take to be recorded when the last attempt is over and the node stops: an
/// election may be under way, and without a quorum they never are.
const RECORD_WITHIN: Duration = Duration::from_secs(5);

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
    /// Whether this node is cut off.
    pub view: watch::Receiver<View>,
    /// The clock.
    pub env: Env,
    /// The counters.
    pub metrics: Metrics,
}

enum Message {
    Effects(Vec<Effect>),
    Rescan,
    /// All that was agreed on when the fence began to be lifted is applied.
    CaughtUp(Round),
    Open(Open),
    Loaded(Vec<Key>, Vec<(Key, Arc<Prepared>)>),
    Done(Done),
    Close(oneshot::Sender<HashSet<ExecutionId>>),
    Stop(Duration, oneshot::Sender<()>),
}

/// Speaks to the dispatcher. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    messages: mpsc::UnboundedSender<Message>,
    firing: Arc<AtomicUsize>,
    fires: Arc<AtomicBool>,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Effects(_) => "Effects",
            Self::Rescan => "Rescan",
            Self::CaughtUp(_) => "CaughtUp",
            Self::Open(_) => "Open",
            Self::Loaded(..) => "Loaded",
            Self::Done(_) => "Done",
            Self::Close(_) => "Close",
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

    /// Attempts under way on this node.
    #[must_use]
    pub fn firing(&self) -> usize {
        self.firing.load(Ordering::Relaxed)
    }

    /// Whether attempts may begin: not while this node is cut off, nor before it has taken in what it owes.
    #[must_use]
    pub fn fires(&self) -> bool {
        self.fires.load(Ordering::Relaxed)
    }

    /// Starts nothing more. Answers the executions that others must leave alone for now: those with
    /// an attempt under way, or with one whose outcome is not recorded yet, and those that may not
    /// begin beside them.
    pub async fn close(&self) -> HashSet<ExecutionId> {
        let (answer, answered) = oneshot::channel();
        // Where the dispatcher is gone, so is all that it held.
        let _ = self.messages.send(Message::Close(answer));
        answered.await.unwrap_or_default()
    }

    /// Starts nothing more, waits for the attempts under way, at most `grace`, and for their
    /// reports. What is cut off is fired again: by another node, or after the next start.
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
    /// For the fence to be lifted; otherwise its turn has come.
    Held,
    /// For a slot.
    InLine,
    /// An attempt is under way.
    Running { abort: AbortHandle, started_at: Millis, fresh: bool },
    /// A failed attempt is reported; the state will arm the next one.
    Reported,
    /// Its end is reported.
    Over,
    /// It was withdrawn, and a life before this one may have begun it: that is told at its instant,
    /// unless it is planned anew by then.
    Withdrawn,
}

#[derive(Debug)]
struct Entry {
    fire: Fire,
    state: State,
    /// It may be from a life before this one, which may have begun it.
    inherited: bool,
    prepared: Option<Arc<Prepared>>,
    first_started_at: Option<Millis>,
}

impl Entry {
    /// What it runs.
    fn key(&self) -> Key {
        (self.fire.job, self.fire.version)
    }

    /// Whether an attempt was begun, or its end reported.
    fn has_begun(&self) -> bool {
        matches!(self.state, State::Running { .. } | State::Reported | State::Over)
    }
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
    firing: Arc<AtomicUsize>,
    fires: Arc<AtomicBool>,
    reports: mpsc::UnboundedSender<Report>,
    fence: Fence,
    /// The task that waits for the state to be caught up with.
    lifting: Option<AbortHandle>,
    /// Executions that are, or were, [`State::Held`].
    held: Vec<ExecutionId>,
    /// A message is being taken in: what comes later in it may undo what comes first.
    taking_in: bool,
    questions: Questions,
    /// All that a life before this one can have begun was taken in: what comes now is this one's own.
    at_home: bool,
    /// Nothing more begins: the node is about to stop.
    closed: bool,
    stopping: Option<(Instant, oneshot::Sender<()>)>,
}

/// The receiving end of a [`Handle`], for [`Dispatcher::start`].
pub struct Inbox {
    sender: mpsc::UnboundedSender<Message>,
    receiver: mpsc::UnboundedReceiver<Message>,
    firing: Arc<AtomicUsize>,
    fires: Arc<AtomicBool>,
}

impl Dispatcher {
    /// A handle to speak to before the dispatcher runs.
    #[must_use]
    pub fn channel() -> (Handle, Inbox) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let (firing, fires) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let handle = Handle { messages: sender.clone(), firing: firing.clone(), fires: fires.clone() };
        (handle, Inbox { sender, receiver, firing, fires })
    }

    /// Takes up what is open from before as soon as this node has caught up with the cluster, and
    /// everything that comes.
    ///
    /// # Errors
    /// The system has no timer left.
    pub fn start(config: Config, inbox: Inbox) -> Result<JoinHandle<()>, String> {
        let timer = config.env.timer().map_err(|error| format!("no timer: {error}"))?;
        let (reports, to_report) = mpsc::unbounded_channel();
        let reporter = tokio::spawn(report::run(config.proposer.clone(), to_report));
        let dispatcher = Self {
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
            firing: inbox.firing,
            fires: inbox.fires,
            reports,
            fence: Fence::new(),
            lifting: None,
            held: Vec::new(),
            taking_in: false,
            questions: Questions::default(),
            at_home: false,
            closed: false,
            stopping: None,
        };
        Ok(tokio::spawn(dispatcher.run(inbox.receiver, timer, reporter)))
    }

    async fn run(
        mut self,
        mut messages: mpsc::UnboundedReceiver<Message>,
        mut timer: Box<dyn Timer>,
        reporter: JoinHandle<()>,
    ) {
        let mut inbox = Vec::new();
        let mut view = self.config.view.clone();
        self.follow(view.borrow_and_update().fenced);
        while !self.is_stopped() {
            self.load();
            let next = if self.may_begin() { self.heap.next() } else { None };
            let look = self.next_look();
            tokio::select! {
                received = messages.recv_many(&mut inbox, 1_024) => {
                    if received == 0 { break; }
                    for message in inbox.drain(..) { self.receive(message); }
                }
                // Where nobody looks after the view any more, what it said last holds.
                Ok(()) = view.changed() => self.follow(view.borrow_and_update().fenced),
                () = timer.wait_until(next.unwrap_or(i64::MAX / 1000)), if next.is_some() => {}
                () = tokio::time::sleep_until(look.unwrap_or_else(Instant::now)), if look.is_some() => {
                    self.show_running();
                    self.grow_old();
                }
            }
            self.fire_due();
            self.config.metrics.executions_running(self.running, self.capacity.waiting());
            self.firing.store(self.running, Ordering::Relaxed);
            self.fires.store(self.may_begin(), Ordering::Relaxed);
        }
        let Self { entries, reports, stopping, lifting, firing, .. } = self;
        for entry in entries.into_values() {
            if let State::Running { abort, .. } = entry.state {
                abort.abort();
            }
        }
        firing.store(0, Ordering::Relaxed);
        if let Some(lifting) = lifting {
            lifting.abort();
        }
        drop(reports);
        let soonest = Instant::now() + RECORD_WITHIN;
        let until = stopping.as_ref().map_or(soonest, |(deadline, _)| soonest.max(*deadline));
        let unfinished = reporter.abort_handle();
        if tokio::time::timeout_at(until, reporter).await.is_err() {
            tracing::warn!("outcomes could not be recorded in time; they are fired again");
            unfinished.abort();
        }
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
            Message::Effects(effects) => self.effects(effects),
            Message::Rescan => self.ask_what_is_open(None),
            Message::CaughtUp(round) => self.caught_up(round),
            Message::Open(open) => self.open(open),
            Message::Loaded(asked, loaded) => self.loaded(&asked, loaded),
            Message::Done(done) => self.done(done),
            Message::Close(answer) => {
                self.closed = true;
                let _ = answer.send(self.to_keep());
            }
            Message::Stop(grace, done) => {
                self.closed = true;
                self.stopping = Some((Instant::now() + grace, done));
            }
        }
    }

    /// Whether attempts may begin now.
    fn may_begin(&self) -> bool {
        !self.closed && !self.taking_in && self.fence.is_down()
    }

    /// Executions that no other node may fire yet.
    fn to_keep(&self) -> HashSet<ExecutionId> {
        let overlaps =
            |entry: &Entry| entry.prepared.as_ref().is_some_and(|p| p.spec.concurrency == Concurrency::Allow);
        let begun = |entry: &&Entry| matches!(entry.state, State::Running { .. } | State::Reported);
        let busy = self.entries.values().filter(begun).filter(|entry| !overlaps(entry));
        let busy: HashSet<i64> = busy.map(|entry| entry.fire.job).collect();
        let keeps = |entry: &Entry| {
            begun(&entry) || matches!(entry.state, State::Over) || busy.contains(&entry.fire.job)
        };
        self.entries.iter().filter(|(_, entry)| keeps(entry)).map(|(id, _)| *id).collect()
    }

    fn effects(&mut self, effects: Vec<Effect>) {
        self.taking_in = true;
        for effect in effects {
            self.effect(effect);
        }
        self.taking_in = false;
        self.go_on();
    }

    fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Fire(fire) => {
                self.questions.spoken_of(fire.execution);
                if fire.node == self.config.node { self.take(fire) } else { self.give_up(fire.execution) }
            }
            Effect::Withdraw(fire) => {
                self.questions.spoken_of(fire.execution);
                if fire.node == self.config.node {
                    self.withdraw(fire);
                }
            }
            Effect::Cancel(id) => {
                self.questions.spoken_of(id);
                if let Some(entry) = self.end(id) {
                    self.config.metrics.execution_ended(
                        Status::Cancelled,
                        entry.first_started_at.map(|at| self.config.env.now() - at),
                    );
                }
                self.entries.remove(&id);
            }
            Effect::Settled(id) => {
                self.questions.spoken_of(id);
                // It was settled by our own report, ended while the word of a failed attempt was
                // on its way, or was delivered by another node while it waited here. An attempt
                // under way goes on: what it comes to changes nothing any more.
                self.give_up(id);
            }
            Effect::DueChanged => {}
        }
    }

    /// It was taken off the record. Once it has begun it goes on, and its report brings the record back.
    /// Otherwise that is told.
    fn withdraw(&mut self, fire: Fire) {
        let (id, entry) = (fire.execution, self.entries.get(&fire.execution));
        if entry.is_some_and(Entry::has_begun) {
            return;
        }
        let inherited = entry.map_or(!self.at_home, |entry| entry.inherited);
        self.end(id);
        self.entries.remove(&id);
        if inherited {
            self.heap.push(fire.fire_at, id);
            let state = State::Withdrawn;
            self.entries.insert(id, Entry { fire, state, inherited, prepared: None, first_started_at: None });
        } else {
            self.tell(&fire, Reported::NotBegun);
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
            // Its job changed before its instant, or it was withdrawn and is planned anew.
            Some(Entry { state: State::Waiting | State::Withdrawn, fire: known, inherited, .. })
                if known.version < fire.version =>
            {
                let inherited = *inherited;
                self.entries.remove(&id);
                self.wait(fire, inherited);
            }
            // Told twice: by the state when it was asked and by an effect since. Or it went to
            // another node, and came back while the attempt was still under way.
            Some(_) => {}
            None => self.wait(fire, !self.at_home),
        }
    }

    /// Holds an execution until its time.
    fn wait(&mut self, fire: Fire, inherited: bool) {
        let (id, key) = (fire.execution, (fire.job, fire.version));
        let prepared = self.cache.get(key);
        if prepared.is_none() && fire.fire_at - self.config.env.now() < READ_AHEAD_MS {
            self.want(key, id);
        }
        if fire.begun {
            self.lanes.entry(fire.job).or_default().resume(id);
        }
        self.heap.push(fire.fire_at, id);
        let state = State::Waiting;
        self.entries.insert(id, Entry { fire, state, inherited, prepared, first_started_at: None });
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
                if let Some(entry) = self.entries.get_mut(id).filter(|entry| entry.key() == key) {
                    entry.prepared = Some(Arc::clone(&prepared));
                }
            }
            self.cache.put(key, prepared);
        }
        for key in asked {
            for id in self.awaiting.remove(key).unwrap_or_default() {
                // It may run another version by now, which is asked for too.
                let entry = self.entries.get_mut(&id).filter(|entry| entry.key() == *key);
                let Some(Entry { state: state @ State::Loading, fire, .. }) = entry else { continue };
                if self.fence.is_down() {
                    self.admit(id, true);
                } else {
                    // The job's policy decides when it may begin, by what is open then.
                    *state = State::Waiting;
                    self.heap.push(fire.fire_at, id);
                }
            }
        }
    }

    fn fire_due(&mut self) {
        if !self.may_begin() {
            return;
        }
        let now = self.config.env.now();
        while let Some((at, id)) = self.heap.pop_due(now) {
            let Some(entry) = self.entries.get(&id).filter(|entry| entry.fire.fire_at == at) else {
                continue;
            };
            match entry.state {
                State::Waiting => self.admit(id, false),
                State::Withdrawn => {
                    self.tell(&entry.fire, Reported::Unknown);
                    self.entries.remove(&id);
                }
                _ => {}
            }
        }
    }

    /// Its instant has come: the job's policy decides.
    fn admit(&mut self, id: ExecutionId, just_loaded: bool) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let key = entry.key();
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
            inherited: entry.inherited,
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
        if let Some(Entry { fire, .. }) = self.entries.get(&id) {
            self.tell(fire, what);
        }
    }

    fn tell(&self, fire: &Fire, what: Reported) {
        // The reporter ends only after this task.
        let _ = self.reports.send(Report::of(fire, what));
    }
}
