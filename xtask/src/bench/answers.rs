//! What people ask: how long each page takes, of a hundred thousand jobs and a million executions, while nothing else
//! is done and while webhooks fire; and how late these are.
//!
//! | module | what it is |
//! | --- | --- |
//! | `questions` | what is asked, a line each |
//! | `places` | what stands in the places of questions, another one each time |
//! | `mix`, `history` | the jobs, and how often each has run within a month |
//! | `runs`, `ends` | the runs on record, and how each ended |
//! | `draw` | numbers that follow from a seed |
//! | `ask`, `quiet`, `busy` | a client; all questions one by one; the same while webhooks fire |
//!
//! The reference of a page is the same question over a tenth of the data.

mod ask;
mod busy;
mod draw;
mod ends;
mod history;
pub mod mix;
mod places;
mod questions;
mod quiet;
mod runs;

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use ask::{Ask, Took};
use busy::{Busy, READERS};
use history::Loaded;
use places::Places;
use questions::QUESTIONS;
use quiet::Asked;

use super::load::Loader;
use super::proc::resident_mib;
use super::server::Server;
use super::sink::Sink;
use super::table::{Row, Table, ms, ms_from_to};
use super::{bare, data_directory, middle, now_ms, size_of};
use crate::Result;

/// The targets: a page, while nothing else is done and while webhooks fire.
const QUIET_US: i64 = 30_000;
const BUSY_US: i64 = 60_000;
/// How late webhooks may be while there are readers: so many times as late as without, and this much more.
const LATER: i64 = 2;
const MORE_US: i64 = 5_000;
/// The reference has so much of the data.
const SHARE: usize = 10;
/// Fewer pages than this tell nothing of the slowest.
const FEW: usize = 20;
/// How long the paced client is measured.
const REFERENCE_SECONDS: usize = 8;

/// Runs the benchmark.
pub async fn run(jobs: usize, executions: usize) -> Result<Table> {
    let asks = Ask::all();
    let sink = Sink::start()?;
    eprintln!("the reference of the lateness: a bare client at {} requests/s", busy::RATE);
    bare::paced(&sink, busy::RATE, REFERENCE_SECONDS).await?;
    let paced = sink.report().await?;
    let small = {
        let directory = data_directory()?;
        let loaded = load(directory.path(), jobs / SHARE, executions / SHARE)?;
        Quiet::of(&Warm::start(directory.path()).await?, &loaded, &asks).await?
    };
    let directory = data_directory()?;
    let loaded = load(directory.path(), jobs, executions)?;
    let warm = Warm::start(directory.path()).await?;
    let quiet = Quiet::of(&warm, &loaded, &asks).await?;
    let data = size_of(directory.path());
    eprintln!("{} webhooks a second, in turns without and with {READERS} readers", busy::RATE);
    let busy = busy::run(&warm.server, &sink, &Places::of(&loaded)?).await?;

    let mut table = Table::new(format!(
        "bench answers: {jobs} jobs and {executions} executions ({} MiB of data); times are p50 / p95 / max, those of the slowest order, and the p95 while {} webhooks a second fire and {READERS} readers read; the reference is the p95 over a tenth of the data",
        data >> 20,
        busy::RATE,
    ));
    for number in 0..QUESTIONS.len() {
        judge(&mut table, number, &asks, &quiet.asked, &small.asked, &busy.took);
    }
    lateness(&mut table, &busy, paced.p99_us);
    table.tell(
        "resident after all questions, timetable included",
        format!("{:.0} MiB", quiet.resident),
        format!("{:.0} MiB", small.resident),
    );
    table.tell(
        "start to all made in the background",
        format!("{:.1} s", quiet.warm_after.as_secs_f64()),
        format!("{:.1} s", small.warm_after.as_secs_f64()),
    );
    Ok(table)
}

/// Makes the data, and tells how long that took.
fn load(directory: &Path, jobs: usize, executions: usize) -> Result<Loaded> {
    let begun = Instant::now();
    // Nothing of it fires: each job has a host of its own.
    let mut loader = Loader::open_as_it_is(directory, ([127, 0, 0, 1], 9).into())?;
    let loaded = history::load(&mut loader, jobs, executions, now_ms())?;
    loader.finish()?;
    eprintln!("{jobs} jobs and {executions} executions are on record after {:?}", begun.elapsed());
    Ok(loaded)
}

