//! Every form that commands and their outcomes have in the log and between nodes: fixed values, and names for
//! them.

use chronos_seal::{KeyId as DataKeyId, Sealed, WrappedKey};
use chronos_state::{
    Anew, AuditWord, Batch, BeginOperation, BulkAction, Cancel, ClockWord, Command, Compare, ConfiguredKey,
    Confirm, CreateKey, Cursor, DeleteJob, DueAnew, EndPauses, ExecutionAnswer, Filter, Idempotency,
    ItemError, JobSeq, KeyUse, KeyValue, KeyWord, Moved, NodeKeys, OperationItem, OperationRun,
    OperationSpec, OperationStep, OperationWord, Outcome, PassedOver, PatchText, PauseEnd, PauseJob, Plan,
    PlanStep, PlannedRun, Proposal, PruneSet, PutItem, PutJob, PutJobs, PutOutcome, PutSecret, Reassign,
    Refusal, Report, Reported, Reseal, ResealStep, Resealed, ResumeJob, RowKey, RunRef, SealCursor,
    SealedPatch, SecretWord, SetOwner, SkipRuns, StoredOverrides, StoredScope, StoredSealed, StoredSpec,
    Targets, Todo, TriggerRun, Trim,
};
use chronos_types::{
    Actor, Auth, By, ClientAuthMethod, ClientCertificate, ClientCredentials, Concurrency, DurationMs,
    ErrorKind, ExecutionId, Headers, JobId, JobSpec, KeyId, KeyName, Method, Millis, MissedRuns, Note,
    OperationId, Phases, PreviousSecret, REDACTED, Response, RetryPolicy, Role, Signing, Skip, SuccessCodes,
    TargetUrl, Template, Trigger, Waited, Webhook,
};

use crate::support::{self, asked, by, id_of, node, spec, tags};

/// When the jobs and runs of these forms are.
const AT: Millis = 1_700_000_000_000;

fn job_id() -> JobId {
    JobId::new(AT, [7; 10])
}

fn execution() -> ExecutionId {
    ExecutionId::scheduled(job_id(), AT + 60_000)
}

fn run() -> RunRef {
    RunRef {
        execution: execution(),
        job: JobSeq::new(42),
        version: 3,
        scheduled_time: AT + 60_000,
        trigger: Trigger::Schedule,
    }
}

/// A job that says all that a job can say.
pub fn full(auth: Auth) -> JobSpec {
    let headers = vec![("X-One".to_owned(), "1".to_owned()), ("X-Two".to_owned(), "zwei ü".to_owned())];
    let body = "{\"at\": \"{{scheduled_time}}\"}\n";
    JobSpec {
        description: "sends \"the\" bill".into(),
        schedule: "0 9 * * 1-5".into(),
        timezone: "Europe/Berlin".into(),
        webhook: Webhook {
            method: Some(Method::parse("PUT").unwrap()),
            headers: Headers::parse(headers).unwrap(),
            body: Some(Template::parse(body).unwrap()),
            auth: Some(auth),
            success_codes: Some(SuccessCodes::parse(vec![200, 409]).unwrap()),
            timeout: Some(DurationMs::from_millis(1500)),
            tls_skip_verify: true,
            max_redirects: 3,
            ..spec("bill").webhook
        },
        retry_policy: RetryPolicy::new(
            5,
            DurationMs::from_millis(250),
            DurationMs::from_millis(60_000),
            1.5,
            0.25,
        )
        .unwrap(),
        timeout: Some(DurationMs::from_millis(30_000)),
        concurrency: Concurrency::Forbid,
        missed_runs: MissedRuns::ExecuteAll,
        jitter: DurationMs::from_millis(5000),
        start_at: Some(AT),
        end_at: Some(AT + 1_000_000_000),
        tags: tags([("team", "billing"), ("tier", "1")]),
        enabled: false,
        ..spec("bill")
    }
}

fn put(spec: JobSpec) -> Command {
    Command::PutJob(Box::new(PutJob {
        id: job_id(),
        from_version: None,
        created_at: AT,
        spec: StoredSpec::of(&spec),
        next_due: None,
        resumes: false,
    }))
}

fn change(spec: JobSpec) -> Command {
    Command::PutJob(Box::new(PutJob {
        id: job_id(),
        from_version: Some(2),
        created_at: AT,
        spec: StoredSpec::of(&spec),
        next_due: Some(AT + 60_000),
        resumes: false,
    }))
}

fn step(next_due: Option<Millis>, run: Option<PlannedRun>) -> PlanStep {
    PlanStep { job: JobSeq::new(42), version: 3, from: AT + 60_000, next_due, missed: None, run }
}

