//! A machine in a directory of its own, and short words for its commands.

mod file;
mod page;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chronos_seal::{EncryptionKey, KeyId as DataKeyId, Keyring, NewKey, WrappedKey};
use chronos_state::{
    AUTHORS_SINCE, Age, Applied, Batch, BeginOperation, BeginSession, BulkAction, Cancel, Command,
    CopyBounds, CreateKey, Cursor, DeleteJob, DueJob, DuePlace, Effect, EndPauses, ExecutionAnswer,
    ExecutionFilter, ExecutionList, ExecutionRow, Fire, JobFilter, JobList, JobPlace, JobRow, JobSeq,
    JobTexts, Keep, KeyWord, LogBatch, Machine, Moved, OperationItem, OperationRow, OperationRun,
    OperationSpec, OperationStep, OperationWord, Outcome, PageLimits, PassedBy, PassedOver, PauseEnd,
    PauseJob, Plan, PlanStep, PlannedRun, Proposal, PutItem, PutJob, Reader, Reassign, Refusal, RefusedItem,
    Report, Reported, ResumeJob, SkipRuns, StateError, StoredOverrides, StoredSpec, Targets, TextCondition,
    Todo, TriggerRun, Trim, VERSION, VersionRow,
};
use chronos_types::{
    By, Concurrency, DurationMs, ErrorKind, Execution, ExecutionId, Headers, JobId, JobName, JobSpec, KeyId,
    KeyScope, Millis, MissedRuns, NodeName, Note, OperationId, Phases, Response, RetryPolicy, Role, Scope,
    Skip, Tags, TargetUrl, Token, TokenKind, Trigger, Waited, Webhook,
};

pub use file::{dump, dump_values, look};
pub use page::Page;

/// Before all jobs that fall due.
pub const ALL_DUE: DuePlace = (Millis::MIN, JobSeq::new(0));
/// The node that most commands name.
pub const NODE: &str = "n1";

/// A text that is to be a part of a job's name or description. It is asked for as whoever lists jobs may.
#[derive(Debug)]
struct Has(String);

impl TextCondition for Has {
    fn holds(&self, texts: &JobTexts<'_>) -> bool {
        [&texts.name, &texts.description].iter().any(|text| text.to_lowercase().contains(&self.0))
    }
}

/// Jobs that have this text, in any case.
pub fn having(text: &str) -> JobFilter {
    JobFilter { texts: Some(Arc::new(Has(text.to_lowercase()))), ..JobFilter::default() }
}

/// A copy may take as much as on a node.
pub fn bounds() -> CopyBounds {
    CopyBounds::default()
}

pub fn jobs(
    r: &Reader,
    filter: &JobFilter,
    after: Option<JobSeq>,
    limit: usize,
) -> Result<Page<JobRow>, StateError> {
    let list = JobList { filter: filter.clone(), ..JobList::default() };
    let after = after.map(|seq| JobPlace { key: None, seq });
    Page::of(|take| r.jobs(&list, None, after.as_ref(), PageLimits::of(limit), take))
}

pub fn versions(
    r: &Reader,
    job: JobSeq,
    before: Option<u64>,
    limit: usize,
) -> Result<Page<VersionRow>, StateError> {
    Page::of(|take| r.versions(job, before, PageLimits::of(limit), take))
}

pub fn executions(
    r: &Reader,
    filter: &ExecutionFilter,
    before: Option<ExecutionId>,
    limit: usize,
) -> Result<Page<ExecutionRow>, StateError> {
    let list = ExecutionList { filter: filter.clone(), is_ascending: false };
    Page::of(|take| r.executions(&list, None, before, PageLimits::of(limit), take))
}

/// All operations, the newest first, read in pages of two; and of each with what it could do nothing.
pub fn operations(r: &Reader) -> Result<Vec<(OperationRow, Vec<RefusedItem>)>, StateError> {
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let next = r.operations(before, PageLimits::of(2), |row| {
            all.push(row);
            true
        })?;
        before = next;
        if before.is_none() {
            return all
                .into_iter()
                .map(|row| Ok((r.operation_errors(row.id)?, row)))
                .map(|read| read.map(|(errors, row)| (row, errors)))
                .collect();
        }
    }
}

