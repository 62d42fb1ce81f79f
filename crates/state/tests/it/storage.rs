//! The state file: opened again, copied, replaced, and refused where it is newer.

use chronos_state::{Batch, Command, JobSeq, Machine, StateError, TriggerRun, VERSION};
use chronos_types::{ExecutionId, JobSpec};

use crate::support::*;

#[test]
fn unfinished_executions_survive_a_restart_with_their_attempt_numbers() {
    let mut world = World::new();
    let job = world.create("a");
    let says = [
        (None, 1, 1000, false),
        (Some(vec![begun(1, 2005)]), 1, 2000, true),
        (Some(vec![failed(1, 3000, Some(9000))]), 2, 9000, true),
        (Some(vec![failed(1, 4000, Some(4500)), begun(2, 4501)]), 2, 4000, true),
    ];
    let mut wanted = Vec::new();
    for (due, (what, attempt, fire_at, begun)) in [1000, 2000, 3000, 4000].into_iter().zip(says) {
        let fire = fire_of(&world.done(due - 500, plan([run(&job, due)])));
        for what in what.into_iter().flatten() {
            world.done(due + 500, report(&fire, what));
        }
        wanted.push(chronos_state::Fire { attempt, fire_at, begun, ..fire });
    }
    let over = fire_of(&world.done(4500, plan([run(&job, 5000)])));
    world.done(5000, report(&over, delivered(1, 5000)));
    let world = world.reopen();
    assert_eq!(world.ask(|r| r.open_fires(&node(NODE))), wanted);
    assert_eq!(world.ask(|r| r.open_fires(&node("other"))), []);
    assert_eq!(world.due("a"), Some(6000));
}

#[test]
fn notes_are_written_with_the_batches_they_belong_to() {
    let mut world = World::new();
    let batch = Batch { at: 5, items: vec![put(id_of("a"), None, spec("a"), None).into()] };
    assert_eq!(world.machine.meta("applied").unwrap(), None);
    world.machine.apply(&[logged(1, &batch)], &[("applied", b"7"), ("members", b"")]).unwrap();
    let mut world = world.reopen();
    assert_eq!(world.machine.meta("applied").unwrap(), Some(b"7".to_vec()));
    assert_eq!(world.machine.meta("members").unwrap(), Some(vec![]));
    assert!(world.machine.apply(&[], &[("applied", b"8")]).unwrap().is_empty());
    assert_eq!(world.machine.meta("applied").unwrap(), Some(b"8".to_vec()));
}

#[test]
fn a_newer_state_file_is_refused_in_words_that_help() {
    let world = World::new();
    let other = world.file("newer.db");
    chronos_state::copy(world.machine.path(), &other, &bounds()).unwrap();
    rusqlite::Connection::open(&other).unwrap().pragma_update(None, "user_version", VERSION + 1).unwrap();
    let path = other.display().to_string();
    let mut world = world.reopen();
    for error in [Machine::open(&other).unwrap_err(), world.machine.replace_with(&other, &[]).unwrap_err()] {
        assert!(matches!(error, StateError::NewerFormat { .. }), "{error:?}");
        let wanted = format!(
            "{path} has state format {}, and this Chronos knows formats up to {VERSION}; start a newer Chronos on it",
            VERSION + 1
        );
        assert_eq!(error.to_string(), wanted);
    }
}

#[test]
fn a_newer_command_is_refused_and_damage_is_called_damage() {
    let batch = Batch { at: 5, items: vec![put(id_of("a"), None, spec("a"), Some(3)).into()] };
    let bytes = batch.encode().unwrap();
    assert_eq!(Batch::decode(&bytes).unwrap(), batch);
    assert!(bytes.starts_with(b"1 {"));
    // Nothing of what a newer one says is read but its version.
    let next = VERSION + 1;
    let newer = [format!("{next} ").as_bytes(), &[0xff; 9]].concat();
    let raise = Batch { at: 5, items: vec![Command::RaiseVersion { to: next }.into()] };
    for newer in [newer, raise.encode().unwrap()] {
        let error = Batch::decode(&newer).unwrap_err();
        assert!(matches!(error, StateError::NewerVersion { .. }), "{error:?}");
        let wanted = format!(
            "a command is of cluster version {next}, and this Chronos follows versions up to \
             {VERSION}; start a newer Chronos"
        );
        assert_eq!(error.to_string(), wanted);
    }
    let long = [b"9999999999 ", &bytes[2..]].concat();
    let (zeros, plus) = ([b"0", bytes.as_slice()].concat(), [b"+", bytes.as_slice()].concat());
    let damaged: [&[u8]; 11] = [
        b"",
        b"1",
        b"1 ",
        b"0 {}",
        b"x {}",
        b"{}",
        &bytes[..bytes.len() - 1],
        &bytes[1..],
        &long,
        &zeros,
        &plus,
    ];
    for damaged in damaged {
        let error = Batch::decode(damaged).unwrap_err();
        assert!(matches!(error, StateError::Corrupt(_)), "{:?}: {error:?}", String::from_utf8_lossy(damaged));
    }
}

