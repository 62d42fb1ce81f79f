//! Many seeds, each in a process of its own, as many at once as there are processors.

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use chronos_sim::Counts;

/// How a process begins the line in which it says what happened.
pub(crate) const COUNTS: &str = "  counts: ";

/// How the line begins that says what these seeds did not bring about.
const MISSING: &str = "never: ";

/// Runs `count` seeds from `first` on, `jobs` at once; `command` makes the process of one. Prints what
/// each says, in their order, and a sum. Says how many failed.
pub(crate) fn run(first: u64, count: u64, jobs: usize, command: impl Fn(u64) -> Command + Sync) -> u64 {
    let begun = Instant::now();
    let end = first.saturating_add(count);
    let (mut failed, mut sum) = (0, Counts::none());
    thread::scope(|scope| {
        let (sender, results) = mpsc::channel();
        let (next, command) = (AtomicU64::new(first), &command);
        let next = std::sync::Arc::new(next);
        for _ in 0..jobs {
            let (next, sender) = (std::sync::Arc::clone(&next), sender.clone());
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end || sender.send((seed, command(seed).output())).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let (mut waiting, mut turn) = (BTreeMap::new(), first);
        for (seed, result) in results {
            waiting.insert(seed, result);
            while let Some(result) = waiting.remove(&turn) {
                failed += u64::from(!tell(turn, result, &mut sum));
                turn += 1;
            }
        }
    });
    println!("{failed} of {count} seeds failed, in {:.0} s; in all:", begun.elapsed().as_secs_f64());
    print!("{}", sum.table());
    let missing: Vec<_> = sum.missing().collect();
    if !missing.is_empty() {
        println!("{MISSING}{}", missing.join(", "));
    }
    failed
}

/// Prints what a process said, but for its counts, and adds those; says whether it passed.
fn tell(seed: u64, result: std::io::Result<Output>, sum: &mut Counts) -> bool {
    let output = match result {
        Ok(output) => output,
        Err(error) => {
            println!("seed {seed}: no process: {error}");
            return false;
        }
    };
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        match line.strip_prefix(COUNTS) {
            Some(counts) => sum.add_all(&Counts::read(counts)),
            None => println!("{line}"),
        }
    }
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    if !output.status.success() && output.status.code() != Some(1) {
        println!("seed {seed}: {}", output.status);
    }
    output.status.success()
}
