//! The task that owns everything about to be fired: its loop, and what it holds. What it does about
//! each thing that happens is in the files below.

mod attempt;
mod entry;
mod handle;
mod intake;
mod load;
mod stock;
mod turn;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chronos_env::{Env, Timer};
use chronos_replica::{Activity, Proposer, Store, View};
use chronos_state::{Fire, JobSeq, Report, Reported};
use chronos_types::{Concurrency, ExecutionId, NodeName};
use chronos_webhook::Client;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Instant;

use self::entry::{Entry, State};
pub use self::handle::Handle;
use self::handle::{Inbox, Message};
use self::stock::Questions;
use super::capacity::Capacity;
use super::fence::Fence;
use super::lane::Lane;
use super::prepared::{Cache, Key};
use super::report;
use super::timer::Heap;
use crate::Metrics;

/// Those of this long show together, so that a busy node does not wake for each.
const SHOW_TOGETHER: Duration = Duration::from_millis(50);
/// Between tries to ask the state or the leader.
const PAUSE: Duration = Duration::from_millis(100);
/// How long outcomes may take to be recorded when the last attempt is over and the node stops: an
/// election may be under way, and without a quorum they never are.
const RECORD_WITHIN: Duration = Duration::from_secs(5);

/// What the dispatcher needs.
pub struct Config {
    /// This node's name, as plans name it.
    pub node: NodeName,
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

/// Holds everything that this node is about to fire.
pub struct Dispatcher {
    config: Config,
    messages: mpsc::UnboundedSender<Message>,
    entries: HashMap<ExecutionId, Entry>,
    heap: Heap,
    lanes: HashMap<JobSeq, Lane>,
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
    activity: Arc<Activity>,
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

impl Dispatcher {
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
            activity: inbox.activity,
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
            self.activity.set(self.running, self.may_begin());
        }
        let Self { entries, reports, stopping, lifting, activity, .. } = self;
        for entry in entries.into_values() {
            if let State::Running { abort, .. } = entry.state {
                abort.abort();
            }
        }
        activity.set(0, false);
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
        let busy: HashSet<JobSeq> = busy.map(|entry| entry.fire.run.job).collect();
        let keeps = |entry: &Entry| {
            begun(&entry) || matches!(entry.state, State::Over) || busy.contains(&entry.fire.run.job)
        };
        self.entries.iter().filter(|(_, entry)| keeps(entry)).map(|(id, _)| *id).collect()
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