fn passed_over() -> PassedOver {
    PassedOver {
        entry: ExecutionId::missed(job_id(), AT + 60_000),
        from: AT + 60_000,
        to: AT + 60_000,
        count: 1,
        reason: "`missed_runs` is `ignore`".into(),
        node: node("n1"),
    }
}

fn planned() -> PlannedRun {
    PlannedRun {
        execution: execution(),
        scheduled_time: AT + 60_000,
        trigger: Trigger::Schedule,
        fire_at: AT + 60_250,
        node: node("n1"),
        beside: false,
    }
}

fn report(what: Reported) -> Command {
    Command::Report(Report { run: run(), node: node("n1"), what })
}

fn ended(response: Response, failure: Option<(ErrorKind, String)>, retry_at: Option<Millis>) -> Reported {
    let (phases, waited, host) = (None, Waited::default(), None);
    Reported::Ended {
        attempt: 2,
        started_at: AT + 60_251,
        duration_ms: 12,
        response,
        failure,
        retry_at,
        phases,
        waited,
        host,
    }
}

fn triggered(replay_of: Option<ExecutionId>) -> Command {
    let execution = ExecutionId::manual(job_id(), AT, [9; 10]);
    Command::Trigger(TriggerRun {
        job: job_id(),
        execution,
        replay_of,
        node: node("n1"),
        overrides: None,
        operation: None,
    })
}

/// A run with a request of its own.
fn overridden(body: Option<&str>, headers: &[(&str, &str)]) -> Command {
    let Command::Trigger(run) = triggered(None) else { unreachable!("it triggers") };
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let overrides = Some(Box::new(StoredOverrides { body: body.map(Into::into), headers, sealed: None }));
    Command::Trigger(TriggerRun { overrides, ..run })
}

/// The end of a run that found nobody.
fn failed_for_good() -> Reported {
    ended(Response::default(), Some((ErrorKind::Connect, "connection refused".into())), None)
}

/// The report of a success that says how its time was spent.
fn timed(phases: Phases, waited: Waited) -> Command {
    let response = Response { status_code: 200, ..Response::default() };
    report(support::timed(ended(response, None, None), phases, waited))
}

fn answer(trigger: Trigger) -> ExecutionAnswer {
    ExecutionAnswer {
        job: job_id(),
        job_name: "bill".into(),
        run: RunRef { trigger, ..run() },
        node: node("n1"),
        replay_of: None,
        by: None,
        cancelled_at: None,
        cancelled_by: None,
    }
}

fn compare(key: Vec<KeyValue>) -> Command {
    Command::Compare(Compare { before: Some(RowKey { table: "jobs".into(), key }) })
}

fn batch(items: Vec<Command>) -> Batch {
    Batch { at: AT, items: items.into_iter().map(Into::into).collect() }
}

/// The kinds of errors that version 2 brings.
const KINDS_OF_2: [ErrorKind; 2] = [ErrorKind::Secret, ErrorKind::Auth];

fn of_kind(kind: &ErrorKind) -> Command {
    report(ended(Response::default(), Some((*kind, "why".into())), None))
}

