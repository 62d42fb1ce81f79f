//! Ends pauses at the instants at which they end by themselves, while this node leads. When that is stands in the state, so
//! another leader goes on where this one ends.
//!
//! From when on a job falls due then is counted from that instant, however late the leader comes to it: so nothing that
//! falls due after the pause is lost. And it is said some seconds ahead, so that the planner plans what falls due at the
//! instant itself as it plans all else.

use std::time::Duration;

use chronos_env::Seldom;
use chronos_state::{Command, EndPauses, EndingPause, JobSeq, PauseEnd};
use chronos_types::Millis;

use crate::error::LoopError;
use crate::services::Services;
use crate::tick::Tick;
use crate::times::first_due_from;

/// Between looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// From when on a job falls due is said so long before its pause ends: the planner plans two seconds ahead, and two looks
/// come before that.
const AHEAD_MS: i64 = 3_000;
/// Before the first pause.
const START: Place = (Millis::MIN, JobSeq::new(0));

type Place = (Millis, JobSeq);

/// The loop that ends pauses.
#[derive(Debug)]
pub struct Pauses {
    services: Services,
    /// How far it went with those that end soon. It is a hint: what is missed here is done when they end.
    ahead: Place,
}

impl Pauses {
    /// The loop, with what it works with.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self { services, ahead: START }
    }

    /// Ends pauses for as long as the node runs.
    pub async fn run(mut self) {
        let mut leadership = self.services.proposer.leadership();
        let complaint = Seldom::default();
        loop {
            let leads = leadership.borrow_and_update().is_leader;
            // By no other time than the planner.
            if leads && self.services.view.borrow().may_plan {
                match self.tick().await {
                    Ok(Tick::More) => continue,
                    Ok(Tick::Idle(())) => {}
                    Err(error) => complaint.say(|| {
                        tracing::warn!(%error, "pauses of jobs cannot be ended; trying again");
                    }),
                }
            } else {
                self.ahead = START;
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                changed = leadership.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Ends a portion of those that are over, or prepares a portion of those that end soon.
    async fn tick(&mut self) -> Result<Tick, LoopError> {
        let now = self.services.proposer.time();
        let over = self.read(START, now).await?;
        if !over.is_empty() {
            self.end(over.iter().map(end).collect()).await?;
            return Ok(Tick::More);
        }
        if self.ahead.0 > now.saturating_add(AHEAD_MS) {
            // The clock was set back.
            self.ahead = START;
        }
        let soon = self.read(self.ahead, now.saturating_add(AHEAD_MS)).await?;
        let Some(last) = soon.last() else { return Ok(Tick::Idle(())) };
        self.ahead = last.place();
        let ends: Vec<_> = soon.iter().filter(|pause| !pause.is_due).map(end).collect();
        self.end(ends.into_iter().filter(|end| end.next_due.is_some()).collect()).await?;
        Ok(Tick::More)
    }

    async fn read(&self, after: Place, until: Millis) -> Result<Vec<EndingPause>, LoopError> {
        let read =
            move |reader: &chronos_state::Reader| reader.ending_pauses(after, until, EndPauses::AT_ONCE);
        Ok(self.services.store.read(read).await?)
    }

    async fn end(&self, pauses: Vec<PauseEnd>) -> Result<(), LoopError> {
        if !pauses.is_empty() {
            let command = Command::EndPauses(EndPauses { pauses });
            self.services.proposer.propose(command.into()).await?;
        }
        Ok(())
    }
}

/// The end of a pause, and from when on the job falls due. One of which it cannot be read when it runs falls due at once:
/// whoever reads it later decides what was missed.
fn end(pause: &EndingPause) -> PauseEnd {
    let EndingPause { job, until, version, created_at, enabled, is_due: _, ref times } = *pause;
    let first = times.as_ref().map_or(Some(until), |times| first_due_from(times, created_at, until));
    PauseEnd { job, version, until, next_due: first.filter(|_| enabled) }
}

#[cfg(test)]
mod tests {
    use chronos_types::{Concurrency, DurationMs, JobTimes, MissedRuns};

    use super::*;

    const UNTIL: Millis = 1_700_000_000_000;

    fn pause(schedule: &str, enabled: bool, start_at: Option<Millis>) -> EndingPause {
        let times = JobTimes {
            schedule: schedule.to_owned(),
            timezone: "UTC".to_owned(),
            missed_runs: MissedRuns::ExecuteOne,
            concurrency: Concurrency::Allow,
            jitter: DurationMs::default(),
            start_at,
            end_at: None,
        };
        EndingPause {
            job: JobSeq::new(7),
            until: UNTIL,
            version: 3,
            created_at: UNTIL - 20_000,
            enabled,
            is_due: false,
            times: Some(times),
        }
    }

    #[test]
    fn a_job_falls_due_from_the_end_of_its_pause_on_and_at_that_instant_too() {
        let due = |pause: EndingPause| {
            let end = end(&pause);
            assert_eq!((end.job, end.version, end.until), (pause.job, 3, UNTIL));
            end.next_due.map(|at| at - UNTIL)
        };
        for (schedule, expected) in [
            ("@every 10s", Some(0)),
            ("@every 3s", Some(1_000)),
            // Once, and it passed.
            ("@at 2023-11-14T22:13:19Z", None),
            ("@at 2023-11-14T22:13:20Z", Some(0)),
            // One that cannot be read is never taken for one that is over.
            ("@whenever", Some(-1)),
        ] {
            assert_eq!(due(pause(schedule, true, None)), expected, "{schedule}");
        }
        assert_eq!(due(pause("@every 10s", false, None)), None);
        assert_eq!(due(pause("@every 10s", true, Some(UNTIL + 5_000))), Some(15_000));
        assert_eq!(due(EndingPause { times: None, ..pause("@every 10s", true, None) }), Some(0));
    }
}
