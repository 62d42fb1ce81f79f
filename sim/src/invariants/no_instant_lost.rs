//! Every instant of a job's schedule has its execution, or lies in a stretch that the job's missed-runs policy passes over,
//! and not both. And nothing runs at another time.
//!
//! The versions on record say which schedule was in force when. Around a change it is not known for sure: whoever made it
//! computed the next instant by a clock of its own, before the change was agreed on. And an instant that nobody could plan
//! before the change is not planned any more. The same holds for a pause, and in it a job has no instants.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use chronos_schedule::{Schedule, Zone};
use chronos_state::{JobRow, VersionRow};
use chronos_types::{Execution, ExecutionId, JobId, Millis, Missed, Trigger};

use crate::client::MISFIRE_MS;
use crate::evidence::{Evidence, NodeState};
use crate::ledger::{Asked, Change};
use crate::world::{at_ms, since_ms};

/// For how long before an instant something may have kept it from being planned.
const RECOVERS: Duration = Duration::from_secs(12);
/// Instants of a job that are looked at. A clock that is far ahead makes more.
const MOST: usize = 2_000;

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let Some(state) = evidence.whole().first().copied() else { return Vec::new() };
    let mut wrong = Vec::new();
    // What the jump made due was decided by the jobs' policies, and what waited was computed anew.
    if evidence.seen.time_jumped {
        return wrong;
    }
    let mut of_job = HashMap::<JobId, Vec<&Execution>>::new();
    for execution in &state.executions {
        of_job.entry(execution.job_id).or_default().push(execution);
    }
    for row in state.jobs.iter().filter(|row| evidence.seen.jobs.contains_key(&row.job.id.to_string())) {
        let executions = of_job.remove(&row.job.id).unwrap_or_default();
        let job = row.job.id;
        match Spans::of(row, state) {
            Ok(spans) => {
                let found = Found::of(evidence, state, row, &executions);
                wrong.extend(found.unlike(&spans).into_iter().map(|what| format!("{job}: {what}")));
            }
            Err(why) => wrong.push(format!("{job}: {why}")),
        }
    }
    wrong
}

/// A time in which a job has the same instants.
struct Span {
    times: Option<(Schedule, Zone)>,
    from: Millis,
    /// Where another one follows.
    until: Option<Millis>,
    version: u64,
}

impl Span {
    fn has(&self, anchor: Millis, at: Millis) -> bool {
        let next = |(schedule, zone): &(Schedule, Zone)| schedule.next_after(zone, anchor, at - 1);
        self.times.as_ref().and_then(next) == Some(at)
    }
}

struct Spans {
    all: Vec<Span>,
    anchor: Millis,
}

impl Spans {
    fn of(row: &JobRow, state: &NodeState) -> Result<Self, String> {
        let mut all: Vec<Span> = Vec::new();
        let mut last = None;
        let versions = state.versions.get(&row.job.id).into_iter().flatten().rev();
        for VersionRow { version, updated_at, by: _, spec } in versions {
            let spec =
                spec.as_ref().map_err(|bad| format!("version {version} cannot be read: {}", bad.why))?;
            let says = (spec.enabled, spec.schedule.clone(), spec.timezone.clone());
            if last.replace(says.clone()) == Some(says) {
                continue;
            }
            if let Some(before) = all.last_mut() {
                before.until = Some(*updated_at);
            }
            let times = || Some((Schedule::parse(&spec.schedule).ok()?, Zone::parse(&spec.timezone).ok()?));
            let times = if spec.enabled {
                Some(times().ok_or_else(|| format!("version {version} has a schedule that cannot be read"))?)
            } else {
                None
            };
            all.push(Span { times, from: *updated_at, until: None, version: *version });
        }
        Ok(Self { all, anchor: row.job.created_at })
    }

    /// Whether a job has or had an instant at this time, by any of its schedules.
    fn have(&self, at: Millis) -> bool {
        self.all.iter().any(|span| span.has(self.anchor, at))
    }

    /// The same by the schedule of a version.
    fn have_by(&self, version: u64, at: Millis) -> bool {
        let span = self.all.iter().rev().find(|span| span.version <= version);
        span.is_some_and(|span| span.has(self.anchor, at))
    }
}

/// What is on record of a job.
struct Found<'a> {
    evidence: &'a Evidence<'a>,
    state: &'a NodeState,
    row: &'a JobRow,
    runs: BTreeSet<Millis>,
    /// Each with the version whose instants they are.
    missed: Vec<(u64, &'a Missed)>,
}