fn commands() -> Vec<(&'static str, Vec<Command>)> {
    let bearer = || Auth::Bearer { token: "t0ken".into() };
    let basic = Auth::Basic { username: "me".into(), password: "p:w".into() };
    let key = |header: Option<&str>| Auth::ApiKey { api_key: "k3y".into(), header: header.map(Into::into) };
    let with_auth =
        |auth| put(JobSpec { webhook: Webhook { auth: Some(auth), ..spec("a").webhook }, ..spec("a") });
    let response = Response {
        status_code: 503,
        body: Some("busy\n".into()),
        truncated: true,
        error: Some("the connection broke".into()),
    };
    let of_trigger = |trigger: &Trigger| {
        let run = RunRef { trigger: *trigger, ..run() };
        Command::Report(Report { run, node: node("n1"), what: Reported::NotBegun })
    };
    let of_policies = |policy: &Concurrency, missed_runs: &MissedRuns| {
        put(JobSpec { concurrency: *policy, missed_runs: *missed_runs, ..spec("a") })
    };
    let policies =
        Concurrency::ALL.iter().flat_map(|c| MissedRuns::ALL.iter().map(move |m| of_policies(c, m)));
    let refused = Some((ErrorKind::Status, "503 Service Unavailable".to_owned()));
    let beside = PlannedRun { beside: true, ..planned() };
    let moved = |unsure| Moved { execution: execution(), from: node("n1"), to: node("n2"), unsure };
    vec![
        ("put_job_minimal", vec![put(spec("a"))]),
        ("put_job_full", vec![change(full(bearer()))]),
        ("put_job_auth", [bearer(), basic, key(None), key(Some("X-Key"))].map(with_auth).into()),
        ("put_job_policies", policies.collect()),
        (
            "delete_job",
            vec![
                Command::DeleteJob(DeleteJob { id: job_id(), if_version: None }),
                Command::DeleteJob(DeleteJob { id: job_id(), if_version: Some(3) }),
            ],
        ),
        ("trigger", vec![triggered(None)]),
        ("trigger_replay", vec![triggered(Some(execution()))]),
        ("cancel", vec![Command::Cancel(Cancel { execution: execution() })]),
        (
            "confirm",
            vec![Command::Confirm(Confirm { job: job_id(), version: 3, next_due: Some(AT + 60_000) })],
        ),
        ("plan_beside", vec![Command::Plan(Plan { steps: vec![step(None, Some(beside))] })]),
        ("plan_run", vec![Command::Plan(Plan { steps: vec![step(Some(AT + 120_000), Some(planned()))] })]),
        ("plan_last_run", vec![Command::Plan(Plan { steps: vec![step(None, Some(planned()))] })]),
        ("plan_passed_over", vec![Command::Plan(Plan { steps: vec![step(Some(AT + 120_000), None)] })]),
        (
            "plan_missed",
            vec![Command::Plan(Plan {
                steps: vec![
                    PlanStep { missed: Some(passed_over()), ..step(Some(AT + 120_000), None) },
                    PlanStep { missed: Some(passed_over()), ..step(Some(AT + 120_000), Some(planned())) },
                ],
            })],
        ),
        ("report_begun", vec![report(Reported::Begun { attempt: 2, started_at: AT + 60_251 })]),
        (
            "report_ended_success",
            vec![report(ended(
                Response { status_code: 200, body: Some("ok".into()), ..Response::default() },
                None,
                None,
            ))],
        ),
        ("report_ended_retry", vec![report(ended(response, refused, Some(AT + 61_000)))]),
        (
            "report_error_kinds",
            ErrorKind::ALL.iter().filter(|kind| !KINDS_OF_2.contains(kind)).map(of_kind).collect(),
        ),
        (
            "report_triggers",
            Trigger::ALL.iter().filter(|t| **t != Trigger::Backfill).map(of_trigger).collect(),
        ),
        ("report_skipped", vec![report(Reported::Skipped { reason: "ü\"\n".into() })]),
        (
            "report_replaced",
            vec![
                report(Reported::Replaced { attempt: None }),
                report(Reported::Replaced { attempt: Some((2, AT + 60_251)) }),
            ],
        ),
        ("report_not_begun", vec![report(Reported::NotBegun)]),
        ("report_unknown", vec![report(Reported::Unknown)]),
        (
            "trim",
            vec![Command::Trim(Trim {
                executions: vec![1, 2],
                versions: vec![(JobSeq::new(42), 2)],
                jobs: vec![JobSeq::new(3)],
                keys_before: AT,
            })],
        ),
        ("reassign", vec![Command::Reassign(Reassign { runs: vec![moved(false), moved(true)] })]),
        ("portion", vec![Command::Portion]),
        ("raise_version", vec![Command::RaiseVersion { to: 1 }]),
        (
            "compare",
            vec![
                Command::Compare(Compare::default()),
                compare(vec![KeyValue::Number(42)]),
                compare(vec![KeyValue::Text("k".into()), KeyValue::Bytes(vec![0, 255])]),
            ],
        ),
        ("clock_passes", vec![Command::Clock(ClockWord::Passes)]),
        ("clock_right", vec![Command::Clock(ClockWord::Right { jumped_to: AT })]),
        ("clock_back", vec![Command::Clock(ClockWord::Back)]),
        (
            "clock_anew",
            vec![
                Command::Clock(ClockWord::Anew(Anew {
                    to: AT,
                    due: vec![
                        DueAnew { job: JobSeq::new(42), version: 3, from: Some(AT + 1), next_due: Some(AT) },
                        DueAnew { job: JobSeq::new(43), version: 1, from: None, next_due: None },
                    ],
                    runs: vec![7],
                    done: false,
                })),
                Command::Clock(ClockWord::Anew(Anew { to: AT, done: true, ..Anew::default() })),
            ],
        ),
    ]
}

