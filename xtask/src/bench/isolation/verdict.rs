//! What the rounds come to. Pure.

use super::super::table::{Row, Table, ms};
use super::cases::{Burden, Case};
use super::round::{Ended, Figures};

/// The target for lateness: this many times the undisturbed, and so much more.
const TIMES: i64 = 2;
const WAITS_US: i64 = 5_000;
const BURNS_US: i64 = 25_000;
/// The target for memory.
const RESIDENT_MIB: f64 = 400.0;

/// The lateness of what did not come.
pub const NEVER_US: i64 = i64::MAX;

/// A disturbance and what came of its rounds.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The disturbance.
    pub case: Case,
    figures: Vec<Figures>,
    /// Why rounds have no figures.
    without: Vec<String>,
}

impl Outcome {
    /// Without any round yet.
    pub fn new(case: Case) -> Self {
        Self { case, figures: Vec::new(), without: Vec::new() }
    }

    /// Takes in a round.
    pub fn add(&mut self, ended: Ended) {
        match ended {
            Ended::Measured(figures) => self.figures.push(figures),
            other => self.without.push(other.to_string()),
        }
    }

    /// The median of the rounds.
    fn p99_us(&self) -> Option<i64> {
        median(self.figures.iter().map(|figures| figures.p99_us).collect())
    }
}

/// Judges all outcomes. The undisturbed one is the reference.
pub fn judge(outcomes: &[Outcome], table: &mut Table) {
    let undisturbed = outcomes.iter().find(|outcome| outcome.case.burden == Burden::None);
    let undisturbed = undisturbed.and_then(Outcome::p99_us);
    for outcome in outcomes {
        let name = outcome.case.name;
        for why in &outcome.without {
            table.judge(Row {
                measure: name.into(),
                result: why.clone(),
                target: "measured".into(),
                passed: false,
                ..Row::default()
            });
        }
        if let Some(p99_us) = outcome.p99_us() {
            lateness(outcome, p99_us, undisturbed, table);
            records(outcome, table);
            memory(outcome, table);
        }
    }
}

fn lateness(outcome: &Outcome, p99_us: i64, undisturbed: Option<i64>, table: &mut Table) {
    let measure = format!("{}: p99 lateness", outcome.case.name);
    let each: Vec<_> = outcome.figures.iter().map(|figures| late(figures.p99_us)).collect();
    let result = format!("{} (of {})", late(p99_us), each.join(", "));
    let bound = undisturbed.and_then(|undisturbed| bound_us(outcome.case.burden, undisturbed));
    let (Some(bound), Some(undisturbed)) = (bound, undisturbed) else {
        table.tell(measure, result, "");
        return;
    };
    table.judge(Row {
        measure,
        result,
        reference: late(undisturbed),
        ratio: times(p99_us, undisturbed),
        target: format!("≤ {}", late(bound)),
        passed: p99_us <= bound,
    });
    // A disturbance that did nothing would pass as well.
    let did: Vec<_> = outcome.figures.iter().map(|figures| figures.did.as_str()).collect();
    table.judge(Row {
        measure: format!("{}: what it did", outcome.case.name),
        result: did.join("; "),
        target: "something, each time".into(),
        passed: outcome.figures.iter().all(|figures| figures.disturbed),
        ..Row::default()
    });
}

fn records(outcome: &Outcome, table: &mut Table) {
    let lost: u64 = outcome.figures.iter().map(|figures| figures.lost).sum();
    let wrong: Vec<_> = outcome.figures.iter().filter_map(|figures| figures.unrecorded.as_deref()).collect();
    let recorded = if wrong.is_empty() { "all on record".to_owned() } else { wrong.join("; ") };
    table.judge(Row {
        measure: format!("{}: lost, recorded", outcome.case.name),
        result: format!("{lost} lost, {recorded}"),
        target: "0, all".into(),
        passed: lost == 0 && wrong.is_empty(),
        ..Row::default()
    });
}

