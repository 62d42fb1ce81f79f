//! A core, its clocks, and what it asked for. Executions and jobs go by small numbers.

use std::time::Duration;

use chronos_replica::Tenure;
use chronos_state::{Effect, Fire, JobSeq, Report, Reported, RunRef};
use chronos_types::{
    Concurrency, DurationMs, ErrorKind, ExecutionId, Headers, JobId, JobName, JobSpec, Millis, MissedRuns,
    NodeName, Phases, Response, RetryPolicy, Tags, TargetUrl, Template, Trigger, Waited, Webhook,
};
use chronos_webhook::{Outcome, TokenFault};

use crate::core::backlog::Question;
use crate::core::fence::Round;
use crate::core::{Action, Core, Ended, Event, Key, Loaded, Now, Unmade};

/// The node whose core it is.
pub(super) const OWN: &str = "one";
/// The executions by which targets become known are numbered from here.
const KNOWN: i64 = 900_000_000;
/// Where the wall clock begins.
pub(super) const START: Millis = 1_000_000;

/// A core, and what goes on around it.
pub(super) struct Bench {
    pub(super) core: Core,
    pub(super) now: Now,
    /// Questions that are not answered.
    pub(super) questions: Vec<Question>,
    /// Rounds in which the state is being caught up with.
    pub(super) rounds: Vec<Round>,
    /// Attempts that are to read first what they send.
    pub(super) unread: usize,
    /// What the last attempt that ended is reported to have waited for.
    pub(super) waited: Waited,
    /// Leases that there have been.
    tenures: u64,
}

impl Bench {
    /// Just started: the fence is up, and nobody knows what there was before.
    pub(super) fn new(max_concurrent: usize) -> Self {
        let core = Core::new(NodeName::unchecked(OWN), max_concurrent);
        let now = Now { wall: START, monotonic: Duration::ZERO, lease: None };
        let (questions, rounds) = (Vec::new(), Vec::new());
        Self { core, now, questions, rounds, unread: 0, waited: Waited::default(), tenures: 0 }
    }

    /// Recovered, with nothing from before: the fence is down.
    pub(super) fn recovered(max_concurrent: usize) -> Self {
        let mut bench = Self::new(max_concurrent);
        bench.lift([]);
        bench
    }

    /// Takes in an event; the actions, as text.
    pub(super) fn on(&mut self, event: Event) -> Vec<String> {
        let mut actions = Vec::new();
        self.core.on(event, self.now, &mut actions);
        actions.into_iter().map(|action| self.show(action)).collect()
    }

    /// Lets the clocks go on, and tells the core.
    pub(super) fn after(&mut self, ms: i64) -> Vec<String> {
        self.now.wall += ms;
        self.now.monotonic += Duration::from_millis(ms.unsigned_abs());
        self.on(Event::Tick)
    }

    pub(super) fn tick(&mut self) -> Vec<String> {
        self.after(0)
    }

    /// One batch was applied.
    pub(super) fn applied<const N: usize>(&mut self, effects: [Effect; N]) -> Vec<String> {
        self.on(Event::Applied(effects.into()))
    }

    /// Puts a version of a job at hand.
    pub(super) fn knows(&mut self, job: i64, version: u64, concurrency: Concurrency) {
        self.knows_as(spec(job, concurrency), job, version);
    }

    pub(super) fn knows_as(&mut self, spec: JobSpec, job: i64, version: u64) {
        let loaded = vec![(key(job, version), prepared(spec))];
        assert_eq!(self.on(Event::Loaded { asked: Vec::new(), loaded, bad: Vec::new() }), [""; 0]);
    }

    /// Answers a read of versions with those of them that are on record.
    pub(super) fn loaded(&mut self, asked: &[(i64, u64)], found: &[(i64, u64)]) -> Vec<String> {
        let key = |(job, version): &(i64, u64)| key(*job, *version);
        let load = |of: &(i64, u64)| (key(of), prepared(spec(of.0, Concurrency::Forbid)));
        self.on(Event::Loaded {
            asked: asked.iter().map(key).collect(),
            loaded: found.iter().map(load).collect(),
            bad: Vec::new(),
        })
    }