/// Batches: each command in each of its forms.
pub fn batches() -> Vec<(&'static str, Batch)> {
    let mut all: Vec<_> = commands().into_iter().map(|(name, items)| (name, batch(items))).collect();
    let idempotency = Some(Idempotency { key: "order-17".into(), fingerprint: "9f86d081".into() });
    all.push((
        "idempotency_key",
        Batch { at: AT, items: vec![Proposal { idempotency, ..triggered(None).into() }] },
    ));
    all.push(("empty", batch(vec![])));
    all
}

/// Jobs that are written together.
fn put_jobs(set: Option<SetOwner>) -> Command {
    let Command::PutJob(put) = put(spec("a")) else { unreachable!("it is one") };
    let keep = PutItem::Keep { job: JobSeq::new(42), version: 3 };
    Command::PutJobs(PutJobs { set, items: vec![PutItem::Put(put), keep, PutItem::Refused] })
}

/// A change by a request that writes `enabled`.
fn resuming() -> Command {
    match change(spec("a")) {
        Command::PutJob(put) => Command::PutJob(Box::new(PutJob { resumes: true, ..*put })),
        other => other,
    }
}

/// A job whose webhook shows a certificate.
fn certified() -> Command {
    let shown = ClientCertificate { cert: "{{secret.cert}}".into(), key: "{{secret.key}}".into() };
    put(JobSpec { webhook: Webhook { client_certificate: Some(shown), ..spec("a").webhook }, ..spec("a") })
}

/// A job whose webhook has a token fetched.
fn fetching(more: bool) -> Command {
    let parameters = vec![("audience".to_owned(), "https://api.example".to_owned())];
    let credentials = ClientCredentials {
        token_url: TargetUrl::parse("https://login.example/token").unwrap(),
        client_id: "chronos".into(),
        client_secret: "{{secret.oauth}}".into(),
        scope: more.then(|| "read write".into()),
        parameters: if more { parameters } else { Vec::new() },
        client_auth_method: more.then_some(ClientAuthMethod::Post),
    };
    let auth = Auth::ClientCredentials(Box::new(credentials));
    put(JobSpec { webhook: Webhook { auth: Some(auth), ..spec("a").webhook }, ..spec("a") })
}

/// A job whose requests are signed.
fn signed(previous: Option<PreviousSecret>) -> Command {
    let signing = Signing { secret: "{{secret.signing}}".into(), previous };
    put(JobSpec { webhook: Webhook { signing: Some(signing), ..spec("a").webhook }, ..spec("a") })
}

