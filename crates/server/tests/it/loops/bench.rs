//! A node's log, state and dispatcher, without the loops that a test wants to start or to play.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chronos_dispatch::{self as dispatch, Dispatcher};
use chronos_engine::{self as engine, Planner, PlannerConfig, PlannerInbox, Quota, Reassignment, Services};
use chronos_env::{Env, Loops};
use chronos_peer::{Caller, HttpTransport};
use chronos_replica::{
    Activity, ComparePace, Dependencies, Lease, LogLimits, Metrics, Proposer, Replica, ReplicaConfig,
    StateChange, Store, View,
};
use chronos_seal::Keyring;
use chronos_state::{
    Batch, Command, Effect, Fire, JobSeq, Machine, Outcome, Plan, PlanStep, PlannedRun, TriggerRun,
};
use chronos_types::{DurationMs, ExecutionId, JobId, Millis, NodeName, Status, Trigger};
use chronos_webhook::{Client, ClientConfig, Egress};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The name of the node.
pub const OWN: &str = "one";
/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A job that a test made.
#[derive(Clone, Copy, Debug)]
pub struct Made {
    pub id: JobId,
    /// The machine's own number of it.
    pub seq: JobSeq,
}

pub struct Bench {
    pub env: Env,
    pub store: Store,
    pub proposer: Proposer,
    pub dispatcher: dispatch::Handle,
    pub activity: Arc<Activity>,
    pub metrics: engine::Metrics,
    registry: Registry,
    pub view: watch::Sender<View>,
    pub lease: Lease,
    /// The runs that each entry of the log had planned.
    planned: Arc<Mutex<Vec<Vec<Fire>>>>,
    planning: Mutex<Option<PlannerInbox>>,
    made: AtomicUsize,
    _directory: tempfile::TempDir,
}

pub fn view(live: &[&str], silent: &[&str], fenced: bool) -> View {
    let names = |names: &[&str]| names.iter().map(|name| NodeName::unchecked(name)).collect();
    View { live: names(live), silent: names(silent), fenced, may_plan: true, ..View::default() }
}

/// Runs a loop until `stop`.
pub fn start(work: impl Future<Output = ()> + Send + 'static, stop: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = work => {}
        }
    })
}

impl Bench {
    pub async fn start(first: View) -> Self {
        Self::start_in(Env::real(), 1_024, first).await
    }

