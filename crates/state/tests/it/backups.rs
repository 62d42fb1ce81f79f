//! Backups: whole or refused, and a new cluster begins where the old one stood.

use std::path::Path;

use chronos_state::backup::{self, Info};
use chronos_state::{Fire, Machine, StateError};
use chronos_types::{JobSpec, Status};
use sha2::{Digest as _, Sha256};

use crate::support::*;

/// A state with something of everything, and a backup of it.
fn backed_up() -> (World, std::path::PathBuf) {
    let mut world = World::new();
    let (job, fire) = world.with_run(JobSpec { tags: tags([("k", "v")]), ..spec("a") });
    let under_way = fire_of(&world.done(1500, plan([run(&job, 2000)])));
    world.done(1600, reassign(&under_way, NODE, "n2"));
    world.done(2100, report(&Fire { node: node("n2"), ..under_way }, begun(1, 2000)));
    world.done(2200, report(&fire, delivered(1, 1000)));
    let gone = world.create("gone");
    world.done(2250, plan([chronos_state::PlanStep { from: 1000, ..run(&gone, 3000) }]));
    world.done(2300, delete(&gone));
    world.machine.apply(&[], &[("raft.position", b"7"), ("raftery", b"8"), ("other", b"9")]).unwrap();
    let file = world.file("backup");
    let info = backup::write(&world.path(), &file, 5000, "1.2.3", "raft.", &bounds()).unwrap();
    let wanted = Info { format: 1, at: 5000, chronos: "1.2.3".into(), jobs: 1, executions: 2 };
    assert_eq!((&info, backup::check(&file).unwrap()), (&wanted, wanted.clone()));
    (world, file)
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn refusal(file: &Path) -> String {
    let directory = tempfile::tempdir().unwrap();
    let error = backup::check(file).unwrap_err().to_string();
    assert_eq!(backup::restore(file, directory.path(), &node("n9")).unwrap_err().to_string(), error);
    assert_eq!(names(directory.path()), [""; 0], "{error}");
    error
}

#[test]
fn a_backup_comes_back_with_everything_and_the_new_node_owes_what_is_open() {
    let (world, file) = backed_up();
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let info = backup::restore(&file, &data, &node("n9")).unwrap();
    assert_eq!(info, backup::check(&file).unwrap());
    assert_eq!(names(&data), ["state.db"]);

    let machine = Machine::open(&data.join("state.db")).unwrap();
    assert_eq!(machine.meta("raft.position").unwrap(), None);
    assert_eq!(machine.meta("raftery").unwrap(), Some(b"8".to_vec()));
    assert_eq!(machine.meta("other").unwrap(), Some(b"9".to_vec()));
    let reader = machine.reader().unwrap();
    let owed = world.ask(|r| r.open_fires(&node("n2")));
    assert_eq!(owed.len(), 1);
    let mut taken = owed.clone();
    taken[0].node = node("n9");
    assert_eq!(reader.open_fires(&node("n9")).unwrap(), taken);
    assert_eq!(reader.open_nodes().unwrap(), [(node("n9"), 1)]);
    let withdrawn = reader.withdrawn(&node("n9")).unwrap();
    assert_eq!(withdrawn.iter().map(|fire| fire.node.as_str()).collect::<Vec<_>>(), ["n9"]);
    let over = executions(&reader, &Default::default(), None, 9).unwrap().items;
    let over: Vec<_> =
        over.iter().map(|row| (row.execution.status, row.execution.node_id.as_str())).collect();
    assert_eq!(over, [(Status::Running, "n9"), (Status::Success, NODE)]);
    assert_eq!(reader.find_job("a").unwrap(), Some(world.job("a")));
    // Nothing else is different: given back, it is the very same state.
    drop((reader, machine));
    let db = rusqlite::Connection::open(data.join("state.db")).unwrap();
    db.execute("UPDATE executions SET node = 'n2' WHERE status < 3", []).unwrap();
    db.execute("UPDATE open_runs SET node = 'n2'", []).unwrap();
    db.execute("UPDATE withdrawn SET node = 'n1'", []).unwrap();
    db.execute("INSERT INTO meta VALUES ('raft.position', x'37', 0)", []).unwrap();
    drop(db);
    assert_eq!(dump_values(&data.join("state.db")), dump_values(&world.path()));
}

#[test]
fn a_state_that_is_adopted_is_what_its_backup_would_have_been() {
    let (world, file) = backed_up();
    let directory = tempfile::tempdir().unwrap();
    let (data, other) = (directory.path().join("data"), directory.path().join("other"));
    backup::restore(&file, &data, &node("n9")).unwrap();
    // As a crash leaves it: the file, and most of it in the write-ahead log.
    let state = world.file("left.db");
    std::fs::copy(world.path(), &state).unwrap();
    std::fs::copy(world.file("state.db-wal"), world.file("left.db-wal")).unwrap();
    let refused = backup::adopt(&state, &data, &node("n9"), "raft.").unwrap_err();
    assert!(matches!(refused, StateError::Occupied { .. }), "{refused:?}");
    std::fs::create_dir(&other).unwrap();
    let counts = backup::adopt(&state, &other, &node("n9"), "raft.").unwrap();
    assert_eq!((counts.jobs, counts.executions), (1, 2));
    assert_eq!(names(&other), ["state.db"]);
    assert_eq!(dump(&other.join("state.db")), dump(&data.join("state.db")));
    let left = ["left.db", "left.db-wal"].map(|name| world.file(name).exists());
    assert_eq!(left, [false, false], "it was moved, whole");
}

#[test]
fn a_backup_is_one_file_that_sqlite_opens_too() {
    let (world, file) = backed_up();
    let directory = world.path().parent().unwrap().to_owned();
    assert_eq!(names(&directory), ["backup", "state.db", "state.db-shm", "state.db-wal"]);
    let jobs: i64 = look(&file).query_row("SELECT count(*) FROM jobs", [], |row| row.get(0)).unwrap();
    assert_eq!(jobs, 2);
    // No write-ahead log belongs to it: one would have to be carried along.
    assert_eq!(std::fs::read(&file).unwrap()[18..20], [1, 1]);
    let error = backup::write(&world.path(), &file, 5000, "1.2.3", "raft.", &bounds()).unwrap_err();
    assert!(matches!(error, StateError::File { .. }), "{error:?}");
    backup::check(&file).expect("a backup is not written over");
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    let (world, file) = backed_up();
    let bytes = std::fs::read(&file).unwrap();
    let bad = world.file("bad");
    let places = (0..bytes.len()).step_by(997).chain(bytes.len() - 200..bytes.len());
    for place in places {
        let mut flipped = bytes.clone();
        flipped[place] ^= 0x10;
        std::fs::write(&bad, flipped).unwrap();
        let error = backup::check(&bad).unwrap_err();
        assert!(matches!(error, StateError::Backup { .. }), "{place} of {}: {error:?}", bytes.len());
    }
    let middle = bytes.len() / 2;
    let mut flipped = bytes;
    flipped[middle] ^= 1;
    std::fs::write(&bad, flipped).unwrap();
    assert_eq!(
        refusal(&bad),
        format!(
            "{} cannot be restored: it is damaged: its SHA-256 is not the one it was sealed with",
            bad.display()
        )
    );
}

#[test]
fn what_is_cut_short_or_no_backup_is_refused() {
    let (world, file) = backed_up();
    let bytes = std::fs::read(&file).unwrap();
    let bad = world.file("bad");
    let whole = bytes.len();
    for length in [0, 1, 43, 44, 4096, whole / 2, whole - 200, whole - 1] {
        std::fs::write(&bad, &bytes[..length]).unwrap();
        let wanted =
            format!("{} cannot be restored: it is not a Chronos backup, or was cut short", bad.display());
        assert_eq!(refusal(&bad), wanted, "{length} of {whole} bytes");
    }
    assert!(refusal(&world.path()).ends_with("it is not a Chronos backup, or was cut short"));
    assert!(matches!(backup::check(&world.file("missing")), Err(StateError::File { .. })));
}

#[test]
fn a_backup_of_a_newer_chronos_is_refused() {
    let (world, file) = backed_up();
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() += 1;
    let newer = world.file("newer");
    std::fs::write(&newer, bytes).unwrap();
    let wanted = format!(
        "{} cannot be restored: it has backup format 2, and this Chronos knows formats up to 1; use a newer Chronos",
        newer.display()
    );
    assert_eq!(refusal(&newer), wanted);
    // The backup may be well and the state in it newer.
    let world = world.reopen();
    rusqlite::Connection::open(world.path()).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let to = world.file("of-newer");
    let error = backup::write(&world.path(), &to, 1, "1.2.3", "raft.", &bounds()).unwrap_err();
    assert!(matches!(error, StateError::NewerFormat { found: 99, .. }), "{error:?}");
    assert!(!to.exists());
}

#[test]
fn a_backup_that_describes_itself_in_other_words_is_refused_in_ours() {
    let (world, file) = backed_up();
    let mut bytes = std::fs::read(&file).unwrap();
    let end = bytes.len() - 40;
    let field = bytes.windows(9).rposition(|part| part == b"\"chronos\"").unwrap();
    bytes[field + 1] = b'k';
    let sum = Sha256::digest(&bytes[..end]);
    bytes[end..end + 32].copy_from_slice(&sum);
    let other = world.file("other");
    std::fs::write(&other, bytes).unwrap();
    let wanted = format!(
        "{} cannot be restored: what it says about itself cannot be read by this Chronos; use a newer one",
        other.display()
    );
    assert_eq!(refusal(&other), wanted);
}

#[test]
fn a_backup_from_before_the_first_release_is_refused_in_the_words_of_its_state() {
    let (world, file) = backed_up();
    let mut bytes = std::fs::read(&file).unwrap();
    // It was sealed as backups are today; the state in it says not whose it is.
    bytes[68..72].fill(0);
    let end = bytes.len() - 40;
    let sum = Sha256::digest(&bytes[..end]);
    bytes[end..end + 32].copy_from_slice(&sum);
    let older = world.file("older");
    std::fs::write(&older, bytes).unwrap();
    let wanted = format!(
        "{} was written before the first release of Chronos, which cannot read it; start with an empty data \
         directory",
        older.display()
    );
    assert_eq!(refusal(&older), wanted);
}

#[test]
fn data_that_is_there_is_never_touched() {
    let (_world, file) = backed_up();
    for name in ["state.db", "state.db-wal", "log.db", "log.db-wal"] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        std::fs::write(&path, "mine").unwrap();
        let error = backup::restore(&file, directory.path(), &node("n9")).unwrap_err();
        let wanted = format!(
            "{} exists; a cluster is restored into a data directory that holds no data",
            path.display()
        );
        assert_eq!(error.to_string(), wanted);
        assert_eq!(names(directory.path()), [name]);
        assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    }
}

#[test]
fn what_a_crash_left_behind_is_not_in_the_way() {
    let (_world, file) = backed_up();
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("restore.tmp"), "half a state, and longer ".repeat(100_000))
        .unwrap();
    std::fs::write(directory.path().join("lock"), "").unwrap();
    backup::restore(&file, directory.path(), &node("n9")).unwrap();
    assert_eq!(names(directory.path()), ["lock", "state.db"]);
    let machine = Machine::open(&directory.path().join("state.db")).unwrap();
    assert_eq!(machine.reader().unwrap().open_nodes().unwrap(), [(node("n9"), 1)]);
}

#[test]
fn only_the_owner_may_read_what_is_written() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    let (copy, backup, data) = (world.file("copy"), world.file("backup"), world.file("data"));
    chronos_state::copy(&world.path(), &copy, &bounds()).unwrap();
    backup::write(&world.path(), &backup, 1, "1.2.3", "raft.", &bounds()).unwrap();
    backup::restore(&backup, &data, &node(NODE)).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for path in [world.path(), world.file("state.db-wal"), world.file("state.db-shm"), copy, backup] {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    assert_eq!((mode(&data), mode(&data.join("state.db"))), (0o700, 0o600));
}