#[test]
fn every_command_survives_the_log() {
    let mut world = World::new();
    let (job, fire) = world.with_run(spec("a"));
    let commands = [
        put(id_of("a"), Some(3), JobSpec { tags: tags([("k", "v")]), ..spec("a") }, None),
        delete(&job),
        trigger(&job, fire.run.execution, Some(fire.run.execution)),
        trigger(&job, fire.run.execution, None),
        cancel(fire.run.execution),
        Command::Confirm(chronos_state::Confirm { job: job.job.id, version: 3, next_due: None }),
        plan([run(&job, 1000), passed_over(run(&job, 9))]),
        report(&fire, begun(1, 2)),
        report(&fire, delivered(1, 2)),
        report(&fire, failed(1, 2, Some(3))),
        report(&fire, chronos_state::Reported::Skipped { reason: "ü\"\n".into() }),
        report(&fire, chronos_state::Reported::Replaced { attempt: Some((1, 2)) }),
        report(&fire, chronos_state::Reported::NotBegun),
        report(&fire, chronos_state::Reported::Unknown),
        Command::Trim(chronos_state::Trim {
            executions: vec![1],
            versions: vec![(JobSeq::new(1), 2)],
            jobs: vec![JobSeq::new(3)],
            keys_before: 4,
        }),
        reassign(&fire, NODE, "n2"),
        moved(&fire, NODE, "n2", true),
    ];
    let batch = Batch { at: -1, items: commands.into_iter().map(Into::into).collect() };
    assert_eq!(Batch::decode(&batch.encode().unwrap()).unwrap(), batch);
}

#[test]
fn a_copy_replaces_the_whole_state_of_another() {
    let mut source = World::new();
    let (_, fire) = source.with_run(JobSpec { tags: tags([("k", "v")]), ..spec("a") });
    source.machine.apply(&[], &[("applied", b"1")]).unwrap();
    let copy = source.file("copy.db");
    chronos_state::copy(source.machine.path(), &copy, &bounds()).unwrap();
    assert_eq!(dump(&copy), dump(&source.path()));
    assert!(
        chronos_state::copy(source.machine.path(), &copy, &bounds()).is_err(),
        "a copy never writes over a file"
    );

    // What is applied after the copy is not in it.
    source.done(600, report(&fire, begun(1, 600)));
    let mut target = World::new();
    target.create("other");
    target.run(5, put(id_of("other"), Some(1), spec("x"), None));
    assert_eq!(target.ask(|r| jobs(r, &Default::default(), None, 9)).items.len(), 1);
    target.machine.replace_with(&copy, &[("snapshot", b"s")]).unwrap();
    // A reader that was open all the while sees the new state, and so does the writer.
    assert_eq!(target.ask(|r| r.open_fires(&node(NODE))), std::slice::from_ref(&fire));
    assert_eq!(target.ask(|r| r.find_job("x")), None);
    assert_eq!(target.machine.meta("applied").unwrap(), Some(b"1".to_vec()));
    assert_eq!(target.machine.meta("snapshot").unwrap(), Some(b"s".to_vec()));
    target.done(600, report(&fire, begun(1, 600)));
    let mut target = target.reopen();
    source.machine.apply(&[], &[("snapshot", b"s")]).unwrap();
    assert_eq!(dump(&target.path()), dump(&source.path()));
    target.create("b");
}

