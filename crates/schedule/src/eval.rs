//! Turns matching local times into instants: what daylight saving does to a cron schedule.
//!
//! A zone is a row of segments of constant offset. A **real-time** schedule runs at every instant whose local time matches,
//! so it is searched segment by segment. A **fixed** schedule runs for each matching local time `L` once, at
//!
//! > the first instant at which the local clock has reached `L`.
//!
//! That one sentence is the whole rule: an ordinary `L` is reached when it is shown, a repeated one at its first occurrence,
//! and one that a gap skips at the first instant after the gap, whatever the gap's length. The instant grows with `L`, so
//! the next run after `t` belongs to the first matching `L` beyond the furthest the clock has ever been at `t`, and several
//! local times that share an instant are one run.
//!
//! All instants here are Unix seconds; cron has no finer ones.

use crate::cron::Cron;
use crate::zone::{MAX_SECOND, MIN_SECOND, Zone};

/// The first run later than `after`.
pub(crate) fn next_after(cron: &Cron, zone: &Zone, after: i64) -> Option<i64> {
    let after = after.max(MIN_SECOND - 1);
    if after >= MAX_SECOND {
        return None;
    }
    let run = if cron.real_time {
        next_real(cron, zone, after + 1)?
    } else {
        zone.first_reached(cron.next_local(zone.furthest_local(after) + 1)?)?
    };
    (run <= MAX_SECOND).then_some(run)
}

/// The last run that is at or before `until`.
pub(crate) fn last_until(cron: &Cron, zone: &Zone, until: i64) -> Option<i64> {
    let until = until.min(MAX_SECOND);
    if until < MIN_SECOND {
        return None;
    }
    if cron.real_time {
        last_real(cron, zone, until)
    } else {
        zone.first_reached(cron.prev_local(zone.furthest_local(until))?)
    }
}

/// How many runs are later than `after` and not later than `until`.
pub(crate) fn count_between(cron: &Cron, zone: &Zone, after: i64, until: i64) -> u64 {
    let mut count = 0;
    stretches(cron, zone, after, until, |Stretch { first, last, runs }| {
        let matches = cron.count_local(first, last);
        count += match runs {
            Runs::Once { .. } => matches.min(1),
            Runs::Each { .. } => matches,
        };
    });
    count
}

/// Visits each run that is later than `after` and not later than `until`, in their order.
pub(crate) fn each_between(cron: &Cron, zone: &Zone, after: i64, until: i64, mut visit: impl FnMut(i64)) {
    stretches(cron, zone, after, until, |Stretch { first, last, runs }| match runs {
        Runs::Once { at } if cron.count_local(first, last) > 0 => visit(at),
        Runs::Once { .. } => {}
        Runs::Each { offset } => cron.each_local(first, last, |local| visit(local - offset)),
    });
}

/// Local times that follow one another, the first and the last of them, and when those that match run.
struct Stretch {
    first: i64,
    last: i64,
    runs: Runs,
}

enum Runs {
    /// Each that matches at an instant of its own: its local time minus this.
    Each { offset: i64 },
    /// All that match together at one instant.
    Once { at: i64 },
}

/// Visits the stretches of local times whose runs are later than `after` and not later than `until`, in their order.
fn stretches(cron: &Cron, zone: &Zone, after: i64, until: i64, mut visit: impl FnMut(Stretch)) {
    let (mut at, until) = (after.max(MIN_SECOND - 1) + 1, until.min(MAX_SECOND));
    let mut furthest = zone.furthest_local(at - 1);
    while at <= until {
        let (offset, next) = (zone.offset(at), zone.next_transition(at));
        let end = next.map_or(until, |next| until.min(next - 1));
        let (first, last) = (at + offset, end + offset);
        if cron.real_time {
            visit(Stretch { first, last, runs: Runs::Each { offset } });
        } else {
            if first > furthest + 1 {
                // What a gap skips is one run, together with what is shown at its end.
                visit(Stretch { first: furthest + 1, last: first, runs: Runs::Once { at } });
                furthest = first;
            }
            // What is shown again does not run again.
            visit(Stretch { first: furthest + 1, last, runs: Runs::Each { offset } });
            furthest = furthest.max(last);
        }
        at = end + 1;
    }
}

fn next_real(cron: &Cron, zone: &Zone, from: i64) -> Option<i64> {
    let mut at = from;
    // A match that was found in an earlier segment stays the first one, unless the clock went back behind the start of the
    // search or passed the match. So a sparse schedule is searched once and not once per segment.
    let mut found: Option<(i64, i64)> = None;
    loop {
        let offset = zone.offset(at);
        let local = at + offset;
        let matched = match found {
            Some((start, matched)) if (start..=matched).contains(&local) => matched,
            _ => cron.next_local(local)?,
        };
        found = Some((local, matched));
        let run = matched - offset;
        match zone.next_transition(at) {
            Some(transition) if transition <= run => at = transition,
            _ => return Some(run),
        }
    }
}

fn last_real(cron: &Cron, zone: &Zone, until: i64) -> Option<i64> {
    let mut at = until;
    let mut found: Option<(i64, i64)> = None;
    loop {
        let offset = zone.offset(at);
        let local = at + offset;
        let matched = match found {
            Some((matched, end)) if (matched..=end).contains(&local) => matched,
            _ => cron.prev_local(local)?,
        };
        found = Some((matched, local));
        let run = matched - offset;
        match zone.transition_at_or_before(at) {
            Some(transition) if run < transition => at = transition - 1,
            _ => return (run >= MIN_SECOND).then_some(run),
        }
    }
}