pub struct World {
    dir: tempfile::TempDir,
    pub machine: Machine,
    reader: Reader,
    /// The place of the last batch in the log.
    index: u64,
}

impl World {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let machine = Machine::open(&dir.path().join("state.db")).unwrap();
        let reader = machine.reader().unwrap();
        Self { dir, machine, reader, index: 0 }
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().join("state.db")
    }

    /// A place for another file, which goes with the world.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Closes everything and opens it again, as a restart does.
    pub fn reopen(self) -> Self {
        self.close_and(|_| {})
    }

    /// Closes everything, has something done to the file, and opens it again.
    pub fn close_and(self, change: impl FnOnce(&Path)) -> Self {
        let path = self.path();
        let Self { dir, machine, reader, index } = self;
        drop((machine, reader));
        change(&path);
        let machine = Machine::open(&path).unwrap();
        let reader = machine.reader().unwrap();
        Self { dir, machine, reader, index }
    }

    /// The place of the next batch in the log.
    pub fn next_index(&mut self) -> u64 {
        self.index += 1;
        self.index
    }

    /// Applies one command in a batch of its own.
    pub fn run(&mut self, at: Millis, command: impl Into<Command>) -> (Outcome, Vec<Effect>) {
        let mut applied = self.batch(&Batch { at, items: vec![command.into().into()] });
        (applied.outcomes.remove(0), applied.effects)
    }

    /// Has the version of the cluster raised to that which brings authors.
    pub fn raise(&mut self) {
        self.done(0, Command::RaiseVersion { to: AUTHORS_SINCE });
    }

    /// Applies a command that somebody asks for.
    pub fn run_by(&mut self, at: Millis, command: Command, by: By) -> (Outcome, Vec<Effect>) {
        let mut applied = self.batch(&Batch { at, items: vec![asked(command, by)] });
        (applied.outcomes.remove(0), applied.effects)
    }

    /// Applies a command whose credentials are sealed by the data key of [`crate::forms::secret_key`].
    pub fn run_sealed(&mut self, at: Millis, command: Command) -> (Outcome, Vec<Effect>) {
        self.run_sealed_by(at, Some(crate::forms::data_key_id()), command)
    }

    /// The same, by another data key or by none.
    pub fn run_sealed_by(
        &mut self,
        at: Millis,
        key: Option<DataKeyId>,
        command: Command,
    ) -> (Outcome, Vec<Effect>) {
        let proposal = Proposal::from(command).sealed_by(key);
        let mut applied = self.batch(&Batch { at, items: vec![proposal] });
        (applied.outcomes.remove(0), applied.effects)
    }

    pub fn batch(&mut self, batch: &Batch) -> Applied {
        let index = self.next_index();
        self.machine.apply(&[logged(index, batch)], &[]).unwrap().remove(0)
    }

    /// Applies a command whose outcome must be [`Outcome::Done`].
    pub fn done(&mut self, at: Millis, command: impl Into<Command>) -> Vec<Effect> {
        let (outcome, effects) = self.run(at, command);
        assert_eq!(outcome, Outcome::Done);
        effects
    }

    /// Applies a command that must be refused, and must do nothing.
    pub fn refused(&mut self, at: Millis, command: impl Into<Command>) -> Refusal {
        let before = dump(&self.path());
        let (outcome, effects) = self.run(at, command);
        assert_eq!(effects, []);
        assert_eq!(dump(&self.path()), before, "a refusal changed something");
        match outcome {
            Outcome::Refused { refusal } => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Creates a job at instant 0 that falls due every second from 1000.
    pub fn create(&mut self, name: &str) -> JobRow {
        self.create_as(spec(name))
    }

    pub fn create_as(&mut self, spec: JobSpec) -> JobRow {
        let name = spec.name.clone();
        let (outcome, _) = self.run(0, put(id_of(name.as_str()), None, spec, Some(1000)));
        assert!(matches!(outcome, Outcome::Job { version: 1, at: CREATED_AT, .. }), "{outcome:?}");
        self.job(name.as_str())
    }

    /// Creates a job and plans its first run, which is due at 1000.
    pub fn with_run(&mut self, spec: JobSpec) -> (JobRow, Fire) {
        let job = self.create_as(spec);
        let effects = self.done(500, plan([run(&job, 1000)]));
        (job, fire_of(&effects))
    }

    pub fn ask<T>(&self, question: impl FnOnce(&Reader) -> Result<T, StateError>) -> T {
        question(&self.reader).unwrap()
    }

    pub fn job(&self, key: &str) -> JobRow {
        self.ask(|r| r.find_job(key)).expect(key)
    }

    pub fn execution(&self, id: ExecutionId) -> Execution {
        self.ask(|r| r.execution(id)).expect("the execution is on record").execution
    }

    /// The withdrawn runs of all nodes.
    pub fn withdrawn(&self) -> Vec<Fire> {
        self.ask(Reader::withdrawn_nodes).iter().flat_map(|node| self.ask(|r| r.withdrawn(node))).collect()
    }

    /// What falls due until an instant, all of which can be read.
    pub fn due_jobs(&self, until: Millis, limit: usize) -> Vec<DueJob> {
        let due = self.ask(|r| r.due(ALL_DUE, until, limit, &PassedBy::new()));
        assert_eq!(due.bad, []);
        due.jobs
    }

    /// How many executions are said to be on record for a job.
    pub fn held(&self, job: JobSeq) -> i64 {
        let sql = "SELECT held FROM due WHERE seq = ?1";
        look(&self.path()).query_row(sql, [job.get()], |row| row.get(0)).unwrap()
    }

    /// The finished executions before an instant, of the `limit` oldest.
    pub fn aged(&self, before: Millis, limit: usize) -> Vec<i64> {
        self.ask(|r| r.aged_executions(None, age(before), limit)).trim.executions
    }

    /// What all jobs hold beyond so many executions and superseded versions.
    pub fn overfull(&self, executions: u64, versions: u64) -> Trim {
        self.ask(|r| r.overfull_jobs(JobSeq::default(), 1000, keep(executions, versions))).trim
    }

    /// Deleted jobs that nothing refers to.
    pub fn forgotten(&self) -> Vec<JobSeq> {
        self.ask(|r| r.forgotten_jobs(JobSeq::default(), 1000)).trim.jobs
    }

    pub fn due(&self, key: &str) -> Option<Millis> {
        self.job(key).job.next_due
    }
}

/// Keeps so many executions and superseded versions of each job, whatever the time.
pub fn keep(executions: u64, versions: u64) -> Keep {
    Keep { executions, versions, until: 1 << 40 }
}

/// What was scheduled for before an instant is past its age, and none of it stays.
pub fn age(before: Millis) -> Age {
    Age { before, least: 0, until: 1 << 40 }
}

/// A batch of the log, of a cluster whose members all follow what this binary does.
pub fn logged(index: u64, batch: &Batch) -> LogBatch<'_> {
    LogBatch { batch, index, follows: VERSION }
}

