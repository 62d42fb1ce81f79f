//! The audit: each change that somebody asks for is on record once, with who, what and the difference.

use chronos_state::{
    AuditFilter, AuditRow, AuditWord, Batch, Command, Cursor, Difference, Filter, Idempotency, KeyWord,
    OperationWord, PageLimits, Proposal, PruneSet, PutItem, PutJobs, SetOwner, Targets, Todo, backup,
};
use chronos_types::{
    By, ExecutionId, Headers, JobSpec, KeyId, KeyName, Millis, OperationId, Role, Skip, TargetUrl, Webhook,
};
use rusqlite::Connection;

use crate::support::*;

fn raised() -> World {
    let mut world = World::new();
    world.raise();
    world
}

/// All entries that a filter means, the oldest first.
fn found(world: &World, filter: &AuditFilter) -> Vec<AuditRow> {
    let mut rows = Vec::new();
    let take = |row| {
        rows.push(row);
        true
    };
    assert_eq!(world.ask(|r| r.audit(filter, None, PageLimits::of(1_000), take)), None);
    rows.reverse();
    rows
}

fn all(world: &World) -> Vec<AuditRow> {
    found(world, &AuditFilter::default())
}

fn whats(rows: &[AuditRow]) -> Vec<&str> {
    rows.iter().map(|row| row.what.as_str()).collect()
}

fn counts(difference: &Difference) -> Vec<(&str, u64)> {
    difference.counts.iter().map(|(name, count)| (name.as_str(), *count)).collect()
}

fn note(what: &str) -> Command {
    Command::Audit(AuditWord::Note { what: what.into(), target: None })
}

#[test]
fn nothing_is_audited_before_the_version_that_brings_it() {
    let mut world = World::new();
    world.create("a");
    assert_eq!((all(&world), world.ask(|r| r.newest_audit())), (vec![], 0));
    assert!(!world.ask(|r| r.has_audit_before(Millis::MAX)));
    world.raise();
    world.run_by(10, put(id_of("b"), None, spec("b"), None), by(1, None));
    assert_eq!(whats(&all(&world)), ["job.create"]);
}

#[test]
fn a_change_of_a_job_tells_who_did_it_and_what_is_another() {
    let mut world = raised();
    world.run_by(10, put(id_of("a"), None, spec("a"), Some(1_000)), by(1, Some("new")));
    let changed = JobSpec { description: "x".into(), ..spec("a") };
    let key = By::key(KeyId::new([4; 8]), &KeyName::parse("ci").unwrap(), None, None);
    world.run_by(20, put(id_of("a"), Some(1), changed, Some(1_000)), key.clone());
    let job = world.job("a");
    world.run_by(30, delete(&job), by(2, None));
    let world = world.reopen();
    let rows = all(&world);
    assert_eq!(whats(&rows), ["job.create", "job.update", "job.delete"]);
    let of: Vec<_> = rows.iter().map(|row| (row.seq, row.at, row.name.as_deref())).collect();
    assert_eq!(of, [(1, 10, Some("a")), (2, 20, Some("a")), (3, 30, Some("a"))]);
    assert!(rows.iter().all(|row| row.target == Some(job.job.id.to_string())));
    let who: Vec<_> = rows.iter().map(|row| row.by.clone().unwrap()).collect();
    assert_eq!(who, [by(1, Some("new")), key, by(2, None)]);
    let told: Vec<_> = rows[1].difference.changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!((told, rows[1].difference.changes[0].to.as_str()), (vec!["description"], Some("x")));
}

#[test]
fn no_secret_comes_into_it() {
    let mut world = raised();
    let with = |secret: &str| {
        let headers = vec![("X-Any".to_owned(), format!("{secret}-header"))];
        let webhook = Webhook {
            url: TargetUrl::parse(&format!("http://h/x?token={secret}-query")).unwrap(),
            headers: Headers::parse(headers).unwrap(),
            ..spec("a").webhook
        };
        JobSpec { webhook, ..spec("a") }
    };
    world.run_by(10, put(id_of("a"), None, with("s3cret-1"), None), by(1, None));
    world.run_by(20, put(id_of("a"), Some(1), with("s3cret-2"), None), by(1, None));
    let rows = all(&world);
    assert!(!format!("{rows:?}").contains("s3cret"), "{rows:?}");
    let fields: Vec<_> = rows[1].difference.changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(fields, ["webhook.headers.X-Any", "webhook.url"]);
}