/// What version 2 brings: who asks for a command; jobs that are written together, and sets; pauses, and runs that are
/// skipped.
pub fn batches_of_2() -> Vec<(&'static str, Batch)> {
    let reason = Note::parse("der \"Umzug\"").unwrap();
    let before =
        PreviousSecret { secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(), expires_at: AT + 60_000 };
    let pause = |reason, until| Command::Pause(PauseJob::of(job_id(), Some(3), reason, until));
    let resume = |next_due| Command::Resume(ResumeJob { id: job_id(), version: 3, next_due });
    let end = |next_due| PauseEnd { job: JobSeq::new(42), version: 3, until: AT + 60_000, next_due };
    let ends = EndPauses { pauses: vec![end(Some(AT + 60_000)), end(None)] };
    let skip = |skip| Command::Skip(SkipRuns::of(job_id(), Some(3), skip));
    let of = |by: By| Batch { at: AT, items: vec![asked(triggered(None), by)] };
    let told = Actor { id: Some("k1".into()), name: Some("deploy".into()), ..by(7, None).actor };
    let owns = SetOwner { name: "billing".into(), apply: None, adopt: false };
    let adopts = SetOwner { apply: Some("2026-11-27".into()), adopt: true, ..owns.clone() };
    let prune = Command::PruneSet(PruneSet {
        set: "billing".into(),
        apply: "2026-11-27".into(),
        jobs: vec![JobSeq::new(42)],
        last: true,
    });
    let kept = Phases { first_byte_ms: Some(12), body_ms: Some(0), ..Phases::default() };
    let phases = [
        kept,
        Phases { dns_ms: Some(2), connect_ms: Some(3), tls_ms: Some(40), ..kept },
        Phases { dns_ms: Some(10_000), ..Phases::default() },
    ];
    let waits = [
        Waited { slot_ms: 5, target_ms: 60, retry_after_ms: 30_000 },
        Waited { slot_ms: 5, ..Waited::default() },
    ];
    vec![
        ("by_anonymous", of(by(7, None))),
        ("by_anonymous_at_ipv6", of(By::anonymous(Some("2001:db8::7".parse().unwrap()), None))),
        ("by_anonymous_nowhere", of(By::anonymous(None, None))),
        ("by_note", of(by(7, Some("nach der \"Störung\"")))),
        ("by_system", of(By::system())),
        ("by_told", of(By { actor: told, note: None })),
        ("by_key", of(By::key(KeyId::new([4; 8]), &KeyName::parse("ci").unwrap(), None, None))),
        ("keys", batch(key_words())),
        ("audit", batch(audit_words())),
        ("prune_set", batch(vec![prune])),
        ("put_jobs", batch(vec![put_jobs(None)])),
        ("put_jobs_of_a_set", batch(vec![put_jobs(Some(adopts)), put_jobs(Some(owns))])),
        ("end_pauses", batch(vec![Command::EndPauses(ends)])),
        ("pause", batch(vec![pause(Some(&reason), Some(AT + 60_000)), pause(None, None)])),
        ("put_job_client_certificate", batch(vec![certified()])),
        ("put_job_oauth", batch(vec![fetching(false), fetching(true)])),
        ("put_job_resumes", batch(vec![resuming()])),
        (
            "put_job_sealed",
            Batch {
                at: AT,
                items: vec![Proposal::from(sealed_put("sealed")).sealed_by(Some(data_key_id()))],
            },
        ),
        ("put_job_signing", batch(vec![signed(None), signed(Some(before))])),
        ("resume", batch(vec![resume(Some(AT + 60_000)), resume(None)])),
        ("secret_delete", batch(vec![Command::Secret(SecretWord::Delete { name: "slack".into() })])),
        ("secret_fingerprints", batch(vec![Command::Secret(SecretWord::Fingerprints(sealed_value()))])),
        ("secret_key", batch(vec![secret_key()])),
        ("secret_key_after_loss", batch(vec![secret_key_after_loss()])),
        ("secret_reseal", batch(reseals())),
        ("secret_put", batch(vec![secret_put(None, "0.aHVudGVyMg"), secret_put(Some(3), SEALED)])),
        ("skip", batch([Some(Skip::Count(2)), Some(Skip::Until(AT + 60_000)), None].map(skip).into())),
        ("raise_version", batch(vec![Command::RaiseVersion { to: 2 }])),
        ("operation_begin", batch(operations().into_iter().map(begin).collect())),
        ("operation_step", batch(vec![step_of_operation(), last_step()])),
        ("operation_cancel", batch(vec![Command::Operation(OperationWord::Cancel { id: operation_id() })])),
        (
            "report_backfill",
            batch(vec![Command::Report(Report {
                run: RunRef { trigger: Trigger::Backfill, ..run() },
                node: node("n1"),
                what: Reported::NotBegun,
            })]),
        ),
        ("report_error_kinds", batch(KINDS_OF_2.iter().map(of_kind).collect())),
        ("report_phases", batch(phases.map(|phases| timed(phases, Waited::default())).into())),
        ("report_host", batch(vec![report(support::calling(failed_for_good(), "xn--bcher-kva.example"))])),
        ("report_waited", batch(waits.map(|waited| timed(Phases::default(), waited)).into())),
        (
            "trigger_overrides",
            batch(vec![
                overridden(Some("{\"n\": {{.Attempt}}}"), &[]),
                overridden(None, &[("X-One", "1"), ("Authorization", "s3cret")]),
                overridden(Some("ü"), &[("X-One", "1")]),
                sealed_run(),
            ]),
        ),
    ]
}

/// Each word about the audit.
fn audit_words() -> Vec<Command> {
    let note = |target: Option<&str>| AuditWord::Note {
        what: "backup.download".into(),
        target: target.map(Into::into),
    };
    [note(None), note(Some("n1")), AuditWord::Forget { before: AT }].map(Command::Audit).into()
}

/// Each word about keys.
fn key_words() -> Vec<Command> {
    let key = support::create_key(1, Role::Viewer);
    let id = key.id;
    let scope = vec!["ops".to_owned(), "web".to_owned()];
    let limited = CreateKey { expires_at: Some(AT + 60_000), per_second: Some(50), scope, ..key.clone() };
    let words = vec![
        KeyWord::Create(Box::new(key)),
        KeyWord::Create(Box::new(limited)),
        KeyWord::Revoke { id },
        KeyWord::End { id },
        KeyWord::Used { keys: vec![KeyUse { id, hour: AT }] },
        KeyWord::Node(node_keys()),
        KeyWord::EndSession { id },
    ];
    words.into_iter().map(Command::Keys).chain([support::begin_session(2, id, AT + 60_000)]).collect()
}

