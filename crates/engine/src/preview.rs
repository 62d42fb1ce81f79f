//! What a schedule means, before a job has it: in words, as runs, and what is odd about it.

use chronos_schedule::{Schedule, Zone};
use chronos_state::{ExecutionFilter, ExecutionList, PageLimits};
use chronos_types::{DurationMs, Invalid, Millis, Scope, Status, clip};

use crate::error::{NotFound, ReadError};
use crate::schedules::Schedules;

/// So many of the runs to come are looked at for how close together they are.
const PERIODS: usize = 100;
/// So many of the newest successful executions say how long a job usually takes.
const SAMPLES: usize = 100;

/// What a schedule means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The schedule in plain English.
    pub description: String,
    /// Its next runs, as RFC 3339 in its time zone; fewer than asked for where the schedule ends.
    pub next_runs: Vec<String>,
    /// What is odd about it.
    pub warnings: Vec<PreviewWarning>,
    /// What changes of the local clock do to these runs.
    pub clock_changes: Vec<PreviewNote>,
}

/// Something odd about a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewWarning {
    /// A name that stays the same from release to release.
    pub code: &'static str,
    /// The same for people.
    pub message: String,
}

/// What a change of the local clock does to a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewNote {
    /// The run, as it stands among the next ones.
    pub run: String,
    /// A name for what is done to it.
    pub effect: &'static str,
    /// The same for people.
    pub message: String,
}

/// How long a job takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsualDuration {
    /// The job, as it was asked for.
    pub job: String,
    /// The median of what its target took.
    pub p50: DurationMs,
    /// Of so many executions.
    pub executions: usize,
}

impl Schedules {
    /// Says what a schedule means, and its first `count` runs later than `after`, or than now where no instant
    /// is given. An `@every` schedule counts from that instant. Where it is known how long its job usually takes, runs
    /// that come sooner than that are warned of.
    ///
    /// # Errors
    /// It is no schedule, or there is no such time zone.
    pub fn preview(
        &self,
        text: &str,
        timezone: &str,
        after: Option<Millis>,
        count: usize,
        usual: Option<&UsualDuration>,
    ) -> Result<Preview, Invalid> {
        let schedule = Schedule::parse(text).map_err(|error| Invalid::one("schedule", error))?;
        let zone = Zone::parse(timezone).map_err(|error| Invalid::one("timezone", error))?;
        let anchor = after.unwrap_or_else(|| self.services.env.now());
        let first = schedule.next_after(&zone, anchor, anchor);
        let runs = std::iter::successors(first, |run| schedule.next_after(&zone, anchor, *run));
        let runs: Vec<Millis> = runs.take(count.max(PERIODS)).collect();
        let odd = schedule.warnings(text).into_iter();
        let odd = odd.map(|odd| PreviewWarning { code: odd.code(), message: odd.to_string() });
        let close = usual.and_then(|usual| too_close(&runs, usual));
        let shown = &runs[..runs.len().min(count)];
        let changes = shown.iter().filter_map(|run| {
            let change = schedule.clock_change(&zone, *run)?;
            let (run, effect) = (zone.format_rfc3339(*run), change.effect.as_str());
            Some(PreviewNote { run, effect, message: change.message })
        });
        Ok(Preview {
            description: schedule.describe(),
            next_runs: shown.iter().map(|run| zone.format_rfc3339(*run)).collect(),
            warnings: odd.chain(close).collect(),
            clock_changes: changes.collect(),
        })
    }

    /// How long a job usually takes: the median of the last attempts of its newest successful executions, up to a
    /// hundred. None where it has none.
    ///
    /// # Errors
    /// There is no such job, or it cannot be read.
    pub async fn usual_duration(&self, scope: &Scope, job: &str) -> Result<Option<UsualDuration>, ReadError> {
        let (key, scope) = (job.to_owned(), scope.clone());
        let read = self.services.store.query(move |reader| {
            reader.at_once(|reader| {
                let Some(row) = reader.find_job_in(&key, &scope)? else { return Ok(None) };
                let (job, status) = (Some(row.seq), Some(Status::Success));
                let filter = ExecutionFilter { job, status, ..ExecutionFilter::default() };
                let list = ExecutionList { filter, is_ascending: false };
                let mut took = Vec::new();
                reader.executions(&list, None, None, PageLimits::of(SAMPLES), |row| {
                    took.extend(row.execution.attempt_log.last().map(|attempt| attempt.duration_ms));
                    true
                })?;
                Ok(Some(took))
            })
        });
        let mut took = read.await?.ok_or_else(|| NotFound::Job(job.to_owned()))?;
        took.sort_unstable();
        let median = took.get(took.len().saturating_sub(1) / 2);
        Ok(median.map(|median| UsualDuration {
            job: job.to_owned(),
            p50: DurationMs::from_millis(*median),
            executions: took.len(),
        }))
    }
}

/// Warns of runs that come sooner after each other than the job usually takes.
fn too_close(runs: &[Millis], usual: &UsualDuration) -> Option<PreviewWarning> {
    let UsualDuration { job, p50, executions } = usual;
    let shortest = runs.windows(2).map(|pair| pair[1] - pair[0]).min()?;
    (shortest < p50.as_i64()).then(|| PreviewWarning {
        code: "shorter_than_duration",
        message: format!(
            "its runs come {} after each other, and {:?} usually takes {p50} (the median of its newest {executions} \
             successful executions): the job's `concurrency` decides what happens then",
            DurationMs::from_millis(shortest.max(0).cast_unsigned()),
            clip(job),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_come_sooner_than_the_job_takes_are_warned_of() {
        let usual = |ms| UsualDuration { job: "a".into(), p50: DurationMs::from_millis(ms), executions: 7 };
        for (runs, ms, warns) in [
            (&[0, 60_000, 120_000][..], 60_000, false),
            (&[0, 60_000, 120_000], 60_001, true),
            // The shortest distance counts.
            (&[0, 3_600_000, 3_660_000, 7_200_000], 90_000, true),
            (&[0], 90_000, false),
            (&[], 90_000, false),
        ] {
            let warning = too_close(runs, &usual(ms));
            assert_eq!(warning.is_some(), warns, "{runs:?} {ms}");
            let says = |warning: PreviewWarning| warning.message.contains("come 1m after each other");
            assert!(warning.is_none_or(says), "{runs:?} {ms}");
        }
    }
}
