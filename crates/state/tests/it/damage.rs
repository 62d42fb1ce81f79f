//! Files with flipped bits, and files that were cut off: what is read from one is what was written, or there is
//! an error that says something. Nothing panics.
//!
//! The dice have a fixed seed, so a failure comes again: it names its round.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use chronos_state::{Batch, StateError, backup};
use chronos_testkit::load::Dice;
use chronos_types::JobSpec;

use crate::sample::{NOTES, read, read_hash, sample};
use crate::support::*;

const ROUNDS: u32 = 10_000;

/// Cuts off the end.
fn cut(dice: &mut Dice, bytes: &mut Vec<u8>) {
    bytes.truncate(dice.below(bytes.len()));
}

/// A way to damage bytes.
type Damage = fn(&mut Dice, &mut Vec<u8>);
const FLIP: Damage = |dice, bytes| dice.flip(bytes);
const CUT: Damage = cut;

/// The files of a state as they lie on the disk: the file itself, and its write-ahead log.
struct Files {
    state: Vec<u8>,
    wal: Vec<u8>,
}

impl Files {
    fn of(world: &World) -> Self {
        let wal = world.file("state.db-wal");
        let wal = if wal.exists() { std::fs::read(wal).unwrap() } else { vec![] };
        Self { state: std::fs::read(world.path()).unwrap(), wal }
    }

    /// Puts them into an empty directory, and reads what there is.
    fn read(
        &self,
        directory: &Path,
        read: fn(&Path) -> Result<String, StateError>,
    ) -> Result<String, String> {
        let state = directory.join("state.db");
        std::fs::write(&state, &self.state).unwrap();
        if !self.wal.is_empty() {
            std::fs::write(directory.join("state.db-wal"), &self.wal).unwrap();
        }
        let result = read(&state).map_err(|error| error.to_string());
        for name in ["state.db", "state.db-wal", "state.db-shm"] {
            let _ = std::fs::remove_file(directory.join(name));
        }
        result
    }
}

/// A directory in memory where there is one: tens of thousands of files are written and synced.
fn directory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// Does it again and again: what is answered is among `right`, or an error that names the file.
fn rounds(file: &str, right: &[String], mut once: impl FnMut(&mut Dice) -> Result<String, String>) {
    let mut dice = Dice::new(11);
    let mut noticed = 0;
    for round in 1..=ROUNDS {
        let result = catch_unwind(AssertUnwindSafe(|| once(&mut dice)));
        match result.unwrap_or_else(|_| panic!("it panicked in round {round}")) {
            Ok(read) => {
                let newest = right.last().unwrap();
                let other = read.lines().zip(newest.lines()).find(|(read, right)| read != right);
                assert!(right.contains(&read), "round {round}: {other:#?}");
                noticed += u32::from(read != *newest);
            }
            Err(error) => {
                assert!(error.contains(file), "round {round} says {error:?}");
                noticed += 1;
            }
        }
    }
    assert!(noticed > 0, "nothing was damaged in {ROUNDS} rounds");
}

/// A state all of which is in its file, as after a stop.
fn closed() -> Files {
    let mut world = sample();
    world.machine.make_durable().unwrap();
    Files { wal: vec![], ..Files::of(&world) }
}

fn damaged_file(damage: Damage) {
    let directory = directory();
    let files = closed();
    let right = files.read(directory.path(), read).unwrap();
    rounds("state.db", &[right], |dice| {
        let mut state = files.state.clone();
        damage(dice, &mut state);
        Files { state, wal: vec![] }.read(directory.path(), read)
    });
}

#[test]
fn flipped_bits_in_a_state_file_are_found() {
    damaged_file(FLIP);
}

#[test]
fn a_state_file_that_was_cut_off_is_refused() {
    damaged_file(CUT);
}

/// A state whose last commits are in its write-ahead log, and what it was after each of them.
fn with_wal(is_brought_back: bool) -> (Files, Vec<String>) {
    let mut world = sample();
    world.machine.make_durable().unwrap();
    let copy = world.file("copy.db");
    let mut right = Vec::new();
    let mut see = |world: &World| {
        chronos_state::copy(&world.path(), &copy, &bounds()).unwrap();
        right.push(read_hash(&copy).unwrap());
        std::fs::remove_file(&copy).unwrap();
    };
    see(&world);
    // Each commit writes to other tables, so that pages of different commits do not fit together.
    let job = world.job("a");
    let fire = fire_of(&world.done(7500, plan([run(&job, 8000)])));
    see(&world);
    let new = JobSpec { tags: tags([("k", "v")]), ..spec("new") };
    world.run_sealed(0, put(id_of("new"), None, new, Some(1000)));
    see(&world);
    let batch = Batch { at: 8100, items: vec![report(&fire, delivered(1, 8000)).into()] };
    let index = world.next_index();
    world.machine.apply(&[logged(index, &batch)], &[(NOTES[0], b"8100")]).unwrap();
    see(&world);
    world.run_sealed(8200, put(id_of("keyed"), Some(1), spec("renamed"), None));
    see(&world);
    world.done(8300, delete(&world.job("new")));
    see(&world);
    world.done(8400, plan([run(&job, 9000)]));
    see(&world);
    if is_brought_back {
        world.machine.make_durable().unwrap();
    }
    (Files::of(&world), right)
}

fn damaged_wal(damage: Damage) {
    let directory = directory();
    let ((new, right), (brought_back, _)) = (with_wal(false), with_wal(true));
    for files in [&new, &brought_back] {
        assert_eq!(files.read(directory.path(), read_hash).as_ref(), Ok(right.last().unwrap()));
    }
    let mut turn = [&new, &brought_back].into_iter().cycle();
    rounds("state.db", &right, |dice| {
        let files = turn.next().unwrap();
        let mut wal = files.wal.clone();
        damage(dice, &mut wal);
        Files { state: files.state.clone(), wal }.read(directory.path(), read_hash)
    });
}

#[test]
fn flipped_bits_in_a_write_ahead_log_end_it_at_a_commit_or_are_found() {
    damaged_wal(FLIP);
}

#[test]
fn a_write_ahead_log_that_was_cut_off_ends_at_a_commit_or_is_refused() {
    damaged_wal(CUT);
}

fn damaged_backup(damage: Damage) {
    let directory = directory();
    let world = sample();
    let (file, data) = (world.file("backup"), directory.path().join("data"));
    backup::write(&world.path(), &file, 5000, "1.2.3", "raft.", &bounds()).unwrap();
    let bytes = std::fs::read(&file).unwrap();
    let restored = || {
        let state = data.join("state.db");
        let info = backup::restore(&file, &data, &node("n9")).map_err(|error| error.to_string());
        let read = info.map(|info| format!("{info:?} {}", read(&state).unwrap()));
        let _ = std::fs::remove_dir_all(&data);
        read
    };
    let right = restored().unwrap();
    rounds("backup", &[right], |dice| {
        let mut bytes = bytes.clone();
        damage(dice, &mut bytes);
        std::fs::write(&file, bytes).unwrap();
        restored()
    });
}

#[test]
fn flipped_bits_in_a_backup_are_found() {
    damaged_backup(FLIP);
}

#[test]
fn a_backup_that_was_cut_off_is_refused() {
    damaged_backup(CUT);
}
