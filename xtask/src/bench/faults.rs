//! A cluster of three fires a few hundred webhooks a second while something happens to one of its nodes. Measures how
//! long nothing was planned, how late the runs of the nodes were to which nothing happened, and whether each instant
//! is on record and arrived.
//!
//! Each fault has a cluster of its own, which is watched for a minute from the fault on. Its reference is the minute of
//! a cluster to which nothing happens.

mod cases;
mod disks;
mod planning;
mod round;

use super::sink::Sink;
use super::table::{Row, Table};
use crate::Result;
pub use cases::Fault;
pub use disks::{Disk, Mounted};
use round::{Figures, Round};

/// The target: nothing is planned for no longer than this.
const PLANNING_MS: i64 = 2_000;
/// The target: how late the runs of healthy nodes are, of 99 in 100.
const LATE_MS: i64 = 100;

/// The longest fault, and time to get over it.
const LEAST_SECONDS: usize = 40;

/// Runs the benchmark: a cluster without a fault, and the faults in `only`, or all of them.
pub async fn run(rate: usize, seconds: usize, only: &[Fault]) -> Result<Table> {
    if seconds < LEAST_SECONDS {
        return Err(format!(
            "--seconds: {seconds}; expected at least {LEAST_SECONDS}, for a disk stays full for 30 s"
        )
        .into());
    }
    let sink = Sink::start()?;
    let mut table = Table::new(format!(
        "bench faults: three nodes, {rate} fires a second, {seconds} s from the fault on; the reference is the undisturbed cluster"
    ));
    let mut reference = None;
    for fault in Fault::all().filter(|one| *one == Fault::None || only.is_empty() || only.contains(one)) {
        eprint!("{:<17}", fault.name());
        let round = Round { fault, sink: &sink, rate, seconds };
        match round.run().await {
            Ok(figures) => {
                eprintln!("{figures}");
                judge(fault, &figures, reference.as_ref(), &mut table);
                reference = reference.or(Some(figures));
            }
            Err(error) => {
                eprintln!("{error}");
                let (measure, result) = (fault.name().to_owned(), error.to_string());
                table.judge(Row { measure, result, passed: false, ..Row::default() });
            }
        }
    }
    Ok(table)
}

fn judge(fault: Fault, figures: &Figures, reference: Option<&Figures>, table: &mut Table) {
    let name = fault.name();
    let of =
        |what: fn(&Figures) -> i64| reference.map_or_else(String::new, |other| format!("{} ms", what(other)));
    let Figures { planning_ms, late, missing, expected, skipped, repeated, write_ms } = figures;
    table.judge(Row {
        measure: format!("{name}: nothing planned for"),
        result: format!("{planning_ms} ms"),
        reference: of(|other| other.planning_ms),
        target: format!("≤ {PLANNING_MS} ms"),
        passed: *planning_ms <= PLANNING_MS,
        ..Row::default()
    });
    table.judge(Row {
        measure: format!("{name}: runs of healthy nodes late, p99 (most)"),
        result: format!("{} ({}) ms", late.p99, late.most),
        reference: of(|other| other.late.p99),
        target: format!("≤ {LATE_MS} ms"),
        passed: late.p99 <= LATE_MS,
        ..Row::default()
    });
    table.judge(Row {
        measure: format!("{name}: instants that are not on record as over"),
        result: format!("{missing} of {expected}"),
        target: "0".into(),
        passed: *missing == 0,
        ..Row::default()
    });
    table.tell(
        format!("{name}: skipped; delivered twice; until a write was taken"),
        format!("{skipped}; {repeated}; {write_ms} ms"),
        "",
    );
}
