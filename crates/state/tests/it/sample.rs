//! A small state with something of everything, made by fixed commands, and all that can be read of it.

use std::fmt::Write as _;
use std::path::Path;

use chronos_state::{
    AuditWord, Batch, ClockWord, Command, CreateKey, Cursor, EventPlace, Filter, Fire, Idempotency,
    ItemError, JobSeq, KeyUse, KeyWord, MAX_ROWS, Machine, OperationWord, Outcome, PassedBy, PlanStep,
    Proposal, PutJobs, Reader, Refusal, Reported, SealCursor, SecretWord, SetOwner, StateError,
    StoredOverrides, Targets, Todo,
};
use chronos_types::{
    Actor, Auth, By, ExecutionId, JobSpec, KeyId, Millis, Note, OperationId, Phases, Role, Scope, Skip,
    TargetUrl, Trigger, Waited, Webhook,
};

use crate::forms::{
    data_key_id, full, node_keys, reseal, sealed_overrides, sealed_put, sealed_value, secret_key, secret_put,
};
use crate::support::*;

/// More than a day after all else in it.
const JUMP_AT: Millis = 200_000_000;

/// The keys of the consensus layer's notes in it.
pub const NOTES: [&str; 2] = ["raft.position", "raft.snapshot"];

/// The sample of version 1, and what version 2 adds: who made versions of jobs, asked for runs, and cancelled some;
/// a set of jobs; pauses, and runs that are skipped; and what is kept of runs.
pub fn sample() -> World {
    let mut world = sample_of_1();
    world.raise();
    let told = Actor { id: Some("k1".into()), name: Some("deploy".into()), ..by(7, None).actor };
    let told = By { actor: told, note: Some(Note::parse("wie vereinbart").unwrap()) };
    let at = JUMP_AT + 1_000;
    world.run_by(at, put(id_of("by"), None, spec("by"), Some(at + 9_000)), told.clone());
    let changed = JobSpec { description: "changed".into(), ..spec("by") };
    world.run_by(at, put(id_of("by"), Some(1), changed, Some(at + 9_000)), by(8, None));
    let job = world.job("by");
    let manual = |number| ExecutionId::manual(job.job.id, at, [number; 10]);
    world.run_by(at, trigger(&job, manual(3), None), told.clone());
    world.run_by(at, cancel(manual(3)), by(8, Some("by mistake")));
    let overrides = StoredOverrides {
        body: Some("{\"only\": \"now\"}".into()),
        headers: vec![("X-Token".into(), "0n1y-n0w".into())],
        sealed: None,
    };
    let fire = fire_of(&world.run(at, overriding(trigger(&job, manual(5), None), overrides)).1);
    let phases = Phases { first_byte_ms: Some(9), body_ms: Some(1), ..Phases::default() };
    let waited = Waited { slot_ms: 4, target_ms: 5, retry_after_ms: 6 };
    world.done(at + 20, report(&fire, timed(delivered(1, at + 5), phases, waited)));
    let replay = fire_of(&world.run(at + 30, trigger(&job, manual(6), Some(manual(5)))).1);
    world.done(at + 50, report(&replay, begun(1, at + 35)));
    let other = world.create("gone-too");
    world.run_by(at, trigger(&other, ExecutionId::manual(other.job.id, at, [4; 10]), None), by(8, None));
    world.run_by(at, delete(&other), told.clone());
    // Two jobs of a set, which two applies named; one of them does not have the later.
    let set = |apply: &str| Some(SetOwner { name: "billing".into(), apply: Some(apply.into()), adopt: true });
    let items = ["set-1", "set-2"].map(|name| created(id_of(name), spec(name), Some(at + 9_000)));
    world.run(at, Command::PutJobs(PutJobs { set: set("first"), items: items.into() }));
    world.run(at, Command::PutJobs(PutJobs { set: set("second"), items: vec![kept(&world.job("set-2"))] }));
    // An operation that is under way and met one job that was gone, and one that was cancelled.
    let [under_way, cancelled] = [1, 2].map(|number| OperationId::new(at, [number; 10]));
    for id in [under_way, cancelled] {
        world.run_by(at, begin_operation(id, Targets::Jobs(Filter::new())), told.clone());
    }
    let manual = operation_run(&job, under_way, at);
    let gone = Todo::Not(ItemError::Refused(Refusal::NoSuchJob));
    world.done(at, step_operation(under_way, Cursor::Start, vec![Todo::Do(Box::new(manual)), gone], false));
    world.run_by(at, Command::Operation(OperationWord::Cancel { id: cancelled }), told.clone());
    // Paused with all that can be said of it and with nothing, and runs that are skipped in both ways.
    let at = at + 10_000;
    for name in ["paused", "paused-for-ever", "skips", "skips-until"] {
        world.run(at, put(id_of(name), None, spec(name), Some(at + 3_000)));
    }
    let asleep = world.job("paused");
    world.run_by(at, pause(&asleep, Some("der Umzug"), Some(at + 60_000)), told.clone());
    world.run(at, pause(&world.job("paused-for-ever"), None, None));
    let skips = world.job("skips");
    world.run_by(at, skip(&skips, Some(Skip::Count(3))), told);
    world.done(at + 1_000, plan([run(&skips, at + 3_000)]));
    world.run(at, skip(&world.job("skips-until"), Some(Skip::Until(at + 60_000))));
    with_kept(&mut world, at);
    with_keys(&mut world, at);
    with_team(&mut world, at + 301_000);
    let what = "backup.download".to_owned();
    world.run_by(at, Command::Audit(AuditWord::Note { what, target: None }), by(8, None));
    with_secrets(&mut world, at + 310_000);
    world
}