fn memory(outcome: &Outcome, table: &mut Table) {
    let peak = outcome.figures.iter().map(|figures| figures.peak_mib).fold(0.0, f64::max);
    table.judge(Row {
        measure: format!("{}: resident, peak", outcome.case.name),
        result: format!("{peak:.0} MiB"),
        target: format!("≤ {RESIDENT_MIB:.0} MiB"),
        passed: peak <= RESIDENT_MIB,
        ..Row::default()
    });
}

/// How late the healthy may be.
fn bound_us(burden: Burden, undisturbed_us: i64) -> Option<i64> {
    match burden {
        Burden::None => None,
        Burden::Waits => Some(undisturbed_us.saturating_mul(TIMES).saturating_add(WAITS_US)),
        Burden::Burns => Some(undisturbed_us.saturating_mul(TIMES).saturating_add(BURNS_US)),
    }
}

/// One lateness as a multiple of another.
fn times(us: i64, of: i64) -> String {
    if us == NEVER_US { String::new() } else { format!("{:.1}", us as f64 / of.max(1) as f64) }
}

/// A lateness in words.
pub fn late(us: i64) -> String {
    if us == NEVER_US { "never".into() } else { ms(us) }
}

/// The one in the middle; of an even number the later of the two.
fn median(mut values: Vec<i64>) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::super::cases::Disturbance;
    use super::*;

    fn outcome(disturbance: Disturbance, p99s: &[i64]) -> Outcome {
        let mut outcome = Outcome::new(disturbance.case());
        for p99_us in p99s {
            let figures = Figures { p99_us: *p99_us, disturbed: true, ..Figures::default() };
            outcome.add(Ended::Measured(figures));
        }
        outcome
    }

    fn passes(outcomes: &[Outcome]) -> bool {
        let mut table = Table::default();
        judge(outcomes, &mut table);
        table.passed()
    }

    fn beside_undisturbed(other: Outcome) -> bool {
        passes(&[outcome(Disturbance::Undisturbed, &[1_000, 9_000, 2_000]), other])
    }

    #[test]
    fn the_median_is_held_against_the_undisturbed_median() {
        // Twice 2 ms, and 5 where it waits, or 25 where it burns.
        let check = |disturbance, p99s: &[i64], passed| {
            assert_eq!(beside_undisturbed(outcome(disturbance, p99s)), passed, "{disturbance:?} {p99s:?}");
        };
        check(Disturbance::Hang, &[9_000, 90_000, 1_000], true);
        check(Disturbance::Hang, &[9_001, 90_000, 1_000], false);
        check(Disturbance::Search, &[29_000], true);
        check(Disturbance::Search, &[29_001], false);
        check(Disturbance::Search, &[29_001, 29_000], false);
        check(Disturbance::Search, &[NEVER_US], false);
    }

    #[test]
    fn one_round_with_something_lost_or_unrecorded_or_too_large_is_a_miss() {
        let check = |spoil: fn(&mut Figures)| {
            let mut spoilt = outcome(Disturbance::Drip, &[1_000, 1_000, 1_000]);
            assert!(beside_undisturbed(spoilt.clone()));
            spoil(&mut spoilt.figures[1]);
            assert!(!beside_undisturbed(spoilt));
        };
        check(|figures| figures.lost = 1);
        check(|figures| figures.unrecorded = Some("1 of 2 success".into()));
        check(|figures| figures.peak_mib = 400.5);
        check(|figures| figures.disturbed = false);
    }

    #[test]
    fn a_round_that_was_not_run_is_a_miss() {
        for ended in [Ended::NotRun("no root".into()), Ended::Failed("no server".into())] {
            let mut names = outcome(Disturbance::Names, &[1_000, 1_000]);
            assert!(beside_undisturbed(names.clone()));
            names.add(ended);
            assert!(!beside_undisturbed(names));
        }
    }

    #[test]
    fn the_undisturbed_rounds_must_be_whole_too() {
        let mut undisturbed = outcome(Disturbance::Undisturbed, &[1_000]);
        assert!(passes(&[undisturbed.clone()]));
        undisturbed.figures[0].lost = 1;
        assert!(!passes(&[undisturbed]));
    }
}