/// A job's id, made from its name by FNV-1a.
pub fn id_of(name: &str) -> JobId {
    let hash = name
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3));
    let mut random = [0; 10];
    random[2..].copy_from_slice(&hash.to_be_bytes());
    JobId::new(0, random)
}

pub fn spec(name: &str) -> JobSpec {
    JobSpec {
        name: JobName::parse(name).unwrap(),
        description: String::new(),
        schedule: "@every 1s".into(),
        timezone: "UTC".into(),
        webhook: Webhook {
            url: TargetUrl::parse("http://h/x").unwrap(),
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
        },
        retry_policy: RetryPolicy::default(),
        timeout: None,
        concurrency: Concurrency::Allow,
        missed_runs: MissedRuns::ExecuteOne,
        jitter: DurationMs::default(),
        start_at: None,
        end_at: None,
        tags: Tags::default(),
        enabled: true,
    }
}

pub fn tags<const N: usize>(pairs: [(&str, &str); N]) -> Tags {
    Tags::parse(pairs.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect()).unwrap()
}

/// The instant of creation that [`put`] gives; no batch of these tests has it.
pub const CREATED_AT: Millis = -3;

pub fn put(id: JobId, from_version: Option<u64>, spec: JobSpec, next_due: Option<Millis>) -> Command {
    let (spec, created_at, resumes) = (StoredSpec::of(&spec), CREATED_AT, false);
    Command::PutJob(Box::new(PutJob { id, from_version, created_at, spec, next_due, resumes }))
}