    /// Answers a read of what an execution has of its own, with a version of its job.
    pub(super) fn loaded_for(&mut self, execution: i64, job: i64, version: u64) -> Vec<String> {
        let key = Key { overridden: Some(id(execution)), ..key(job, version) };
        let loaded = vec![(key, prepared(spec(job, Concurrency::Allow)))];
        self.on(Event::Loaded { asked: vec![key], loaded, bad: Vec::new() })
    }

    /// Answers a read of one version of a job: it cannot be read.
    pub(super) fn unreadable(&mut self, job: i64, version: u64, why: &str) -> Vec<String> {
        let key = key(job, version);
        self.on(Event::Loaded { asked: vec![key], loaded: Vec::new(), bad: vec![(key, why.to_owned())] })
    }

    /// An attempt ended after 10 ms.
    pub(super) fn ended(&mut self, execution: i64, attempt: u32, outcome: Outcome) -> Vec<String> {
        self.ended_with(execution, attempt, outcome, 0.5)
    }

    pub(super) fn ended_with(&mut self, n: i64, attempt: u32, outcome: Outcome, draw: f64) -> Vec<String> {
        let ended = Ended { execution: id(n), attempt, duration_ms: 10, outcome: Ok(outcome) };
        self.on(Event::AttemptEnded { ended, draw })
    }

    /// What a first attempt was to send is not on record any more.
    pub(super) fn gone(&mut self, n: i64) -> Vec<String> {
        let ended = Ended { execution: id(n), attempt: 1, duration_ms: 0, outcome: Err(Unmade::VersionGone) };
        self.on(Event::AttemptEnded { ended, draw: 0.0 })
    }

    /// A first attempt was answered after so long.
    pub(super) fn answered_after(&mut self, n: i64, duration_ms: u64) -> Vec<String> {
        let ended = Ended { execution: id(n), attempt: 1, duration_ms, outcome: Ok(success()) };
        self.on(Event::AttemptEnded { ended, draw: 0.5 })
    }

    /// The target of a job answers once, so that it is known.
    pub(super) fn answers(&mut self, job: i64) {
        let mut first = fire(KNOWN + job);
        first.run.job = JobSeq::new(job);
        first.run.trigger = Trigger::Manual;
        self.applied([Effect::Fire(first)]);
        let begun = self.tick();
        assert_eq!(begun, [format!("attempt {}#1 v1", KNOWN + job)]);
        self.ended(KNOWN + job, 1, success());
        self.applied([Effect::Settled(id(KNOWN + job))]);
    }

    /// What is sent, and what deciding needs to know of it, of a version that is read with this body.
    pub(super) fn knows_body(&mut self, job: i64, bytes: usize) {
        let plain = spec(job, Concurrency::Allow);
        let body = Some(Template::parse(&"x".repeat(bytes)).expect("a body"));
        self.knows_as(JobSpec { webhook: Webhook { body, ..plain.webhook }, ..plain }, job, 1);
    }

    /// Answers the oldest question.
    pub(super) fn answer<const N: usize>(&mut self, fires: [Fire; N]) -> Vec<String> {
        self.answer_withdrawn(fires, [])
    }

    pub(super) fn answer_withdrawn<const N: usize, const M: usize>(
        &mut self,
        fires: [Fire; N],
        withdrawn: [Fire; M],
    ) -> Vec<String> {
        let question = self.questions.remove(0);
        self.on(Event::Open { question, fires: fires.into(), withdrawn: withdrawn.into() })
    }

    /// The first request of an attempt was not sent, or one that a redirect asked for.
    pub(super) fn withheld(&mut self, n: i64, attempt: u32, has_sent: bool) -> Vec<String> {
        let outcome = Err(Unmade::Withheld { has_sent });
        let ended = Ended { execution: id(n), attempt, duration_ms: 10, outcome };
        self.on(Event::AttemptEnded { ended, draw: 0.0 })
    }

