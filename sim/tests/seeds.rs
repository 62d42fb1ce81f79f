//! The simulation itself: it repeats itself, it passes, and it finds what is wrong.

use chronos_sim::{Bug, Options, Report, run};

fn simulate(seed: u64, bug: Option<Bug>) -> Report {
    run(Options { seed, nodes: 3, seconds: 15, bug }).expect("a run")
}

/// The first seed that sees the bug sees nothing without it.
#[track_caller]
fn assert_found(bug: Bug) {
    let seed = (1..=20).find(|seed| !simulate(*seed, Some(bug)).violations.is_empty());
    let seed = seed.expect("one of 20 seeds sees it");
    assert_eq!(simulate(seed, None).violations, Vec::<String>::new(), "seed {seed}");
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let (first, second) = (simulate(7, None), simulate(7, None));
    assert_eq!(first.trace, second.trace);
    assert_eq!(first.digest, second.digest);
    assert_ne!(first.digest, simulate(8, None).digest);
}

#[test]
fn nothing_is_lost_under_faults() {
    for seed in 1..=3 {
        let report = simulate(seed, None);
        assert_eq!(report.violations, Vec::<String>::new(), "seed {seed}");
        assert!(report.deliveries > 20, "seed {seed} has {} deliveries", report.deliveries);
    }
}

#[test]
fn a_log_that_is_not_durable_is_found() {
    assert_found(Bug::DurableTooSoon);
}

#[test]
fn a_node_that_forgets_what_it_had_not_finished_is_found() {
    assert_found(Bug::ForgetsUnfinished);
}

#[test]
fn a_schedule_that_is_counted_from_now_is_found() {
    assert_found(Bug::CountsFromNow);
}