/// What a node says of the keys in its configuration.
pub fn node_keys() -> NodeKeys {
    let key = ConfiguredKey {
        id: KeyId::new([4; 8]),
        name: "ci".into(),
        role: Role::Operator,
        expires_at: None,
        per_second: None,
        scope: Vec::new(),
    };
    let limited = ConfiguredKey {
        id: KeyId::new([5; 8]),
        role: Role::Admin,
        expires_at: Some(AT + 60_000),
        per_second: Some(50),
        scope: vec!["ops".into(), "web".into()],
        ..key.clone()
    };
    NodeKeys { node: node("n1"), asks: true, scope_tag: Some("team".into()), keys: vec![key, limited] }
}

/// What a data key has sealed, and an encryption key.
const SEALED: &str = "1.0909090909090909.AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMD9kKmww8vRecvjswIvD0ShA6ULdE-N4I";
const WRAPPED: &str = "1.dd471daecc32c549.CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ-uS2n1fPMWtaJPkqHkfgcPv1noDYaYZ0uZDgfUROZSs0Yxp-Fqy9tHFVgVq613Vh";

/// The data key by which values in these forms are sealed.
pub fn data_key_id() -> DataKeyId {
    DataKeyId::from([9; 8])
}

/// A value as it is sealed.
pub fn sealed_value() -> Sealed {
    Sealed::parse(SEALED).unwrap()
}

fn stored_sealed(secrets: &[&str]) -> StoredSealed {
    let secrets = secrets.iter().map(|name| (*name).to_owned()).collect();
    StoredSealed { value: sealed_value(), secrets }
}

/// A job whose credentials are sealed: a bearer token, in which a secret is named.
pub fn sealed_put(name: &str) -> Command {
    let auth = Some(Auth::Bearer { token: REDACTED.into() });
    let spec = spec(name);
    let Command::PutJob(mut put) =
        support::put(id_of(name), None, JobSpec { webhook: Webhook { auth, ..spec.webhook }, ..spec }, None)
    else {
        unreachable!("it is one")
    };
    put.spec.webhook.sealed = Some(stored_sealed(&["slack"]));
    Command::PutJob(put)
}

/// What a run sends of its own, with its credentials sealed.
pub fn sealed_overrides() -> StoredOverrides {
    let headers = vec![("X-Token".to_owned(), REDACTED.to_owned())];
    StoredOverrides { body: Some("{}".into()), headers, sealed: Some(stored_sealed(&[])) }
}

fn sealed_run() -> Command {
    let Command::Trigger(run) = triggered(None) else { unreachable!("it triggers") };
    Command::Trigger(TriggerRun { overrides: Some(Box::new(sealed_overrides())), ..run })
}

fn sealed_patch() -> SealedPatch {
    let shown = "{\"webhook\":{\"auth\":{\"token\":\"[redacted]\"}}}".into();
    SealedPatch { shown, sealed: sealed_value() }
}

/// A portion of what is sealed anew by the data key of [`secret_key`].
pub fn reseal(from: SealCursor, items: Vec<Reseal>, to: SealCursor) -> Command {
    let step = ResealStep { key: data_key_id(), from, items, to, left: 0, is_last: false };
    Command::Secret(SecretWord::Reseal(Box::new(step)))
}

/// Each kind of value, sealed anew and for the first time, at each place.
fn reseals() -> Vec<Command> {
    let Command::PutJob(put) = sealed_put("sealed") else { unreachable!("it is one") };
    let webhook = Box::new(put.spec.webhook);
    let item = |from, to| Reseal { from, to };
    let other = Some(DataKeyId::from([8; 8]));
    let items = vec![
        item(other, Resealed::Fingerprints(sealed_value())),
        item(None, Resealed::Secret { name: "slack".into(), version: 3, value: sealed_value() }),
        item(other, Resealed::Webhook { job: JobSeq::new(42), version: 3, webhook }),
        item(None, Resealed::Overrides { execution: 7, overrides: Box::new(sealed_overrides()) }),
        item(other, Resealed::Patch { operation: operation_id(), patch: sealed_patch() }),
    ];
    let places = [
        SealCursor::Secret("slack".into()),
        SealCursor::Job(JobSeq::new(42)),
        SealCursor::Version(JobSeq::new(42), 3),
        SealCursor::Execution(7),
        SealCursor::Operation(operation_id()),
    ];
    let mut all = vec![reseal(SealCursor::Start, items, places[0].clone())];
    all.extend(places.windows(2).map(|two| reseal(two[0].clone(), vec![], two[1].clone())));
    let (from, to) = (SealCursor::End, SealCursor::End);
    let last = ResealStep { key: data_key_id(), from, items: vec![], to, left: 2, is_last: true };
    all.push(Command::Secret(SecretWord::Reseal(Box::new(last))));
    all
}