/// Keys with all that can be said of them and with nothing, one that is over, one that is denied, and sessions.
fn with_keys(world: &mut World, at: Millis) {
    let say = |world: &mut World, word| {
        assert_eq!(world.run_by(at, Command::Keys(word), by(7, Some("neu"))).0, Outcome::Done);
    };
    let [plain, limited, over] = [1, 2, 3].map(|number| create_key(number, Role::Editor));
    let limited = CreateKey { expires_at: Some(at + 60_000), per_second: Some(50), ..limited };
    let ids = [plain.id, over.id];
    world.done(at, Command::Keys(KeyWord::Create(Box::new(plain))));
    for key in [limited, over] {
        say(world, KeyWord::Create(Box::new(key)));
    }
    say(world, KeyWord::Revoke { id: ids[1] });
    say(world, KeyWord::Revoke { id: KeyId::new([9; 8]) });
    world.done(at, Command::Keys(KeyWord::Revoke { id: KeyId::new([8; 8]) }));
    world.done(at, begin_session(1, ids[0], at + 60_000));
    world.done(at, Command::Keys(KeyWord::Used { keys: vec![KeyUse { id: ids[0], hour: 3_600_000 }] }));
    world.done(at, Command::Keys(KeyWord::Node(node_keys())));
}

/// A job of a team: a success, and a failure.
fn with_team(world: &mut World, at: Millis) {
    let job = world.create_as(JobSpec { tags: tags([("team", "billing")]), ..spec("of-a-team") });
    for (number, what) in [(8, delivered(1, at)), (9, calling(failed(1, at, None), "h"))] {
        let manual = ExecutionId::manual(job.job.id, at, [number; 10]);
        let (_, effects) = world.run(at, trigger(&job, manual, None));
        world.done(at, report(&fire_of(&effects), what));
    }
}

/// The key that values are sealed by, a secret, a job that names it, one with sealed credentials, a run of that with some of
/// its own, and how far it has come that all is sealed.
fn with_secrets(world: &mut World, at: Millis) {
    world.done(at, secret_key());
    let secret = secret_put(None, "1.0909090909090909.AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMD9kKmww8");
    for command in [secret, sealed_put("sealed")] {
        let asked = asked(command, by(8, None)).sealed_by(Some(data_key_id()));
        world.batch(&Batch { at, items: vec![asked] });
    }
    let named = spec("names-a-secret");
    let url = TargetUrl::parse("http://h/{{secret.slack}}").unwrap();
    let named = JobSpec { webhook: Webhook { url, ..named.webhook }, ..named };
    world.run_sealed(at, put(id_of("names-a-secret"), None, named, Some(at + 9_000)));
    let job = world.job("sealed");
    let manual = ExecutionId::manual(job.job.id, at, [7; 10]);
    world.run_sealed(at, overriding(trigger(&job, manual, None), sealed_overrides()));
    world.run_sealed(at, Command::Secret(SecretWord::Fingerprints(sealed_value())));
    let (from, to) = (SealCursor::Start, SealCursor::Job(JobSeq::default()));
    world.done(at, reseal(from, vec![], to));
}