/// The same change by a request that writes `enabled`.
pub fn put_enabled(id: JobId, from_version: u64, spec: JobSpec, next_due: Option<Millis>) -> Command {
    match put(id, Some(from_version), spec, next_due) {
        Command::PutJob(put) => Command::PutJob(Box::new(PutJob { resumes: true, ..*put })),
        other => other,
    }
}

pub fn pause(job: &JobRow, reason: Option<&str>, until: Option<Millis>) -> Command {
    let reason = reason.map(|reason| Note::parse(reason).unwrap());
    Command::Pause(PauseJob::of(job.job.id, None, reason.as_ref(), until))
}

/// Ends the pause of a job, which falls due from then on.
pub fn resume(job: &JobRow, next_due: Option<Millis>) -> Command {
    Command::Resume(ResumeJob { id: job.job.id, version: job.job.version, next_due })
}

/// Ends a pause that ends by itself.
pub fn end_pause(job: &JobRow, until: Millis, next_due: Option<Millis>) -> Command {
    let end = PauseEnd { job: job.seq, version: job.job.version, until, next_due };
    Command::EndPauses(EndPauses { pauses: vec![end] })
}

pub fn skip(job: &JobRow, skip: Option<Skip>) -> Command {
    Command::Skip(SkipRuns::of(job.job.id, None, skip))
}

/// A job that is created with others.
pub fn created(id: JobId, spec: JobSpec, next_due: Option<Millis>) -> PutItem {
    item(put(id, None, spec, next_due))
}

/// A job that is changed with others.
pub fn changed(job: &JobRow, spec: JobSpec) -> PutItem {
    item(put(job.job.id, Some(job.job.version), spec, job.job.next_due))
}

/// A job that is written among others.
pub fn item(command: Command) -> PutItem {
    match command {
        Command::PutJob(put) => PutItem::Put(put),
        other => panic!("{other:?} writes no job"),
    }
}

/// A job that stays as it is among others.
pub fn kept(job: &JobRow) -> PutItem {
    PutItem::Keep { job: job.seq, version: job.job.version }
}

pub fn delete(job: &JobRow) -> Command {
    Command::DeleteJob(DeleteJob { id: job.job.id, if_version: None })
}

/// A data key of this id, wrapped by an encryption key.
pub fn data_key(encryption: u8, id: u8) -> WrappedKey {
    let ring = Keyring::new(vec![EncryptionKey::from([encryption; 32])]);
    ring.data_key(NewKey { id: [id; 8], bytes: [id; 32], nonce: [id; 24] }).unwrap()
}

pub fn node(name: &str) -> NodeName {
    NodeName::parse(name).unwrap()
}

/// The run of a job at an instant, the next one a second later.
pub fn run(job: &JobRow, at: Millis) -> PlanStep {
    let run = PlannedRun {
        execution: ExecutionId::scheduled(job.job.id, at),
        scheduled_time: at,
        trigger: Trigger::Schedule,
        fire_at: at,
        node: node(NODE),
        beside: false,
    };
    let (job, version) = (job.seq, job.job.version);
    PlanStep { job, version, from: at, next_due: Some(at + 1000), missed: None, run: Some(run) }
}

/// A step whose run is another.
pub fn with(mut step: PlanStep, change: impl FnOnce(&mut PlannedRun)) -> PlanStep {
    change(step.run.as_mut().expect("a run"));
    step
}

