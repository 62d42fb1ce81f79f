//! What is wrong with whom, in words: for whoever looks at a cluster at night.

use std::time::Duration;

use tokio::time::Instant;

use super::clocks::differ;
use super::judge::{Facts, Judgement, Times, Verdict, clocks, is_clock_off};
use super::view::PassedOver;

/// What is wrong with a member, in whole sentences: what, since when, and what follows.
pub(crate) fn of_member(
    facts: &Facts,
    verdict: Verdict,
    judgement: &Judgement,
    times: &Times,
    now: Instant,
) -> Vec<String> {
    let (name, mut problems) = (&facts.name, Vec::new());
    let is_silent = verdict == Verdict::Silent;
    let runs = if is_silent { "it must not fire, and others fire its runs" } else { "it gets no new runs" };
    let Some(seen) = facts.seen.filter(|seen| seen.answered < times.keeps_up) else {
        let since = facts.seen.map_or(facts.silence, |seen| seen.answered);
        problems.push(match verdict {
            Verdict::Leaving => format!("{name} was about to stop and does not answer any more"),
            _ => format!("{name} has not been heard from for {}: {runs}", time(since)),
        });
        return problems;
    };
    if seen.sign.leaving {
        problems.push(format!("{name} is about to stop: it hands over its runs and gets no new ones"));
    }
    if seen.sign.disk_full {
        problems.push(format!("the disk of {name} is full: it takes no writes, and {runs}"));
    }
    if is_clock_off(facts, judgement.time) {
        let skew = seen.clock.from(judgement.time.unwrap_or_default());
        let follows = match (facts.leads, judgement.hands_over()) {
            (false, _) => runs,
            (true, Some(_)) => "it plans nothing and hands over the lead",
            (true, None) => "it leads all the same, because no other voter can",
        };
        problems.push(format!("the clock of {name} is {} that of the majority: {follows}", apart(skew)));
    }
    let (lag, behind) = (seen.lag(now), seen.pace.behind());
    if !seen.keeps_up(times.keeps_up, now) && behind > 0 {
        let entries = if behind == 1 { "1 entry".to_owned() } else { format!("{} entries", grouped(behind)) };
        problems.push(match seen.rate {
            0 if seen.applies(times.reassign_after, now) => {
                format!("{name} is {entries} behind, for {}: {runs}", time(lag))
            }
            0 => format!("{name} is {entries} behind and has applied none for {}: {runs}", time(lag)),
            rate => format!("{name} is {entries} behind and catching up at {}: {runs}", bytes(rate)),
        });
    }
    if verdict == Verdict::PassedOver(PassedOver::DoesNotFire) {
        problems.push(format!(
            "{name} starts no attempts: it is not proven yet that the leader hears it, or it does not know yet what it \
             owes; {runs}"
        ));
    }
    // Of a state that differs the node tells itself, and whoever compares it.
    if problems.is_empty() && is_silent && !seen.sign.differs {
        problems.push(format!("{name} is heard from again and has not done its part yet: {runs}"));
    }
    problems
}

/// What is wrong with no member alone.
pub(crate) fn of_all(judgement: &Judgement, times: &Times) -> Option<String> {
    let facts: Vec<_> = judgement.members.iter().map(|(facts, _)| facts.clone()).collect();
    let disagree = judgement.time.is_none() && differ(&clocks(&facts, times));
    disagree.then(|| {
        "the clocks of the voters differ by more than 2 s, and no majority agrees on the time: compare them \
                      with a clock that is right"
            .to_owned()
    })
}

/// How far a clock is from another one.
pub(crate) fn apart(ms: i64) -> String {
    let by = time(Duration::from_millis(ms.unsigned_abs()));
    if ms < 0 { format!("{by} behind") } else { format!("{by} ahead of") }
}

/// A duration, as people say it.
fn time(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{}.{} s", time.as_secs(), time.subsec_millis() / 100),
        seconds @ 10..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} minutes", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} hours", seconds / 3_600),
        seconds => format!("{} days", grouped(seconds / 86_400)),
    }
}

/// Bytes in a second, as people say it.
fn bytes(rate: u64) -> String {
    match rate {
        0..1_000 => format!("{rate} B/s"),
        1_000..1_000_000 => format!("{} kB/s", rate / 1_000),
        _ => format!("{} MB/s", grouped(rate / 1_000_000)),
    }
}

/// A number with commas between its thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests;