/// A success and a failure, five minutes later another success, and a run that catches up on instants that were missed.
fn with_kept(world: &mut World, at: Millis) {
    let job = world.create("counted");
    let fails = fire_of(&world.done(at, plan([run(&job, 1000)])));
    world.done(at, report(&fails, calling(failed(1, at, None), "h")));
    for (number, at) in [(5, at), (6, at + 300_000)] {
        let manual = ExecutionId::manual(job.job.id, at, [number; 10]);
        let (_, effects) = world.run(at, trigger(&job, manual, None));
        world.done(at, report(&fire_of(&effects), delivered(1, at)));
    }
    let late = with(run(&job, 4000), |run| run.trigger = Trigger::CatchUp);
    let missed = Some(missed(job.job.id, 2000, 3000, 1000));
    world.done(at + 300_000, plan([PlanStep { from: 2000, missed, ..late }]));
}

/// Jobs enabled, disabled, changed and deleted, with tags, secrets and a template; an execution of each status
/// and of each trigger; a key; a withdrawn run; the consensus layer's notes.
pub fn sample_of_1() -> World {
    let mut world = World::new();
    world.machine.apply(&[], &[(NOTES[0], b"{\"index\":17}"), (NOTES[1], b"\x00\xff")]).unwrap();
    let bill = JobSpec { name: spec("bill").name, ..full(Auth::Bearer { token: "t0ken".into() }) };
    world.create_as(bill);
    let job = world.create_as(JobSpec { tags: tags([("team", "billing"), ("x", "1")]), ..spec("a") });
    let next = |world: &mut World, at: Millis, trigger| -> Fire {
        let step = with(run(&job, at), |run| run.trigger = trigger);
        fire_of(&world.done(at - 500, plan([step])))
    };
    let success = next(&mut world, 1000, Trigger::Schedule);
    world.done(1100, report(&success, begun(1, 1001)));
    world.done(1200, report(&success, delivered(1, 1001)));
    let fails = next(&mut world, 2000, Trigger::CatchUp);
    world.done(2100, report(&fails, failed(1, 2001, Some(2500))));
    world.done(2600, report(&fails, failed(2, 2501, None)));
    let retries = next(&mut world, 3000, Trigger::Schedule);
    world.done(3100, report(&retries, failed(1, 3001, Some(90_000))));
    let runs = next(&mut world, 4000, Trigger::Schedule);
    world.done(4100, report(&runs, begun(1, 4001)));
    let skipped = next(&mut world, 5000, Trigger::Schedule);
    world.done(5100, report(&skipped, Reported::Skipped { reason: "an earlier run is under way".into() }));
    let replaced = next(&mut world, 6000, Trigger::Schedule);
    world.done(6100, report(&replaced, Reported::Replaced { attempt: Some((1, 6001)) }));
    world.done(6200, reassign(&runs, NODE, "n2"));
    world.done(6300, moved(&retries, NODE, "n2", true));
    world.run(6400, trigger(&job, ExecutionId::manual(job.job.id, 6400, [1; 10]), None));
    let replay = ExecutionId::manual(job.job.id, 6500, [2; 10]);
    world.run(6500, trigger(&job, replay, Some(success.run.execution)));
    world.run(6600, put(job.job.id, Some(1), JobSpec { description: "changed".into(), ..spec("a") }, None));
    let changed = world.job("a");
    world.done(6700, plan([run(&changed, 7000)]));
    let gone = world.create("gone");
    let missed = Some(missed(gone.job.id, 1000, 2000, 1000));
    world.done(2300, plan([PlanStep { from: 1000, missed, ..run(&gone, 3000) }]));
    world.done(2400, delete(&gone));
    world.run(7000, put(id_of("off"), None, JobSpec { enabled: false, ..spec("off") }, None));
    let idempotency = Some(Idempotency { key: "order-17".into(), fingerprint: "9f86d081".into() });
    let command = put(id_of("keyed"), None, spec("keyed"), Some(9000));
    world.batch(&Batch { at: 7100, items: vec![Proposal { idempotency, ..command.into() }] });
    // Deleted with one run more than a command may end; the others are forgotten.
    let crowded = world.create("crowded");
    let times = (1..).map(|second| second * 1000).take(MAX_ROWS + 1);
    let steps = times.map(|at| with(run(&crowded, at), |run| run.trigger = Trigger::CatchUp));
    world.done(7200, plan(steps.collect::<Vec<_>>()));
    world.done(7300, delete(&crowded));
    let ended = world.ask(|r| r.overfull_jobs(crowded.seq, 1, keep(0, u64::MAX))).trim;
    world.done(7400, Command::Trim(ended));
    // Two jumps of the time, and one of them back.
    world.done(JUMP_AT, Command::Clock(ClockWord::Passes));
    world.done(8000, Command::Clock(ClockWord::Back));
    world.done(JUMP_AT, Command::Clock(ClockWord::Passes));
    world
}