#[test]
fn a_copy_is_of_one_moment_and_nobody_waits_for_it() {
    let mut world = World::new();
    let (path, to) = (world.path(), world.file("copy.db"));
    // Each batch is a job and its run, so that a copy of half a batch would be seen.
    let mut apply = |number: i64| {
        let name = format!("job-{number}");
        let job = id_of(&name);
        let run = TriggerRun {
            job,
            execution: ExecutionId::manual(job, number, [0; 10]),
            replay_of: None,
            node: node(NODE),
            operation: None,
            overrides: None,
        };
        let items = vec![put(job, None, spec(&name), None).into(), Command::Trigger(run).into()];
        world.batch(&Batch { at: number, items });
    };
    (0..2000).for_each(&mut apply);
    let copying = std::thread::spawn({
        let to = to.clone();
        move || chronos_state::copy(&path, &to, &bounds()).unwrap()
    });
    let mut number = 2000;
    while !copying.is_finished() {
        apply(number);
        number += 1;
    }
    copying.join().unwrap();
    let count = |table: &str| -> i64 {
        look(&to).query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert!((2000..=number).contains(&count("jobs")), "{} of {number}", count("jobs"));
    assert_eq!(count("jobs"), count("executions"));
    assert_eq!(world.ask(|r| r.count_jobs()).0, number.cast_unsigned());
}

#[test]
fn a_reader_goes_on_with_the_state_of_before_while_it_is_replaced() {
    let mut source = World::new();
    source.create("new");
    let copy = source.file("copy.db");
    chronos_state::copy(source.machine.path(), &copy, &bounds()).unwrap();
    let mut world = World::new();
    world.create("old");
    let reader = world.machine.reader().unwrap();
    let seen = reader.at_once(|reader| {
        assert!(reader.find_job("old")?.is_some());
        world.machine.replace_with(&copy, &[])?;
        reader.find_job("old")
    });
    assert!(seen.unwrap().is_some());
    assert!(reader.find_job("old").unwrap().is_none());
    assert!(reader.find_job("new").unwrap().is_some());
}

#[test]
fn a_copy_that_fails_leaves_nothing() {
    let world = World::new();
    let to = world.file("copy.db");
    std::fs::write(world.file("text"), "no database, but long enough to be looked at ".repeat(20)).unwrap();
    for from in ["text", "missing"] {
        assert!(chronos_state::copy(&world.file(from), &to, &bounds()).is_err(), "{from}");
        assert!(!to.exists(), "{from}");
    }
}

#[test]
fn the_hash_of_a_state_tells_states_apart_and_nothing_else() {
    let mut world = World::new();
    let hash = |world: &World| world.ask(|r| r.state_hash());
    let empty = hash(&world);
    assert_eq!((empty.len(), empty.clone()), (64, hash(&World::new())));
    let (_, fire) = world.with_run(spec("a"));
    let planned = hash(&world);
    assert_ne!(planned, empty);
    world.machine.apply(&[], &[("applied", b"1")]).unwrap();
    assert_eq!(hash(&world), planned, "a note of the consensus layer is not part of the state");
    world.done(700, reassign(&fire, NODE, "n2"));
    assert_ne!(hash(&world), planned);
    world.done(700, reassign(&fire, "n2", NODE));
    assert_eq!(hash(&world), planned);
    let world = world.reopen();
    assert_eq!(hash(&world), planned);
}

#[test]
fn a_copy_that_is_not_a_state_is_refused_and_nothing_is_lost() {
    let mut world = World::new();
    world.create("a");
    let before = dump(&world.path());
    std::fs::write(world.file("text"), "no database, but long enough to be looked at ".repeat(20)).unwrap();
    std::fs::write(world.file("empty"), "").unwrap();
    for name in ["text", "empty", "missing"] {
        let file = world.file(name);
        assert!(world.machine.replace_with(&file, &[]).is_err(), "{name}");
        assert_eq!(dump(&world.path()), before, "{name}");
    }
}

#[test]
fn a_state_is_made_durable_while_somebody_reads() {
    let mut world = World::new();
    let reader = world.machine.reader().unwrap();
    let seen = reader.at_once(|reader| {
        assert_eq!(reader.count_jobs()?, (0, 0));
        world.create("a");
        world.machine.make_durable()?;
        // One answer for all that is asked at once, whatever is written meanwhile.
        reader.count_jobs()
    });
    assert_eq!(seen.unwrap(), (0, 0));
    assert_eq!(reader.count_jobs().unwrap(), (1, 0));
    world.machine.make_durable().unwrap();
}