#[test]
fn what_changes_nothing_and_what_nobody_asked_for_leaves_no_entry() {
    let mut world = raised();
    let job = world.create("a");
    let manual = ExecutionId::manual(job.job.id, 10, [1; 10]);
    world.run(10, trigger(&job, manual, None));
    assert_eq!(all(&world), [], "nobody is known to have asked");
    world.run_by(20, put(id_of("b"), None, spec("a"), None), by(1, None));
    world.run_by(20, delete(&job), by(1, None));
    world.run_by(20, delete(&job), by(1, None));
    world.run_by(20, note("of.no.such.kind"), by(1, None));
    assert_eq!(whats(&all(&world)), ["job.delete"], "the others were refused");

    let job = world.create("c");
    let manual = ExecutionId::manual(job.job.id, 30, [1; 10]);
    for _ in 0..2 {
        world.run_by(30, trigger(&job, manual, None), by(1, None));
    }
    world.run_by(40, resume(&job, None), by(1, None));
    world.run_by(40, skip(&job, None), by(1, None));
    let idempotency = Some(Idempotency { key: "k".into(), fingerprint: "f".into() });
    let paused = Proposal { idempotency, ..asked(pause(&job, Some("so"), None), by(1, None)) };
    for at in [50, 60] {
        world.batch(&Batch { at, items: vec![paused.clone()] });
    }
    let key = create_key(1, Role::Viewer);
    let id = key.id;
    let denied = KeyId::new([9; 8]);
    for word in [
        KeyWord::Create(Box::new(key)),
        KeyWord::Revoke { id },
        KeyWord::Revoke { id: denied },
        KeyWord::EndSession { id: KeyId::new([3; 8]) },
    ] {
        for at in [70, 80] {
            world.run_by(at, Command::Keys(word.clone()), by(1, None));
        }
    }
    let expected = ["job.delete", "job.trigger", "job.pause", "key.create", "key.revoke", "key.revoke"];
    assert_eq!(whats(&all(&world)), expected);
}

#[test]
fn each_kind_of_change_has_its_word() {
    let mut world = raised();
    let job = world.create("a");
    let [first, second] = [1, 2].map(|number| ExecutionId::manual(job.job.id, 10, [number; 10]));
    let operation = OperationId::new(10, [1; 10]);
    let key = create_key(1, Role::Viewer);
    let id = key.id;
    for command in [
        pause(&job, Some("so"), Some(90_000)),
        resume(&job, Some(1_000)),
        skip(&job, Some(Skip::Count(2))),
        trigger(&job, first, None),
        cancel(first),
        trigger(&job, second, Some(first)),
        begin_operation(operation, Targets::Jobs(Filter::new())),
        Command::Operation(OperationWord::Cancel { id: operation }),
        Command::Keys(KeyWord::Create(Box::new(key))),
        begin_session(1, id, 90_000),
        Command::Keys(KeyWord::EndSession { id: KeyId::new([1; 8]) }),
        Command::Keys(KeyWord::Revoke { id }),
        note("backup.download"),
    ] {
        world.run_by(10, command, by(1, None));
    }
    let rows = all(&world);
    assert_eq!(
        whats(&rows),
        [
            "job.pause",
            "job.resume",
            "job.skip",
            "job.trigger",
            "execution.cancel",
            "execution.replay",
            "operation.start",
            "operation.cancel",
            "key.create",
            "session.create",
            "session.delete",
            "key.revoke",
            "backup.download"
        ]
    );
    assert_eq!((rows[8].name.as_deref(), rows[8].target.clone()), (Some("key 1"), Some(id.to_string())));
}

#[test]
fn many_at_once_are_one_entry_with_counts() {
    let mut world = raised();
    let set = |apply: &str| Some(SetOwner { name: "s".into(), apply: Some(apply.into()), adopt: true });
    let items = ["a", "b"].map(|name| created(id_of(name), spec(name), None));
    world.run_by(10, Command::PutJobs(PutJobs { set: set("1"), items: items.into() }), by(1, None));
    let items = vec![kept(&world.job("a")), PutItem::Refused];
    world.run_by(20, Command::PutJobs(PutJobs { set: set("2"), items }), by(1, None));
    let jobs = vec![world.job("a").seq, world.job("b").seq];
    let prune = PruneSet { set: "s".into(), apply: "2".into(), jobs, last: true };
    world.run_by(30, Command::PruneSet(prune), by(1, None));
    let rows = all(&world);
    assert_eq!(whats(&rows), ["jobs.apply", "jobs.prune"], "the second apply changed nothing");
    assert!(rows.iter().all(|row| row.target.as_deref() == Some("s")));
    assert_eq!(counts(&rows[0].difference), [("created", 2)]);
    assert_eq!(counts(&rows[1].difference), [("deleted", 1)]);

    let (job, operation) = (world.job("a"), OperationId::new(40, [1; 10]));
    world.run_by(40, begin_operation(operation, Targets::Jobs(Filter::new())), by(2, None));
    let run = Todo::Do(Box::new(operation_run(&job, operation, 40)));
    let gone = Todo::Not(chronos_state::ItemError::Invalid("so".into()));
    world.done(50, step_operation(operation, Cursor::Start, vec![run, gone], true));
    let rows = all(&world);
    let portion = rows.last().unwrap();
    assert_eq!((portion.what.as_str(), &portion.by), ("operation.portion", &Some(by(2, None))));
    assert_eq!(counts(&portion.difference), [("done", 1), ("refused", 1)]);
}