pub fn secret_key() -> Command {
    let sealed = Sealed::parse(WRAPPED).unwrap();
    Command::Secret(SecretWord::Key(WrappedKey { id: data_key_id(), sealed }))
}

fn secret_key_after_loss() -> Command {
    match secret_key() {
        Command::Secret(SecretWord::Key(key)) => Command::Secret(SecretWord::KeyAfterLoss(key)),
        other => other,
    }
}

pub fn secret_put(from_version: Option<u64>, value: &str) -> Command {
    Command::Secret(SecretWord::Put(Box::new(PutSecret {
        name: "slack".into(),
        from_version,
        description: from_version.map_or_else(String::new, |_| "posts to \"#alerts\"".into()),
        hosts: vec!["hooks.slack.com".into(), "*.example.com".into()],
        scope: from_version.map(|_| StoredScope { tag: "team".into(), values: vec!["billing".into()] }),
        value: Sealed::parse(value).unwrap(),
    })))
}

pub fn operation_id() -> OperationId {
    OperationId::new(AT, [5; 10])
}

/// Each action, with each kind of targets.
fn operations() -> Vec<OperationSpec> {
    let filter = Filter::from([("enabled".into(), "true".into()), ("tag.team".into(), "billing".into())]);
    let patch = PatchText("{\"tags\":{\"team\":null}}".into());
    let instants = Targets::Instants { job: job_id(), from: AT, to: AT + 3_600_000 };
    let spec = |action, targets, per_second| OperationSpec {
        action,
        targets,
        per_second,
        count: 7,
        exact: true,
        scope: None,
    };
    let names = Targets::NamedJobs(vec!["bill".into(), job_id().to_string()]);
    let ids = Targets::NamedExecutions(vec![execution().to_string()]);
    vec![
        spec(BulkAction::Trigger, Targets::Jobs(filter.clone()), Some(50)),
        spec(BulkAction::Delete, names, None),
        spec(BulkAction::Patch(patch), Targets::Jobs(Filter::new()), None),
        spec(BulkAction::SealedPatch(sealed_patch()), Targets::Jobs(Filter::new()), None),
        spec(BulkAction::Replay { spread_ms: 600_000 }, Targets::Executions(filter), Some(50)),
        OperationSpec {
            exact: false,
            scope: StoredScope::of(&support::scope("team", &["ops", "web"])),
            ..spec(BulkAction::Cancel, ids, None)
        },
        spec(BulkAction::Backfill, instants, Some(10)),
        spec(
            BulkAction::Pause { reason: Some("moved".into()), until: Some(AT) },
            Targets::Jobs(Filter::new()),
            None,
        ),
        spec(BulkAction::Pause { reason: None, until: None }, Targets::Jobs(Filter::new()), None),
        spec(BulkAction::Resume, Targets::Jobs(Filter::new()), None),
    ]
}

fn begin(spec: OperationSpec) -> Command {
    Command::Operation(OperationWord::Begin(Box::new(BeginOperation { id: operation_id(), spec })))
}

fn step_of_operation() -> Command {
    let item = |target: &str, place, todo| OperationItem { target: target.into(), place, todo };
    let of = |replay_of, backfill| {
        let operation = Some(OperationRun { id: operation_id(), backfill });
        let execution = ExecutionId::of_operation(job_id(), AT, operation_id(), b"");
        let run =
            TriggerRun { job: job_id(), execution, replay_of, node: node("n1"), overrides: None, operation };
        Todo::Do(Box::new(Command::Trigger(run)))
    };
    let refused = Todo::Not(ItemError::Refused(Refusal::NoSuchJob));
    let items = vec![
        item("bill", Cursor::Job(JobSeq::new(42)), of(None, None)),
        item("again", Cursor::Execution(execution()), of(Some(execution()), None)),
        item("then", Cursor::Instant(AT), of(None, Some(AT))),
        item("gone", Cursor::Named(4), refused),
        item("bad", Cursor::Named(5), Todo::Not(ItemError::Invalid("why".into()))),
    ];
    let step = OperationStep {
        id: operation_id(),
        from: Cursor::Start,
        items,
        to: Cursor::Named(5),
        is_last: false,
    };
    Command::Operation(OperationWord::Step(Box::new(step)))
}

fn last_step() -> Command {
    let to = Cursor::Named(5);
    let step = OperationStep { id: operation_id(), from: to, items: vec![], to, is_last: true };
    Command::Operation(OperationWord::Step(Box::new(step)))
}

