//! Nobody's fault delays another: one node fires a thousand healthy webhooks a second while, in turn, something
//! else goes wrong or takes much. Measures how late the healthy ones are, whether each instant arrived and is on
//! record, and how much memory the server takes.
//!
//! The undisturbed rounds are the reference. They and the disturbed ones take turns, because the machine is not
//! equally fast at all times.

mod cases;
mod round;
mod template;
mod verdict;

use std::time::{Duration, Instant};

use super::sink::Sink;
use super::table::{Row, Table};
use crate::Result;
pub use cases::Disturbance;
use round::{Ended, Round};
use template::Template;
use verdict::Outcome;

/// Healthy webhooks a second.
const RATE: usize = 1_000;
/// The target for the whole run, at the default settings.
const WHOLE: Duration = Duration::from_secs(40 * 60);

/// Runs the benchmark: the undisturbed rounds, and those of the disturbances in `only`, or of all of them.
pub async fn run(seconds: usize, rounds: usize, only: &[Disturbance]) -> Result<Table> {
    let begun = Instant::now();
    let chosen: Vec<_> = Disturbance::all().filter(|one| one.is_none() || is_chosen(*one, only)).collect();
    let sink = Sink::start()?;
    let template = if chosen.iter().any(|one| one.case().large) { Some(Template::make()?) } else { None };
    let mut outcomes: Vec<_> = chosen.iter().map(|one| Outcome::new(one.case())).collect();
    for number in 1..=rounds {
        for outcome in &mut outcomes {
            eprint!("round {number} of {rounds}, {:<12}", outcome.case.name);
            let round = Round { case: outcome.case, template: template.as_ref(), sink: &sink, seconds };
            // What cannot be measured counts as missed, and does not keep the rest from being measured.
            let ended = round.run().await.unwrap_or_else(|error| Ended::Failed(error.to_string()));
            eprintln!("{ended}");
            outcome.add(ended);
        }
    }
    let mut table = Table::new(format!(
        "bench isolation: {RATE} healthy webhooks a second, {rounds} rounds of {seconds} s in turns, medians; the reference is undisturbed"
    ));
    verdict::judge(&outcomes, &mut table);
    let took = begun.elapsed();
    table.judge(Row {
        measure: "the whole run".into(),
        result: format!("{:.1} min", took.as_secs_f64() / 60.0),
        target: format!("≤ {} min", WHOLE.as_secs() / 60),
        passed: took <= WHOLE,
        ..Row::default()
    });
    Ok(table)
}

fn is_chosen(one: Disturbance, only: &[Disturbance]) -> bool {
    only.is_empty() || only.contains(&one)
}
