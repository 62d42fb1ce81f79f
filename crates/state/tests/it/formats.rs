//! What is no state file, or is damaged, is refused: by whoever opens it, and in words that tell what it is.

use chronos_state::{Machine, StateError, backup};
use chronos_types::JobSpec;

use crate::support::*;

/// A state file of before the first release: it has a format number, and does not say whose it is.
fn before_first_release(path: &std::path::Path) {
    let db = rusqlite::Connection::open(path).unwrap();
    db.execute_batch("PRAGMA application_id = 0; PRAGMA user_version = 2;").unwrap();
}

#[test]
fn a_file_from_before_the_first_release_is_refused_wherever_it_comes_from() {
    let mut world = World::new();
    let (older, to) = (world.file("older.db"), world.file("to"));
    chronos_state::copy(&world.path(), &older, &bounds()).unwrap();
    before_first_release(&older);
    let bytes = std::fs::read(&older).unwrap();
    let data = world.file("data");
    std::fs::create_dir(&data).unwrap();
    for error in [
        Machine::open(&older).unwrap_err(),
        world.machine.replace_with(&older, &[]).unwrap_err(),
        chronos_state::check(&older).unwrap_err(),
        chronos_state::copy(&older, &to, &bounds()).unwrap_err(),
        backup::write(&older, &to, 1, "1.2.3", "raft.", &bounds()).unwrap_err(),
        backup::adopt(&older, &data, &node(NODE), "raft.").unwrap_err(),
    ] {
        assert!(matches!(error, StateError::BeforeFirstRelease { .. }), "{error:?}");
        let wanted = format!(
            "{} was written before the first release of Chronos, which cannot read it; start with an empty \
             data directory",
            older.display()
        );
        assert_eq!(error.to_string(), wanted);
    }
    assert_eq!(std::fs::read(&older).unwrap(), bytes, "nothing is written to it");
    assert!(!to.exists());
}

#[test]
fn what_is_not_a_state_file_is_never_taken_for_a_new_one() {
    let world = World::new();
    let file = |name: &str, bytes: &[u8]| {
        std::fs::write(world.file(name), bytes).unwrap();
        world.file(name)
    };
    let database = |name: &str, sql: &str| {
        rusqlite::Connection::open(world.file(name)).unwrap().execute_batch(sql).unwrap();
        world.file(name)
    };
    let others = [
        file("empty", b""),
        file("text", "no database, but long enough to be looked at ".repeat(20).as_bytes()),
        database("without-tables", "PRAGMA journal_mode = WAL; VACUUM"),
        database(
            "log",
            "PRAGMA application_id = 0x4348524C; PRAGMA user_version = 1; CREATE TABLE log (idx)",
        ),
        database("of-nobody", "CREATE TABLE jobs (id)"),
    ];
    for path in others {
        let before = std::fs::read(&path).unwrap();
        for error in [Machine::open(&path).unwrap_err(), chronos_state::check(&path).unwrap_err()] {
            assert!(matches!(error, StateError::NotState { .. }), "{error:?}");
            let wanted = format!("{} is not a state file of Chronos; it may be damaged", path.display());
            assert_eq!(error.to_string(), wanted);
        }
        assert_eq!(std::fs::read(&path).unwrap(), before, "{}", path.display());
    }
}

#[test]
fn a_state_file_has_its_name_only_once_it_is_whole() {
    let world = World::new();
    let path = world.file("other.db");
    // What a crash left of the first start, and a write-ahead log whose file was removed.
    std::fs::write(world.file("other.db.new"), "half of it").unwrap();
    std::fs::copy(world.file("state.db-wal"), world.file("other.db-wal")).unwrap();
    std::fs::write(world.file("other.db-wal"), "an old one").unwrap();
    let mut machine = Machine::open(&path).unwrap();
    assert!(!world.file("other.db.new").exists());
    machine.apply(&[], &[("applied", b"1")]).unwrap();
    drop(machine);
    assert_eq!(Machine::open(&path).unwrap().meta("applied").unwrap(), Some(b"1".to_vec()));
}