/// What version 3 brings in tests.
#[cfg(feature = "next")]
pub fn batches_of_next() -> Vec<(&'static str, Batch)> {
    vec![
        ("probe", batch(vec![Command::Probe])),
        ("raise_version", batch(vec![Command::RaiseVersion { to: 3 }])),
        ("probe_among_others", batch(vec![triggered(None), Command::Probe])),
    ]
}

/// What version 2 adds to outcomes.
pub fn outcomes_of_2() -> Vec<(&'static str, Outcome)> {
    let refused = |refusal| Outcome::Refused { refusal };
    let asked = ExecutionAnswer { by: Some(Box::new(by(7, Some("again")))), ..answer(Trigger::Replay) };
    let cancelled = ExecutionAnswer {
        cancelled_at: Some(AT),
        cancelled_by: Some(Box::new(by(8, None))),
        ..asked.clone()
    };
    let jobs =
        vec![PutOutcome::Created, PutOutcome::Changed(2), PutOutcome::Unchanged(3), PutOutcome::Refused];
    vec![
        ("execution_by", Outcome::Execution(asked)),
        ("execution_cancelled_by", Outcome::Execution(cancelled)),
        ("jobs", Outcome::Jobs { jobs }),
        ("pruned", Outcome::Pruned { names: vec!["a".into(), "b:c".into()], last: true }),
        ("refused_no_such_apply", Outcome::Refused { refusal: Refusal::NoSuchApply }),
        ("refused_stale", Outcome::Refused { refusal: Refusal::Stale { item: 7 } }),
        ("operation", Outcome::Operation { id: operation_id() }),
        ("refused_no_such_operation", refused(Refusal::NoSuchOperation)),
        ("refused_no_such_key", refused(Refusal::NoSuchKey)),
        ("refused_too_many_keys", refused(Refusal::TooManyKeys { most: 1_000 })),
        ("refused_operation_ended", refused(Refusal::OperationEnded { cancelled: true })),
        ("refused_operation_moved_on", refused(Refusal::OperationMovedOn)),
        ("refused_too_many_operations", refused(Refusal::TooManyOperations { most: 16 })),
        ("refused_no_such_secret", refused(Refusal::NoSuchSecret { name: "slack".into() })),
        (
            "refused_secret_in_use",
            refused(Refusal::SecretInUse { jobs: vec!["a".into(), "b:c".into()], more: true }),
        ),
        ("refused_sealed_otherwise", refused(Refusal::SealedOtherwise)),
        ("refused_sealing_moved_on", refused(Refusal::SealingMovedOn)),
        ("refused_too_many_secrets", refused(Refusal::TooManySecrets { most: 1_000 })),
    ]
}

/// Outcomes: each, and each reason of a refusal.
pub fn outcomes() -> Vec<(&'static str, Outcome)> {
    let refused = |refusal| Outcome::Refused { refusal };
    vec![
        ("done", Outcome::Done),
        (
            "job",
            Outcome::Job {
                seq: JobSeq::new(42),
                id: job_id(),
                version: 3,
                at: AT,
                next_due: Some(AT + 60_000),
            },
        ),
        ("execution", Outcome::Execution(answer(Trigger::Manual))),
        (
            "execution_replay",
            Outcome::Execution(ExecutionAnswer { replay_of: Some(execution()), ..answer(Trigger::Replay) }),
        ),
        (
            "execution_cancelled",
            Outcome::Execution(ExecutionAnswer { cancelled_at: Some(AT), ..answer(Trigger::Schedule) }),
        ),
        ("refused_name_taken", refused(Refusal::NameTaken { name: "bill".into() })),
        ("refused_no_such_job", refused(Refusal::NoSuchJob)),
        ("refused_no_such_execution", refused(Refusal::NoSuchExecution)),
        ("refused_version_mismatch", refused(Refusal::VersionMismatch { current: 3 })),
        ("refused_overlap", refused(Refusal::Overlap { unfinished: execution() })),
        ("refused_finished", refused(Refusal::Finished { status: "success".into() })),
        ("refused_key_reused", refused(Refusal::KeyReused)),
        ("refused_unreadable", refused(Refusal::Unreadable)),
        ("refused_over_bound", refused(Refusal::OverBound { in_use: 11, bound: 10 })),
        ("refused_clock_not_behind", refused(Refusal::ClockNotBehind { least_ms: 60_000 })),
        ("refused_version_not_followed", refused(Refusal::VersionNotFollowed { follows: 1 })),
    ]
}
