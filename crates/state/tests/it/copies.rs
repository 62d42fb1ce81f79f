//! Copies and backups of a state that goes on: what they may take of it, and that half of one is never left.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use chronos_state::{Batch, CopyBounds, StateError, backup};

use crate::support::*;

/// So many more jobs, in one batch. Each is so long that some of them fill the write-ahead log.
fn create(world: &mut World, from: usize, count: usize) {
    let job = |number: usize| {
        let name = format!("job-{number}");
        let mut spec = spec(&name);
        spec.description = "long ".repeat(400);
        put(id_of(&name), None, spec, None).into()
    };
    let items = (from..from + count).map(job).collect();
    world.batch(&Batch { at: 1, items });
}

fn wal(world: &World) -> u64 {
    std::fs::metadata(world.file("state.db-wal")).unwrap().len()
}

#[test]
fn a_copy_is_given_up_when_the_log_beside_it_has_grown_too_long() {
    let mut world = World::new();
    for from in (0..2_000).step_by(100) {
        create(&mut world, from, 100);
    }
    let (path, to, begin) = (world.path(), world.file("copy.db"), wal(&world));
    // It does not even begin beside one that is too long.
    let error = chronos_state::copy(&path, &to, &bounds().wal(0)).unwrap_err();
    assert!(matches!(error, StateError::LongWal { length, .. } if length == begin), "{error:?}");
    assert!(!to.exists());

    // While it goes on, the log cannot begin anew, whatever is written.
    let most = begin.max(4 << 20) + (1 << 20);
    let state = Arc::new(Mutex::new((world, 2_000)));
    let writer = state.clone();
    let bounds = bounds().wal(most).unless(move || {
        let (world, next) = &mut *writer.lock().unwrap();
        create(world, *next, 100);
        *next += 100;
        false
    });
    let error = chronos_state::copy(&path, &to, &bounds).unwrap_err();
    assert!(
        matches!(error, StateError::LongWal { length, most: may } if length > may && may == most),
        "{error:?}"
    );
    assert!(error.to_string().contains("the copy was given up"), "{error}");
    assert!(!to.exists());
    drop(bounds);
    // The log is free again: it ends up no longer than by what was written meanwhile.
    let (mut world, next) = Arc::into_inner(state).unwrap().into_inner().unwrap();
    create(&mut world, next, 50);
    chronos_state::copy(&path, &to, &CopyBounds::default()).unwrap();
}

#[test]
fn a_backup_that_nobody_waits_for_is_given_up_wherever_it_is_and_leaves_nothing() {
    let mut world = World::new();
    create(&mut world, 0, 600);
    let to = world.file("backup");
    let mut given_up = 0;
    loop {
        let looks = AtomicUsize::new(0);
        let bounds = bounds().unless(move || looks.fetch_add(1, Ordering::Relaxed) >= given_up);
        match backup::write(&world.path(), &to, 1, "1.2.3", "raft.", &bounds) {
            Ok(_) => break,
            Err(StateError::Unwanted) => assert!(!to.exists(), "at look {given_up}"),
            Err(other) => panic!("at look {given_up}: {other}"),
        }
        given_up += 1;
    }
    // In the copying, the hashing, the reading of it again and the check.
    assert!(given_up > 110, "it was asked {given_up} times");
    backup::check(&to).unwrap();
}
