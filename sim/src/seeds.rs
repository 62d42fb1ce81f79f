//! Runs many seeds, each in a process of its own, several at once.

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use chronos_sim::Counts;

/// The start of the line in which a process prints its counts.
pub(crate) const COUNTS: &str = "  counts: ";

/// The start of the line that names the kinds that never happened under these seeds.
const MISSING: &str = "never: ";
/// So many seeds must not miss a kind.
const ENOUGH: u64 = 100;

/// Runs `count` seeds from `first` on, `jobs` at once. `command` makes the process of a seed. Prints the
/// output of each process, in the order of the seeds, and the sum of their counts. Returns whether all seeds
/// passed, and whether enough of them brought about every kind that is counted.
pub(crate) fn run(first: u64, count: u64, jobs: usize, command: impl Fn(u64) -> Command + Sync) -> bool {
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
    failed == 0 && (missing.is_empty() || count < ENOUGH)
}

/// Prints the output of a process without its counts, and adds those to `sum`. Returns whether the seed passed.
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