/// A server that has made all that it makes in the background.
struct Warm {
    server: Server,
    after: Duration,
}

impl Warm {
    async fn start(directory: &Path) -> Result<Self> {
        let begun = Instant::now();
        let server = Server::start(directory).await?;
        quiet::until_warm(&server.api).await?;
        Ok(Self { server, after: begun.elapsed() })
    }
}

/// What came of all questions, and what the server was like then.
struct Quiet {
    asked: Vec<Asked>,
    resident: f64,
    warm_after: Duration,
}

impl Quiet {
    async fn of(warm: &Warm, loaded: &Loaded, asks: &[Ask]) -> Result<Self> {
        let begun = Instant::now();
        let asked = quiet::all(&warm.server.api, &Places::of(loaded)?, asks).await?;
        eprintln!("{} questions in {:?}", asks.len(), begun.elapsed());
        let (resident, _) = resident_mib(warm.server.pid())?;
        Ok(Self { asked, resident, warm_after: warm.after })
    }
}

/// Adds the row of a question.
fn judge(table: &mut Table, number: usize, asks: &[Ask], quiet: &[Asked], small: &[Asked], busy: &[Took]) {
    let orders = || (0..asks.len()).filter(move |at| asks[*at].question == number);
    let Some(slowest) = orders().max_by_key(|at| quiet[*at].took.p95()) else { return };
    let (took, reference, under_load) = (&quiet[slowest].took, small[slowest].took.p95(), &busy[number]);
    let order = Some(asks[slowest].order).filter(|order| !order.is_empty());
    let order = order.map_or_else(String::new, |order| format!(", slowest {order}"));
    let mut result = format!(
        "{} / {} / {} of {} pages, {} of {} under load",
        ms(took.percentile(0.5)),
        ms(took.p95()),
        ms(took.percentile(1.0)),
        orders().map(|at| quiet[at].took.pages()).sum::<usize>(),
        ms(under_load.p95()),
        under_load.pages(),
    );
    let refused = under_load.refused + orders().map(|at| quiet[at].took.refused).sum::<usize>();
    if refused > 0 {
        let _ = write!(result, "; {refused} refused");
    }
    // A question that finds other than it ought to measures something else.
    let finds = QUESTIONS[number].finds;
    let wrong = orders().find(|at| !finds.is_met(quiet[*at].held));
    if let Some(at) = wrong {
        let _ = write!(result, "; {:?} holds {}", asks[at].order, quiet[at].held);
    }
    let is_quick = took.p95() <= QUIET_US && under_load.p95() <= BUSY_US;
    table.judge(Row {
        measure: format!("{}{order}", QUESTIONS[number].label()),
        result,
        reference: ms(reference),
        ratio: format!("{:.1}", took.p95() as f64 / reference.max(1) as f64),
        target: format!("≤ {}, ≤ {}", ms(QUIET_US), ms(BUSY_US)),
        passed: is_quick && under_load.pages() >= FEW && refused == 0 && wrong.is_none(),
    });
}

fn lateness(table: &mut Table, busy: &Busy, paced: i64) {
    let (alone, read) = (middle(&busy.alone), middle(&busy.read));
    table.compare(Row {
        measure: "lateness p99 without readers".into(),
        result: format!("{} ({})", ms(alone), ms_from_to(&busy.alone)),
        reference: format!("{} of a bare client", ms(paced)),
        ratio: format!("{:.1}", alone as f64 / paced.max(1) as f64),
        ..Row::default()
    });
    let most = alone * LATER + MORE_US;
    table.judge(Row {
        measure: "lateness p99 with readers".into(),
        result: format!("{} ({})", ms(read), ms_from_to(&busy.read)),
        reference: format!("{} without", ms(alone)),
        ratio: format!("{:.1}", read as f64 / alone.max(1) as f64),
        target: format!("≤ {}", ms(most)),
        passed: read <= most,
    });
    table.judge(Row {
        measure: "webhooks lost".into(),
        result: format!("{} of {}", busy.lost, busy.total),
        target: "0".into(),
        passed: busy.lost == 0,
        ..Row::default()
    });
}