impl<'a> Found<'a> {
    fn of(
        evidence: &'a Evidence<'a>,
        state: &'a NodeState,
        row: &'a JobRow,
        executions: &[&'a Execution],
    ) -> Self {
        let is_of_schedule = |found: &&&Execution| {
            found.missed.is_none() && matches!(found.trigger, Trigger::Schedule | Trigger::CatchUp)
        };
        let runs = executions.iter().filter(is_of_schedule).map(|found| found.scheduled_time).collect();
        let missed = executions.iter().filter_map(|found| Some((found.job_version, found.missed.as_ref()?)));
        let missed = missed.collect();
        Self { evidence, state, row, runs, missed }
    }

    fn unlike(&self, spans: &Spans) -> Vec<String> {
        let nowhere = self.runs.iter().filter(|at| !spans.have(**at));
        let mut wrong: Vec<_> =
            nowhere.map(|at| format!("a run for {at}, which is no instant of it")).collect();
        // A clock that is set back finds instants missed that were run.
        if self.evidence.troubles.off_ms < MISFIRE_MS.cast_signed() / 2 {
            let runs = self.runs.iter().filter(|at| !self.waited_for_a_change(**at));
            // A run of another schedule may have come between two of them.
            let is_same = |at: &Millis, version| spans.have_by(version, *at);
            let both = runs.filter_map(|at| Some((at, self.passed_over(*at)?)));
            let both = both.filter(|(at, (version, _))| is_same(at, *version));
            wrong.extend(both.map(|(at, (_, missed))| {
                format!(
                    "{at} was run, and is told to be missed, with all of {} to {}",
                    missed.from, missed.to
                )
            }));
        }
        for span in &spans.all {
            let lost = self.lost(span, spans.anchor);
            wrong.extend(lost.map(|at| format!("nothing for {at}, an instant of {} on", span.from)));
        }
        wrong
    }

    /// Whether a change may have been on its way at an instant, or the end of a pause. Its own instants begin when it was
    /// made, and by the time that it is agreed on, the schedule before it may have run those that both have.
    fn waited_for_a_change(&self, at: Millis) -> bool {
        let off = self.evidence.troubles.off_ms;
        self.evidence.seen.jobs[&self.row.job.id.to_string()].turns().any(|Asked { asked, answered }| {
            let made = at_ms(asked) - off;
            let agreed_on = answered.map_or(Millis::MAX, |answered| at_ms(answered) + off);
            (made..=agreed_on).contains(&at)
        })
    }

    /// The stretch of missed instants that one lies in.
    fn passed_over(&self, at: Millis) -> Option<(u64, &'a Missed)> {
        self.missed.iter().copied().find(|(_, missed)| (missed.from..=missed.to).contains(&at))
    }

    /// The first instant of a span that should be on record, and is not.
    fn lost(&self, span: &Span, anchor: Millis) -> Option<Millis> {
        let (schedule, zone) = span.times.as_ref()?;
        let off = self.evidence.troubles.off_ms;
        // A new job has its instants from its creation on, exactly.
        let from = if span.version == 1 { anchor } else { self.made_by(span).max(span.from) + 2 * off };
        let until = span.until.map(|until| until - 2 * off).or(self.row.job.next_due);
        let instants = || {
            let next = |at: &Millis| schedule.next_after(zone, anchor, *at);
            let all = std::iter::successors(next(&from), next).take(MOST);
            // Where no other is to come, all are past.
            all.take_while(move |at| until.is_none_or(|until| *at < until))
        };
        let is_known =
            |at: Millis| self.runs.contains(&at) || self.passed_over(at).is_some() || self.is_forgotten(at);
        let last = instants().filter(|at| is_known(*at)).last();
        let is_lost = |at: &Millis| {
            let is_hole = last.is_some_and(|last| *at < last) || span.until.is_none();
            !is_known(*at) && !self.may_be_paused(*at) && (is_hole || !self.may_be_unplanned(*at, span.until))
        };
        instants().find(is_lost)
    }

    /// When a version was made at the latest. It bears the time of the cluster, which may have stood still, also since
    /// before the clock that holds it was set: so it is where nobody had asked for the change by then.
    fn made_by(&self, span: &Span) -> Millis {
        let troubles = &self.evidence.troubles;
        let latest = at_ms(troubles.latest(since_ms(span.from)));
        let changes = &self.evidence.seen.jobs[&self.row.job.id.to_string()].changes;
        let may_be_it = |change: &&Change| change.version.is_none_or(|version| version == span.version);
        let mut asked_later = changes.iter().filter(may_be_it);
        let stood_still = asked_later.all(|change| at_ms(change.asked.asked) > span.from + troubles.off_ms);
        let acknowledged = changes.iter().filter(|change| change.version == Some(span.version));
        match acknowledged.filter_map(|change| change.asked.answered).min() {
            Some(answered) if stood_still => latest.max(at_ms(answered)),
            _ => latest,
        }
    }

    /// Whether something may have kept an instant from being planned, until the schedule was changed.
    fn may_be_unplanned(&self, at: Millis, changed: Option<Millis>) -> bool {
        let off = self.evidence.troubles.off_ms;
        let (from, until) = (since_ms(at - off), since_ms(changed.unwrap_or(at) + off));
        self.evidence.troubles.any(from.saturating_sub(RECOVERS), until)
    }

    /// Whether a job may have been paused at an instant, or before it was planned: what nobody could plan by then is not
    /// planned any more.
    fn may_be_paused(&self, at: Millis) -> bool {
        let (troubles, at) = (&self.evidence.troubles, since_ms(at));
        let off = Duration::from_millis(troubles.off_ms.unsigned_abs());
        let job = &self.evidence.seen.jobs[&self.row.job.id.to_string()];
        let mut later = job.pauses.iter().filter(|pause| pause.begins && pause.asked.latest() + off >= at);
        let since = at.saturating_sub(RECOVERS + off);
        job.pauses_at(at, off).next().is_some()
            || later.any(|pause| troubles.any(since, pause.asked.latest() + off))
    }

    fn is_forgotten(&self, at: Millis) -> bool {
        let id = ExecutionId::scheduled(self.row.job.id, at).to_string();
        self.state.may_be_forgotten(&self.row.job.id.to_string(), &id)
    }
}