    /// In a world of its own, where so many bytes of a response are kept.
    pub async fn start_in(env: Env, max_response_body: usize, first: View) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let machine = Machine::open(&directory.path().join("state.db")).expect("the state opens");
        let store = Store::open(&machine, Metrics::default(), &env).expect("readers");
        let activity = Arc::<Activity>::default();
        let (dispatcher, inbox) = Dispatcher::channel(activity.clone());
        let (effects, (planner, planning)) = (dispatcher.clone(), Planner::channel());
        let planned = Arc::<Mutex<Vec<Vec<Fire>>>>::default();
        let fires = planned.clone();
        let sink = Box::new(move |change: StateChange| match change {
            StateChange::Applied(applied) => {
                let new = applied.effects.iter().filter_map(|effect| match effect {
                    Effect::Fire(fire) if fire.attempt == 1 => Some(fire.clone()),
                    _ => None,
                });
                fires.lock().unwrap().push(new.collect());
                if applied.effects.iter().any(|effect| matches!(effect, Effect::DueChanged)) {
                    planner.due_changed();
                }
                planner.ended(&applied.ended);
                effects.effects(applied.effects);
            }
            StateChange::Replaced => effects.rescan(),
        });
        let config = ReplicaConfig {
            node_id: NodeName::unchecked(OWN),
            data_dir: directory.path().to_owned(),
            heartbeat_interval_ms: 100,
            election_timeout_ms: 500,
            advertise: "127.0.0.1:1".into(),
            http: "127.0.0.1:2".into(),
            version: String::new(),
            tz_release: String::new(),
            follows: chronos_state::VERSION,
            encryption_keys: Vec::new(),
            join: Vec::new(),
            bootstrap: true,
            max_voters: 5,
            reassign_after: PATIENCE,
            log: LogLimits::default(),
            compare: ComparePace::default(),
        };
        let caller = Caller { node: OWN.into(), address: String::new(), cluster: Arc::default() };
        let loops = Loops::new(&env);
        // A cluster of one calls nobody.
        let transport = HttpTransport::new(None, caller.clone(), env.clone());
        let dependencies = Dependencies {
            machine,
            sink,
            transport: Arc::new(transport),
            caller,
            activity: activity.clone(),
            metrics: Metrics::default(),
            loops: loops.clone(),
            env: env.clone(),
        };
        let replica = Replica::start(config, dependencies).await.expect("it starts");
        let proposer = Proposer::start(replica);
        let lease = Lease::new(env.clone(), PATIENCE);
        lease.set_alone(!first.fenced);
        let view = watch::Sender::new(first);
        let mut registry = Registry::with_prefix("chronos");
        let metrics = engine::Metrics::new(&mut registry);
        let client = ClientConfig {
            timeout: PATIENCE,
            max_response_body,
            ca_file: None,
            egress: Egress::default(),
            proxy: None,
            no_proxy: Vec::new(),
            max_idle: 64,
        };
        let config = dispatch::Config {
            node: NodeName::unchecked(OWN),
            max_concurrent: 64,
            store: store.clone(),
            proposer: proposer.clone(),
            client: Client::new(&client, chronos_webhook::Metrics::default(), env.clone()).expect("a client"),
            keyring: Keyring::default(),
            lease: lease.clone(),
            env: env.clone(),
            metrics: dispatch::Metrics::new(&mut registry),
            loops,
        };
        Dispatcher::start(config, inbox).expect("a dispatcher");
        let made = AtomicUsize::new(0);
        Self {
            env,
            store,
            proposer,
            dispatcher,
            activity,
            metrics,
            registry,
            view,
            lease,
            planned,
            planning: Mutex::new(Some(planning)),
            made,
            _directory: directory,
        }
    }

    /// This is who is there from now on, and whether this node is fenced.
    pub fn see(&self, view: View) {
        self.lease.set_alone(!view.fenced);
        self.view.send_replace(view);
    }

    /// The metrics, as they are read.
    pub fn exposition(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a text takes it");
        text
    }

    pub async fn propose(&self, command: Command) -> Outcome {
        let outcome = self.proposer.propose(command.into()).await.expect("it is taken");
        assert!(!matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
        outcome
    }

    /// Creates a job that falls due at `due`, or never where that is 0.
    pub async fn job(&self, url: &str, concurrency: &str, due: Millis) -> Made {
        self.job_since(self.env.now(), "@every 1h", "ignore", url, concurrency, due).await
    }

    /// Creates a job whose schedule counts from `now`.
    pub async fn job_since(
        &self,
        now: Millis,
        schedule: &str,
        missed_runs: &str,
        url: &str,
        concurrency: &str,
        due: Millis,
    ) -> Made {
        let number = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        let id = JobId::new(now, self.env.random_bytes());
        let due = if due == 0 { "null".to_owned() } else { due.to_string() };
        let json = format!(
            r#"1 {{"at":{now},"items":[{{"command":{{"put_job":{{"id":"{id}","from_version":null,
            "created_at":{now},"next_due":{due},"spec":{{"name":"job-{number}","description":"",
            "schedule":"{schedule}","timezone":"UTC","webhook":{{"url":"{url}","method":null,"headers":[],
            "body":null,"auth":null,"success_codes":null,"timeout_ms":null,"tls_skip_verify":false,
            "max_redirects":0}},"retry":{{"max_attempts":3,"initial_ms":3000,"max_ms":60000,
            "multiplier":2.0,"jitter":0.0}},"timeout_ms":null,"concurrency":"{concurrency}",
            "missed_runs":"{missed_runs}","jitter_ms":0,"start_at":null,"end_at":null,"tags":{{}},
            "enabled":true}}}}}}}}]}}"#
        );
        for item in Batch::decode(json.as_bytes()).expect("a batch").items {
            self.propose(item.command).await;
        }
        Made { id, seq: JobSeq::new(i64::try_from(number).expect("a number")) }
    }

    /// Asks for a run by hand, to be fired by `node` if no other holds one that it may not overlap with.
    pub async fn trigger(&self, job: Made, node: &str) -> ExecutionId {
        let execution = ExecutionId::manual(job.id, self.env.now(), self.env.random_bytes());
        let node = NodeName::unchecked(node);
        let run =
            TriggerRun { job: job.id, execution, replay_of: None, node, overrides: None, operation: None };
        self.propose(Command::Trigger(run)).await;
        execution
    }

    /// Plans the run of a job that falls due at `scheduled_time`.
    pub async fn plan(&self, job: Made, scheduled_time: Millis, node: &str) -> ExecutionId {
        self.plan_version(job, 1, scheduled_time, node).await
    }

    /// The same by a version of the job.
    pub async fn plan_version(
        &self,
        job: Made,
        version: u64,
        scheduled_time: Millis,
        node: &str,
    ) -> ExecutionId {
        let execution = ExecutionId::scheduled(job.id, scheduled_time);
        let (trigger, node) = (Trigger::Schedule, NodeName::unchecked(node));
        let fire_at = scheduled_time;
        let run = PlannedRun { execution, scheduled_time, trigger, fire_at, node, beside: false };
        let step = PlanStep {
            job: job.seq,
            version,
            from: scheduled_time,
            next_due: None,
            missed: None,
            run: Some(run),
        };
        self.propose(Command::Plan(Plan { steps: vec![step] })).await;
        execution
    }

    /// Has this node look after what nodes that are gone hold, as the leader does.
    pub fn look_after_the_gone(&self, stop: CancellationToken) -> JoinHandle<()> {
        start(Reassignment::new(self.services()).run(), stop)
    }

    /// Has this node plan, as the leader does; once.
    pub fn plan_what_is_due(&self, config: PlannerConfig, stop: CancellationToken) -> JoinHandle<()> {
        let inbox = self.planning.lock().unwrap().take().expect("it plans already");
        start(Planner::new(self.services(), config, inbox).expect("a timer").run(), stop)
    }

    /// The runs that were planned so far, by entry of the log, without entries that planned none.
    pub fn planned(&self) -> Vec<Vec<Fire>> {
        self.planned.lock().unwrap().iter().filter(|fires| !fires.is_empty()).cloned().collect()
    }

    /// What the loops of this node work with.
    pub fn services(&self) -> Services {
        Services {
            node: NodeName::unchecked(OWN),
            env: self.env.clone(),
            store: self.store.clone(),
            proposer: self.proposer.clone(),
            view: self.view.subscribe(),
            activity: self.activity.clone(),
            misfire_threshold: DurationMs::from_secs(60),
            metrics: self.metrics.clone(),
            keyring: Keyring::default(),
            sealing: engine::SealingMemory::default(),
            scope_tag: None,
            quota: Quota::new(u64::MAX, self.store.clone(), self.metrics.clone()),
        }
    }

    pub async fn reassign(&self, execution: ExecutionId, from: &str, to: &str) {
        self.propose(super::moved(execution, from, to)).await;
    }

    /// The unfinished executions of a node, in order.
    pub async fn open(&self, node: &str) -> Vec<ExecutionId> {
        let node = NodeName::unchecked(node);
        let open = self.store.read(move |reader| reader.open_of(&node, None, 1_000)).await;
        let mut open: Vec<_> = open.expect("the state").into_iter().map(|run| run.execution).collect();
        open.sort_unstable();
        open
    }

    /// Waits until an execution stands so.
    pub async fn settled(&self, execution: ExecutionId, status: Status) {
        let settle = async {
            loop {
                let row = self.store.read(move |reader| reader.execution(execution)).await;
                if row.expect("the state").is_some_and(|row| row.execution.status == status) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let settled = tokio::time::timeout(PATIENCE, settle).await;
        assert!(settled.is_ok(), "{execution} was to be {status:?}");
    }

    pub async fn until(&self, what: &str, reached: impl Fn() -> bool) {
        let wait = async {
            while !reached() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "it was waited in vain until {what}");
    }
}
