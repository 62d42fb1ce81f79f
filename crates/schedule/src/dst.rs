//! What daylight saving does to a single run, for people: the rules are those of `eval`.

use chronos_types::calendar::{DAY, civil_from_days};

use crate::cron::Cron;
use crate::eval;
use crate::zone::Zone;

/// Seconds of an hour.
const HOUR: i64 = 3_600;
/// A set of all hours.
const ALL_HOURS: u32 = (1 << 24) - 1;

/// What a change of the local clock does to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockChange {
    /// What it does.
    pub effect: ClockEffect,
    /// The same in plain English, with the local times.
    pub message: String,
}

/// The kinds of what a change of the local clock does to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockEffect {
    /// The clock skips its local time, so it runs at the first instant after the gap.
    Moved,
    /// The clock skips local times of the schedule before it, at which nothing runs.
    RunsSkipped,
    /// The clock shows its local time twice, and it runs the first time only.
    FirstOfTwo,
    /// The clock shows its local time twice, and it runs both times. This is one of the two.
    RunsTwice,
}

impl ClockEffect {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ClockEffect::Moved => "moved",
            ClockEffect::RunsSkipped => "runs_skipped",
            ClockEffect::FirstOfTwo => "first_of_two",
            ClockEffect::RunsTwice => "runs_twice",
        }
    }
}

/// What a change of the clock does to the run at `run`, in Unix seconds.
pub(crate) fn change(cron: &Cron, zone: &Zone, run: i64) -> Option<ClockChange> {
    let before = zone.transition_at_or_before(run).map(|at| Transition::of(zone, at));
    let after = zone.next_transition(run).map(|at| Transition::of(zone, at));
    before
        .as_ref()
        .and_then(|gap| gap.skipped(cron, zone, run))
        .or_else(|| before.as_ref()?.repeated(cron, run))
        .or_else(|| after.as_ref()?.repeated(cron, run))
}

/// A change of the local clock.
struct Transition {
    at: i64,
    /// Local time minus UTC before it, and from it on.
    from: i64,
    to: i64,
}

impl Transition {
    fn of(zone: &Zone, at: i64) -> Self {
        Self { at, from: zone.offset(at - 1), to: zone.offset(at) }
    }

    /// What it does to the first run behind it, where the clock goes forward.
    fn skipped(&self, cron: &Cron, zone: &Zone, run: i64) -> Option<ClockChange> {
        let (first, last) = (zone.furthest_local(self.at - 1) + 1, self.at + self.to - 1);
        if self.to <= self.from || self.changes_nothing(cron) || cron.count_local(first, last) == 0 {
            return None;
        }
        let (skipped, clock) = (shown(cron.next_local(first)?), self.clock("forward"));
        if !cron.real_time {
            let message =
                format!("{skipped} does not exist: {clock}. It runs at the first instant after that");
            return (run == self.at).then_some(ClockChange { effect: ClockEffect::Moved, message });
        }
        if eval::next_after(cron, zone, self.at - 1) != Some(run) {
            return None;
        }
        let message = match cron.count_local(first, last) {
            1 => format!("before this run, {skipped} does not exist: {clock}. Nothing runs at it"),
            count => format!(
                "before this run, {count} local times from {skipped} on do not exist: {clock}. Nothing runs at them"
            ),
        };
        Some(ClockChange { effect: ClockEffect::RunsSkipped, message })
    }

    /// What it does to a run whose local time is shown twice, where the clock goes back.
    fn repeated(&self, cron: &Cron, run: i64) -> Option<ClockChange> {
        let by = self.from - self.to;
        let is_first = run < self.at;
        if by <= 0 || !(self.at - by..self.at + by).contains(&run) || self.changes_nothing(cron) {
            return None;
        }
        let local = shown(run + if is_first { self.from } else { self.to });
        let clock = self.clock("back");
        let (effect, what) = match (cron.real_time, is_first) {
            (false, _) => (ClockEffect::FirstOfTwo, "It runs the first time only"),
            (true, true) => (ClockEffect::RunsTwice, "It runs both times, and this is the first"),
            (true, false) => (ClockEffect::RunsTwice, "It runs both times, and this is the second"),
        };
        Some(ClockChange { effect, message: format!("{local} comes twice: {clock}. {what}") })
    }

    /// Whether the runs of a schedule stay as far apart as they are on other days: it runs in every hour, and the
    /// clock is changed by hours.
    fn changes_nothing(&self, cron: &Cron) -> bool {
        cron.real_time && cron.hours == ALL_HOURS && (self.to - self.from) % HOUR == 0
    }

    fn clock(&self, way: &str) -> String {
        let (from, to) = (shown(self.at + self.from), shown(self.at + self.to));
        format!("the clock goes {way} from {from} to {to}")
    }
}

/// A local time, with its seconds where it has some.
fn shown(local: i64) -> String {
    let (year, month, day) = civil_from_days(local.div_euclid(DAY));
    let second = local.rem_euclid(DAY);
    let mut text = format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", second / HOUR, second / 60 % 60);
    if second % 60 != 0 {
        text += &format!(":{:02}", second % 60);
    }
    text
}