    /// The lease is over, and nobody says so.
    pub(super) fn lapse(&mut self) {
        self.now.lease = None;
    }

    /// There is another lease, and nobody says so.
    pub(super) fn renew(&mut self) {
        self.tenures += 1;
        self.now.lease = Some(Tenure(self.tenures));
    }

    pub(super) fn raise(&mut self) -> Vec<String> {
        self.lapse();
        self.on(Event::Lease)
    }

    pub(super) fn begin_to_lift(&mut self) -> Vec<String> {
        self.renew();
        self.on(Event::Lease)
    }

    /// Lifts the fence, where the state says that these are open. The actions of the last step.
    pub(super) fn lift<const N: usize>(&mut self, fires: [Fire; N]) -> Vec<String> {
        assert_eq!(self.begin_to_lift(), ["catch up"]);
        assert_eq!(self.caught_up(), ["ask"]);
        self.answer(fires)
    }

    /// The oldest round has caught up.
    pub(super) fn caught_up(&mut self) -> Vec<String> {
        let round = self.rounds.remove(0);
        self.on(Event::CaughtUp(round))
    }

    fn show(&mut self, action: Action) -> String {
        match action {
            Action::Attempt(attempt) => {
                self.unread += usize::from(attempt.webhook.is_none());
                format!("attempt {}#{} v{}", n(attempt.run.execution), attempt.number, attempt.run.version)
            }
            Action::Abort(execution) => format!("abort {}", n(execution)),
            Action::Report(report) | Action::AttemptEnded { report, .. } => {
                if let Reported::Ended { waited, .. } = &report.what {
                    self.waited = *waited;
                }
                show_report(&report)
            }
            Action::Postponed { execution, shortage } => format!("{} postponed: {shortage}", n(execution)),
            Action::ExecutionEnded { status, took_ms: None } => format!("over {}", status.as_str()),
            Action::ExecutionEnded { status, took_ms: Some(took) } => {
                format!("over {} in {took}", status.as_str())
            }
            Action::Load(keys) => {
                let keys = keys.iter().map(|Key { job, version, overridden }| {
                    let own = overridden.map_or(String::new(), |run| format!(" for {}", n(run)));
                    format!(" {}v{version}{own}", job.get())
                });
                format!("load{}", keys.collect::<String>())
            }
            Action::AskWhatIsOpen(question) => {
                self.questions.push(question);
                "ask".into()
            }
            Action::CatchUp(round) => {
                self.rounds.push(round);
                "catch up".into()
            }
            Action::StopCatchingUp => "stop catching up".into(),
            Action::FenceRaised => "fence raised".into(),
            Action::FenceLifted => "fence lifted".into(),
            Action::TakenUp { count } => format!("taken up {count}"),
            Action::VersionGone { execution, reason } if reason.contains("no longer on record") => {
                format!("version gone {}", n(execution))
            }
            Action::VersionGone { execution, reason } => format!("version of {}: {reason}", n(execution)),
        }
    }
}

fn show_report(report: &Report) -> String {
    let id = n(report.run.execution);
    match &report.what {
        Reported::Begun { attempt, .. } => format!("{id}#{attempt} is running"),
        Reported::Ended { attempt, failure: None, .. } => format!("{id}#{attempt} delivered"),
        Reported::Ended { attempt, retry_at: None, .. } => format!("{id}#{attempt} failed"),
        Reported::Ended { attempt, retry_at: Some(at), .. } => {
            format!("{id}#{attempt} failed, retry at {}", at - START)
        }
        Reported::Skipped { .. } => format!("{id} skipped"),
        Reported::Replaced { attempt: None } => format!("{id} replaced"),
        Reported::Replaced { attempt: Some((attempt, _)) } => format!("{id}#{attempt} replaced"),
        Reported::NotBegun => format!("{id} not begun"),
        Reported::Unknown => format!("{id} unknown"),
    }
}

/// A version of a job.
pub(in crate::core) fn key(job: i64, version: u64) -> Key {
    Key { job: JobSeq::new(job), version, overridden: None }
}

