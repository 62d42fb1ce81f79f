//! Tests of the simulation: it repeats itself, it passes, and it finds bugs. Each run is a process of its own,
//! as it is for a person who reproduces a seed.

use std::process::{Command, Output};

fn simulate(seed: u64, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chronos-sim"));
    command.args(["--seeds", "1", "--seconds", "15", "--seed", &seed.to_string()]).args(more);
    command.output().expect("a process")
}

/// Everything that happened under a seed, and the result.
fn trace(seed: u64) -> String {
    let output = simulate(seed, &["--trace"]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// The rarest bug is seen by one seed in twenty, as counted over 120 of them; so as many are tried as find it
/// in 95 cases of 100, whichever seeds those are.
const SEEDS: u64 = 60;

/// Checks that a seed finds the bug, and that the first seed that finds it passes without the bug.
#[track_caller]
fn assert_found(bug: &str) {
    let seed = (1..=SEEDS).find(|seed| {
        let output = simulate(*seed, &["--bug", bug]);
        // The bug was found, and the simulation itself did not fail.
        output.status.code() == Some(1) && String::from_utf8_lossy(&output.stdout).contains("reproduce:")
    });
    let seed = seed.expect("one of the seeds sees it");
    let clean = simulate(seed, &[]);
    assert!(clean.status.success(), "seed {seed}: {clean:?}");
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let first = trace(7);
    assert!(first.lines().count() > 100, "{first}");
    assert_eq!(first, trace(7));
    assert_ne!(first, trace(8));
}

#[test]
fn nothing_is_lost_under_faults() {
    for seed in 1..=3 {
        let output = simulate(seed, &[]);
        assert!(output.status.success(), "seed {seed}: {output:?}");
    }
}

/// Else a fault is planned and never done, or the server says something in other words than the witness
/// listens for.
#[test]
fn everything_that_is_counted_happens() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chronos-sim"));
    let output = command.args(["--seeds", "30"]).output().expect("a process");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && !said.contains("never: "), "{said}");
    for kind in chronos_sim::KINDS {
        assert!(said.contains(&format!(" {}\n", kind.replace('_', " "))), "{kind} is not counted: {said}");
    }
}

#[test]
fn a_log_that_is_not_durable_is_found() {
    assert_found("durable-too-soon");
}

#[test]
fn a_node_that_forgets_what_it_had_not_finished_is_found() {
    assert_found("forgets-unfinished");
}

#[test]
fn a_schedule_that_is_counted_from_now_is_found() {
    assert_found("counts-from-now");
}