#[test]
fn damage_is_told_with_its_table_and_row() {
    let cases = [
        (
            "UPDATE jobs SET created_at = created_at + 1",
            "jobs, row 1: its checksum is not that of its values",
        ),
        ("UPDATE executions SET detail = '{}'", "executions, row 1: its checksum is not that of its values"),
        (
            "UPDATE tags SET sum = sum + 1",
            "tags, row \"k\", \"v\", 1: its checksum is not that of its values",
        ),
        ("UPDATE meta SET value = x'00' WHERE key = 'applied'", "meta, row \"applied\": its checksum"),
        ("UPDATE due SET held = 2", "due, row 1: it counts 2 executions on record, and there are 1"),
        (
            "UPDATE open_runs SET held = 2",
            "open_runs, row \"n1\": it counts 2 unfinished executions, and there are 1",
        ),
        ("DROP INDEX due_at", "its tables are not those of a state file"),
        ("UPDATE executions SET id = x'00'", "executions, row 1: its checksum"),
    ];
    for (sql, what) in cases {
        let mut world = World::new();
        world.with_run(JobSpec { tags: tags([("k", "v")]), ..spec("a") });
        world.machine.apply(&[], &[("applied", b"1")]).unwrap();
        let path = world.file("damaged.db");
        chronos_state::copy(&world.path(), &path, &bounds()).unwrap();
        chronos_state::check(&path).unwrap();
        rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let wanted = format!("stored data is damaged: {}: {what}", path.display());
        let data = world.file("data");
        std::fs::create_dir(&data).unwrap();
        for error in [
            chronos_state::check(&path).unwrap_err(),
            backup::adopt(&path, &data, &node(NODE), "raft.").unwrap_err(),
            Machine::open(&path).unwrap_err(),
        ] {
            assert!(matches!(error, StateError::Corrupt(_)), "{sql}: {error:?}");
            assert!(error.to_string().starts_with(&wanted), "{sql}: {error}");
        }
        assert_eq!(world.ask(|r| r.count_jobs()), (1, 0), "nothing took its place");
        std::fs::write(&path, bytes).unwrap();
        let backup = world.file("backup");
        let error = backup::write(&path, &backup, 1, "1.2.3", "raft.", &bounds()).unwrap_err().to_string();
        assert!(error.ends_with(what) || error.contains(what), "{sql}: {error}");
        assert!(!backup.exists());
    }
}

#[test]
fn what_cannot_be_read_is_told_with_its_table_and_row() {
    // What is whole and only refused by today's rules is no fault: see `bad_records`.
    let cases: [(&str, &str); 3] = [
        ("UPDATE executions SET status = 1, node = x'ff'", "executions, row 1: "),
        ("UPDATE executions SET version = -1", "executions, row x"),
        ("UPDATE jobs SET id = x'ff'", "jobs, row 1: "),
    ];
    for (sql, what) in cases {
        let mut world = World::new();
        let (job, _) = world.with_run(spec("a"));
        let reader = world.machine.reader().unwrap();
        rusqlite::Connection::open(world.path()).unwrap().execute_batch(sql).unwrap();
        let r = &reader;
        let answers = [
            r.holders(&[job.seq], None).map(drop),
            executions(r, &Default::default(), None, 9).map(drop),
            r.find_job("a").map(drop),
            r.due(ALL_DUE, i64::MAX, 9, &Default::default()).map(drop),
        ];
        let errors = answers.into_iter().filter_map(Result::err).collect::<Vec<_>>();
        let told = errors.iter().any(|error| {
            matches!(error, StateError::Corrupt(_)) && error.to_string().contains(&format!(": {what}"))
        });
        assert!(told, "{sql}: {errors:?}");
    }
}