/// The execution of this number.
pub(super) fn id(n: i64) -> ExecutionId {
    ExecutionId::floor(n)
}

fn n(id: ExecutionId) -> i64 {
    id.as_bytes()[..6].iter().fold(0, |n, byte| n << 8 | i64::from(*byte))
}

/// The first attempt of an execution, scheduled for [`START`]. Execution 12 is the second of job 1, and so on.
pub(super) fn fire(n: i64) -> Fire {
    let job = JobSeq::new(if n < 10 { n } else { n / 10 });
    let trigger = Trigger::Schedule;
    let run = RunRef { execution: id(n), job, version: 1, scheduled_time: START, trigger };
    Fire {
        run,
        fire_at: START,
        attempt: 1,
        node: NodeName::unchecked(OWN),
        begun: false,
        policy: None,
        behind: false,
        overridden: false,
    }
}

/// The same at another instant.
pub(super) fn fire_at(n: i64, at: Millis) -> Fire {
    let mut fire = Fire { fire_at: START + at, ..fire(n) };
    fire.run.scheduled_time = START + at;
    fire
}

pub(super) fn version(version: u64, fire: Fire) -> Fire {
    Fire { run: RunRef { version, ..fire.run }, ..fire }
}

pub(super) fn on_node(node: &str, fire: Fire) -> Fire {
    Fire { node: NodeName::unchecked(node), ..fire }
}

/// An attempt that the state armed.
pub(super) fn retry(n: i64, attempt: u32, at: Millis) -> Fire {
    Fire { attempt, begun: true, ..fire_at(n, at) }
}

pub(super) fn success() -> Outcome {
    let response = Response { status_code: 200, ..Response::default() };
    let phases = Phases::default();
    Outcome { response, failure: None, retry_after: None, shortage: None, phases, token: None }
}

pub(super) fn failure(status: u16) -> Outcome {
    let response = Response { status_code: status, ..Response::default() };
    let failure = Some((ErrorKind::Status, status.to_string()));
    Outcome { response, failure, ..success() }
}

/// The target did not answer within the attempt's timeout.
pub(super) fn timeout() -> Outcome {
    let failure = Some((ErrorKind::Timeout, "no complete response".to_owned()));
    Outcome { response: Response::default(), failure, ..success() }
}

/// The target refused a token that was kept from before.
pub(super) fn refused_token() -> Outcome {
    let response = Response { status_code: 401, ..Response::default() };
    let failure = Some((ErrorKind::Auth, "401".to_owned()));
    Outcome { response, failure, token: Some(TokenFault::Refused), ..success() }
}

/// The target was not called, because this process had too little of something.
pub(super) fn shortage(of: &str) -> Outcome {
    Outcome { shortage: Some(of.to_owned()), ..failure(0) }
}

/// A job with a target of its own, three attempts, and waits of one and two seconds.
pub(in crate::core) fn spec(job: i64, concurrency: Concurrency) -> JobSpec {
    let s = DurationMs::from_secs;
    JobSpec {
        name: JobName::parse(&format!("job-{job}")).expect("a name"),
        description: String::new(),
        schedule: "@every 1h".into(),
        timezone: "UTC".into(),
        webhook: webhook(&format!("http://target-{job}/")),
        retry_policy: RetryPolicy::new(3, s(1), s(60), 2.0, 0.0).expect("a policy"),
        timeout: None,
        concurrency,
        missed_runs: MissedRuns::Ignore,
        jitter: DurationMs::default(),
        start_at: None,
        end_at: None,
        tags: Tags::default(),
        enabled: true,
    }
}

pub(super) fn webhook(url: &str) -> Webhook {
    Webhook {
        url: TargetUrl::parse(url).expect("a URL"),
        method: None,
        headers: Headers::default(),
        body: None,
        auth: None,
        signing: None,
        client_certificate: None,
        success_codes: None,
        timeout: None,
        tls_skip_verify: false,
        max_redirects: 0,
        sealed: None,
    }
}

fn prepared(spec: JobSpec) -> Loaded {
    Loaded::new(JobId::new(START, [0; 10]), spec)
}