/// The entry for the instants of a job from one to another that are passed over, a period between two.
pub fn missed(job: JobId, from: Millis, to: Millis, period: Millis) -> PassedOver {
    PassedOver {
        entry: ExecutionId::missed(job, to),
        from,
        to,
        count: u64::try_from((to - from) / period + 1).unwrap(),
        reason: "the policy says so".into(),
        node: node(NODE),
    }
}

/// The same step without its run.
pub fn passed_over(step: PlanStep) -> PlanStep {
    PlanStep { run: None, ..step }
}

pub fn plan(steps: impl Into<Vec<PlanStep>>) -> Command {
    Command::Plan(Plan { steps: steps.into() })
}

pub fn trigger(job: &JobRow, execution: ExecutionId, replay_of: Option<ExecutionId>) -> Command {
    let (job, node) = (job.job.id, node(NODE));
    Command::Trigger(TriggerRun { job, execution, replay_of, node, overrides: None, operation: None })
}

/// The same run with a request of its own.
pub fn overriding(run: Command, overrides: StoredOverrides) -> Command {
    match run {
        Command::Trigger(run) => Command::Trigger(TriggerRun { overrides: Some(Box::new(overrides)), ..run }),
        other => panic!("{other:?} starts no run"),
    }
}

/// The same through another node.
pub fn trigger_at(other: &str, job: &JobRow, execution: ExecutionId) -> Command {
    let (job, node) = (job.job.id, node(other));
    Command::Trigger(TriggerRun { job, execution, replay_of: None, node, overrides: None, operation: None })
}

/// What is answered of a run of a job that was asked for, by the version in force.
pub fn accepted(job: &JobRow, fire: &Fire, replay_of: Option<ExecutionId>) -> Outcome {
    let job_name = job.job.spec.as_ref().expect("a good job").name.to_string();
    let (run, node) = (fire.run, fire.node.clone());
    let job = job.job.id;
    let (by, cancelled_at, cancelled_by) = (None, None, None);
    Outcome::Execution(ExecutionAnswer {
        job,
        job_name,
        run,
        node,
        replay_of,
        by,
        cancelled_at,
        cancelled_by,
    })
}

/// A client at an address that ends with this number, and what it says.
pub fn by(number: u8, note: Option<&str>) -> By {
    let note = note.map(|note| Note::parse(note).unwrap());
    By::anonymous(Some([192, 0, 2, number].into()), note)
}

/// A command that somebody asks for.
pub fn asked(command: Command, by: By) -> Proposal {
    Proposal { by: Some(by), ..command.into() }
}

/// Makes a key of this number.
pub fn create_key(number: u8, role: Role) -> CreateKey {
    let token = Token::new(TokenKind::Key, [number; 8], [number; 32]);
    let (id, hash, name) = (token.id(), token.hash(), format!("key {number}"));
    CreateKey { id, name, role, hash, expires_at: None, per_second: None, scope: Vec::new() }
}

/// Begins a session of this number.
pub fn begin_session(number: u8, key: KeyId, expires_at: Millis) -> Command {
    let token = Token::new(TokenKind::Session, [number; 8], [number; 32]);
    let (id, hash) = (token.id(), token.hash());
    Command::Keys(KeyWord::BeginSession(BeginSession { id, key, hash, expires_at }))
}

/// Makes an operation that runs jobs, or executions again.
pub fn begin_operation(id: OperationId, targets: Targets) -> Command {
    let action = match &targets {
        Targets::Jobs(_) | Targets::NamedJobs(_) => BulkAction::Trigger,
        Targets::Executions(_) | Targets::NamedExecutions(_) => BulkAction::Replay { spread_ms: 0 },
        Targets::Instants { .. } => BulkAction::Backfill,
    };
    let spec = OperationSpec { action, targets, per_second: Some(50), count: 2, exact: true, scope: None };
    Command::Operation(OperationWord::Begin(Box::new(BeginOperation { id, spec })))
}

/// A run of a job that an operation asks for.
pub fn operation_run(job: &JobRow, id: OperationId, at: Millis) -> Command {
    let execution = ExecutionId::of_operation(job.job.id, at, id, b"");
    let operation = Some(OperationRun { id, backfill: None });
    Command::Trigger(TriggerRun {
        job: job.job.id,
        execution,
        replay_of: None,
        node: node(NODE),
        overrides: None,
        operation,
    })
}

