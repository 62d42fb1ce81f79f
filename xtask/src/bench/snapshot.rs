//! A node joins a cluster that holds a million jobs and as many executions: how long until it is
//! ready, and how much memory that takes of the node that sends the state and of the one that
//! receives it.

use std::path::Path;
use std::time::Instant;

use chronos_types::NodeName;
use rusqlite::{Connection, OpenFlags};

use super::fleet::Job;
use super::load::Loader;
use super::nodes::{Seat, name, seats, until_all_vote};
use super::proc::{reset_peak, resident_mib};
use super::table::{Row, Table};
use super::{now_ms, size_of};
use crate::Result;

/// The target, on either side: resident memory above what the node had idle.
const ABOVE_IDLE_MIB: f64 = 200.0;
/// The jobs are daily.
const DAY_MS: i64 = 24 * 3_600_000;
/// The last run of each is over for at least so long, and none falls due while this measures.
const AGO_MS: i64 = 3_600_000;

/// Runs it.
pub async fn run(jobs: usize, executions: usize) -> Result<Table> {
    if executions > jobs {
        return Err(format!("--executions: {executions} is more than the {jobs} of --jobs").into());
    }
    let [founder, joiner] = &seats(2)?[..] else {
        return Err("there are not two seats".into());
    };
    let joiner_idle = idle(joiner).await?;
    load(founder.directory(), jobs, executions)?;
    let data = size_of(founder.directory());
    let sender = founder.spawn()?.ready().await?;
    eprintln!("the first node is ready after {:?}", sender.ready_after);
    let (sender_idle, _) = resident_mib(sender.pid())?;
    reset_peak(sender.pid())?;
    let receiver = joiner.spawn()?.ready().await?;
    let took = receiver.ready_after;
    eprintln!("the second node is ready after {took:?}");
    let servers = [sender, receiver];
    until_all_vote(&servers).await?;
    let [sender, receiver] = &servers;
    let (sent, received) = (resident_mib(sender.pid())?, resident_mib(receiver.pid())?);
    let held = held(receiver.directory())?;

    let mut table = Table::new(format!(
        "bench snapshot: a node joins one that holds {jobs} jobs and {executions} executions ({} MiB of data); the reference is the same node idle",
        data >> 20
    ));
    for (measure, idle, (now, peak)) in
        [("the node that was there", sender_idle, sent), ("the node that joined", joiner_idle, received)]
    {
        table.judge(Row {
            measure: format!("resident, {measure}"),
            result: format!("peak {peak:.0} MiB, then {now:.0}"),
            reference: format!("{idle:.0} MiB"),
            ratio: format!("+{:.0} MiB", peak - idle),
            target: format!("≤ +{ABOVE_IDLE_MIB:.0} MiB"),
            passed: peak - idle <= ABOVE_IDLE_MIB,
        });
    }
    table.judge(Row {
        measure: "held by the node that joined".into(),
        result: format!("{} jobs, {} executions", held.0, held.1),
        target: "all".into(),
        passed: held == (jobs, executions),
        ..Row::default()
    });
    table.tell("start to ready, the node that joined", format!("{:.1} s", took.as_secs_f64()), "");
    let rate = (data >> 20) as f64 / took.as_secs_f64();
    table.tell("data a second of that", format!("{rate:.0} MiB"), "");
    Ok(table)
}

/// What a node has that waits to be taken in, and is given nothing: nobody is there.
async fn idle(seat: &Seat) -> Result<f64> {
    let mut server = seat.spawn()?;
    server.until_ok("/health").await?;
    let (now, _) = resident_mib(server.pid())?;
    server.kill()?;
    for file in std::fs::read_dir(seat.directory())? {
        std::fs::remove_file(file?.path())?;
    }
    Ok(now)
}

/// Loads the state: daily jobs, the first of which have had a run.
fn load(directory: &Path, jobs: usize, executions: usize) -> Result<()> {
    let begun = Instant::now();
    eprintln!("loading {jobs} jobs and {executions} executions");
    // Runs over an hour, an hour ago; the next of each is a day later.
    let first = now_ms() - 2 * AGO_MS;
    let daily = |n: usize| {
        let time = first + i64::try_from(n).unwrap_or_default() * AGO_MS / i64::try_from(jobs).unwrap_or(1);
        // `@every` counts from `start_at`, and the first run is one period later.
        Job { start_at: Some(time - DAY_MS), ..Job::numbered(n, "@every 24h") }
    };
    // Nothing fires.
    let mut loader = Loader::open(directory, ([127, 0, 0, 1], 9).into())?;
    loader.put_with_run((0..executions).map(daily), &NodeName::unchecked(&name(0)))?;
    loader.put((executions..jobs).map(daily))?;
    loader.finish()?;
    eprintln!("loaded in {:?}", begun.elapsed());
    Ok(())
}

/// Jobs and executions in a state file.
fn held(directory: &Path) -> Result<(usize, usize)> {
    let file = Connection::open_with_flags(
        directory.join("state.db"),
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    let count = |table: &str| -> Result<usize> {
        Ok(file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?)
    };
    Ok((count("jobs")?, count("executions")?))
}