/// Opens a state file, and reads all that there is in it.
pub fn read(path: &Path) -> Result<String, StateError> {
    ask(path, read_all)
}

/// Opens a state file, and reads enough of it to tell any two states apart.
pub fn read_hash(path: &Path) -> Result<String, StateError> {
    ask(path, |reader, text| {
        add(text, reader.state_hash()?);
        Ok(())
    })
}

fn ask(
    path: &Path,
    questions: fn(&Reader, &mut String) -> Result<(), StateError>,
) -> Result<String, StateError> {
    let machine = Machine::open(path)?;
    let mut text = format!("version {}\n", machine.version()?);
    for note in NOTES {
        add(&mut text, machine.meta(note)?);
    }
    questions(&machine.reader()?, &mut text)?;
    Ok(text)
}

/// Every question, and little twice, for this is done thousands of times.
fn read_all(r: &Reader, text: &mut String) -> Result<(), StateError> {
    let passed = PassedBy::new();
    let jobs = jobs(r, &Default::default(), None, 100)?;
    for job in &jobs.items {
        add(text, versions(r, job.seq, None, 100)?);
    }
    let numbers: Vec<_> = jobs.items.iter().map(|job| job.seq).collect();
    if let Some(seq) = numbers.first() {
        add(text, (r.version(*seq, 1)?, r.spec(*seq, 1)?));
    }
    for row in executions(r, &Default::default(), None, 100)?.items {
        add(text, (row.job_seq, row.execution, row.spec.map(|spec| spec.name), row.overrides));
    }
    add(text, r.execution(ExecutionId::scheduled(id_of("a"), 1000))?);
    for node in ["n1", "n2"].map(node) {
        add(text, (r.open_fires(&node)?, r.open_of(&node, None, 100)?, r.withdrawn(&node)?));
    }
    let mut holders: Vec<_> = r.holders(&numbers, None)?.into_iter().collect();
    holders.sort();
    add(text, (jobs, holders, r.count_jobs()?, r.open_nodes()?));
    let due = r.due(ALL_DUE, Millis::MAX, 100, &passed)?;
    add(text, (r.find_job("a")?, due, r.first_due(&passed)?, r.withdrawn_nodes()?, r.has_remainders()?));
    let events = r.events(EventPlace::default(), 1_000)?;
    add(text, (r.newest_event()?, r.event_job(JobSeq::new(1))?, r.job_of_id(id_of("a"))?, events));
    let first = JobSeq::default();
    add(text, (r.aged_executions(None, age(1 << 40), 100)?, r.overfull_jobs(first, 100, keep(1, 0))?));
    add(text, (r.forgotten_jobs(first, 100)?, r.keys_before(9000, 100)?, r.cluster_time()?));
    add(
        text,
        (
            r.set_surplus("billing", "first", 100, &Scope::all())?,
            r.set_surplus("billing", "second", 100, &Scope::all())?,
        ),
    );
    add(text, (r.running_operations()?, operations(r)?));
    add(text, r.ending_pauses((Millis::MIN, first), Millis::MAX, 100)?);
    add(text, (r.enabled_jobs(first, 100)?, r.waiting_runs(None, 0, 100)?, r.state_hash()?));
    for (step, _) in Reader::figures_steps() {
        let all = (Millis::MIN, Millis::MAX);
        add(text, (r.figures(step, all.0, all.1)?, r.failed_hosts(step, all.0, all.1)?));
    }
    add(text, (r.figures_since()?, r.failing(9, &Scope::all())?));
    let billing = scope("team", &["billing"]);
    let limit = billing.limit().expect("a limit");
    add(text, (r.figures_since_in(limit)?, r.figures_in(limit, 300_000, Millis::MIN, Millis::MAX)?));
    add(text, (r.access()?, r.key_uses()?));
    add(text, (r.audit_after(0, 100)?, r.newest_audit()?, r.has_audit_before(Millis::MAX)?));
    Ok(())
}

fn add(text: &mut String, read: impl std::fmt::Debug) {
    writeln!(text, "{read:?}").unwrap();
}