/// The next step of an operation, with targets that are numbered from where it stands.
pub fn step_operation(id: OperationId, from: Cursor, todo: Vec<Todo>, is_last: bool) -> Command {
    let done = if let Cursor::Named(done) = from { done } else { 0 };
    let item = |(todo, number): (Todo, u32)| OperationItem {
        target: format!("target {number}"),
        place: Cursor::Named(number),
        todo,
    };
    let items: Vec<_> = todo.into_iter().zip(done + 1..).map(item).collect();
    let to = Cursor::Named(done + u32::try_from(items.len()).unwrap());
    Command::Operation(OperationWord::Step(Box::new(OperationStep { id, from, items, to, is_last })))
}

pub fn cancel(execution: ExecutionId) -> Command {
    Command::Cancel(Cancel { execution })
}

pub fn reassign(fire: &Fire, from: &str, to: &str) -> Command {
    moved(fire, from, to, false)
}

/// The same from a node that is gone, where `unsure`.
pub fn moved(fire: &Fire, from: &str, to: &str, unsure: bool) -> Command {
    let moved = Moved { execution: fire.run.execution, from: node(from), to: node(to), unsure };
    Command::Reassign(Reassign { runs: vec![moved] })
}

/// What the node of an execution says about it.
pub fn report(fire: &Fire, what: Reported) -> Command {
    Command::Report(Report::of(fire, what))
}

pub fn begun(attempt: u32, started_at: Millis) -> Reported {
    Reported::Begun { attempt, started_at }
}

/// A success of 10 ms.
pub fn delivered(attempt: u32, started_at: Millis) -> Reported {
    let response = Response { status_code: 200, body: Some("ok".into()), ..Response::default() };
    ended(attempt, started_at, response, None, None)
}

/// A failure of 10 ms, retried where `retry_at` says when.
pub fn failed(attempt: u32, started_at: Millis, retry_at: Option<Millis>) -> Reported {
    let response = Response { status_code: 503, ..Response::default() };
    let failure = Some((ErrorKind::Status, "503 Service Unavailable".to_owned()));
    ended(attempt, started_at, response, failure, retry_at)
}

fn ended(
    attempt: u32,
    started_at: Millis,
    response: Response,
    failure: Option<(ErrorKind, String)>,
    retry_at: Option<Millis>,
) -> Reported {
    let (phases, waited, host) = (None, Waited::default(), None);
    Reported::Ended {
        attempt,
        started_at,
        duration_ms: 10,
        response,
        failure,
        retry_at,
        phases,
        waited,
        host,
    }
}

/// The end of an attempt, with how its time was spent.
pub fn timed(mut what: Reported, spent: Phases, before: Waited) -> Reported {
    match &mut what {
        Reported::Ended { phases, waited, .. } => (*phases, *waited) = (Some(spent), before),
        other => panic!("{other:?} has not ended"),
    }
    what
}

/// The end of an attempt that has called this host.
pub fn calling(mut what: Reported, called: &str) -> Reported {
    match &mut what {
        Reported::Ended { host, .. } => *host = Some(called.to_owned()),
        other => panic!("{other:?} has not ended"),
    }
    what
}

pub fn fires(effects: &[Effect]) -> Vec<Fire> {
    effects
        .iter()
        .filter_map(|e| if let Effect::Fire(fire) = e { Some(fire.clone()) } else { None })
        .collect()
}

/// The one execution that is to be fired.
pub fn fire_of(effects: &[Effect]) -> Fire {
    let mut fires = fires(effects);
    assert_eq!(fires.len(), 1, "{effects:?}");
    fires.remove(0)
}

/// The jobs whose tag has one of these values.
pub fn scope(tag: &str, values: &[&str]) -> Scope {
    let values = KeyScope::parse(values.iter().map(|value| (*value).to_owned())).unwrap().unwrap();
    Scope::of(Some(tag), values)
}