#[test]
fn it_is_found_by_who_what_of_what_and_when() {
    let mut world = raised();
    let key = By::key(KeyId::new([4; 8]), &KeyName::parse("ci").unwrap(), None, None);
    world.run_by(10, put(id_of("a"), None, spec("a"), None), by(1, None));
    world.run_by(20, put(id_of("b"), None, spec("b"), None), key.clone());
    world.run_by(30, pause(&world.job("a"), None, None), key.clone());
    world.run_by(40, note("backup.download"), by(1, None));
    let job = world.job("a").job.id.to_string();
    let text = |text: &str| Some(text.to_owned());
    let none = AuditFilter::default;
    for (filter, expected) in [
        (AuditFilter { actor: text("ci"), ..none() }, &[2, 3][..]),
        (AuditFilter { actor: key.actor.id.clone(), ..none() }, &[2, 3]),
        (AuditFilter { actor: text("anonymous"), ..none() }, &[1, 4]),
        (AuditFilter { actor: text("192.0.2.1"), ..none() }, &[1, 4]),
        (AuditFilter { actor: text("c"), ..none() }, &[]),
        (AuditFilter { what: text("job.create"), ..none() }, &[1, 2]),
        (AuditFilter { what: text("job"), ..none() }, &[1, 2, 3]),
        (AuditFilter { target: text("a"), ..none() }, &[1, 3]),
        (AuditFilter { target: Some(job), ..none() }, &[1, 3]),
        (AuditFilter { from: Some(20), to: Some(40), ..none() }, &[2, 3]),
    ] {
        let seqs: Vec<_> = found(&world, &filter).iter().map(|row| row.seq).collect();
        assert_eq!(seqs, expected, "{filter:?}");
    }
    // In pages, the newest first.
    let (mut place, mut seqs) = (None, Vec::new());
    loop {
        let take = |row: AuditRow| {
            seqs.push(row.seq);
            true
        };
        place = world.ask(|r| r.audit(&none(), place, PageLimits::of(3), take));
        if place.is_none() {
            break;
        }
    }
    assert_eq!(seqs, [4, 3, 2, 1]);
    let later = world.ask(|r| r.audit_after(2, 1));
    assert_eq!((later.len(), later[0].seq, world.ask(|r| r.newest_audit())), (1, 3, 4));
}

#[test]
fn old_entries_are_forgotten_and_the_newest_stays() {
    let mut world = raised();
    for at in [10, 20, 30] {
        world.run_by(at, note("backup.download"), by(1, None));
    }
    let forget = |before| Command::Audit(AuditWord::Forget { before });
    let seqs = |world: &World| all(world).iter().map(|row| row.seq).collect::<Vec<_>>();
    assert!(!world.ask(|r| r.has_audit_before(10)));
    assert!(world.ask(|r| r.has_audit_before(20)));
    world.done(40, forget(20));
    assert_eq!(seqs(&world), [2, 3]);
    world.done(50, forget(1_000));
    assert_eq!(seqs(&world), [3]);
    assert!(!world.ask(|r| r.has_audit_before(1_000)), "nothing is left to forget");
    world.run_by(60, note("backup.download"), by(1, None));
    assert_eq!(seqs(&world), [3, 4]);
}

#[test]
fn of_many_256_mib_are_kept() {
    let mut world = raised();
    for at in [10, 20] {
        world.run_by(at, note("backup.download"), by(1, None));
    }
    // As if so much had come between them.
    let db = Connection::open(world.path()).unwrap();
    db.execute("UPDATE audit SET upto = upto + ?1 WHERE seq = 2", [256 << 20]).unwrap();
    let in_use = world.ask(|r| r.bytes_in_use());
    assert!(in_use < 1 << 20, "it is not among what history.max_bytes bounds: {in_use}");
    world.run_by(30, note("backup.download"), by(1, None));
    assert_eq!(all(&world).iter().map(|row| row.seq).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn a_backup_has_it() {
    let mut world = raised();
    world.run_by(10, put(id_of("a"), None, spec("a"), None), by(1, None));
    let (to, directory) = (world.file("kept.backup"), world.file("data"));
    backup::write(&world.path(), &to, 1, "1.2.3", "raft.", &bounds()).unwrap();
    backup::restore(&to, &directory, &node(NODE)).unwrap();
    let restored = chronos_state::Machine::open(&directory.join("state.db")).unwrap();
    let rows = restored.reader().unwrap().audit_after(0, 10).unwrap();
    assert_eq!(rows, all(&world));
}
