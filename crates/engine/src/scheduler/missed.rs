//! What becomes of instants that were missed: those later than the misfire threshold.

use chronos_state::{DueJob, PlannedRun};
use chronos_types::{Millis, MissedRuns, Trigger};

use super::{Planner, Times};

impl Planner {
    /// Plans by the job's missed-runs policy from the missed instant `slot` on; answers the
    /// instant at which the job falls due next. However many were missed, one step is enough to
    /// get past them, except that `execute_all` has a run for each.
    pub(super) fn missed(
        &self,
        job: &DueJob,
        node: &str,
        times: &Times,
        slot: Millis,
        runs: &mut Vec<PlannedRun>,
    ) -> Option<Millis> {
        let missed_until = self.now - self.threshold;
        match job.times.missed_runs {
            MissedRuns::Ignore => {
                let next = times.after(missed_until);
                runs.push(self.pass_over(job, node, slot, next));
                next
            }
            MissedRuns::ExecuteOne => {
                let next = times.after(missed_until);
                let latest = times.last_between(slot - 1, missed_until).unwrap_or(slot);
                runs.push(self.run(job, node, slot, latest, Trigger::CatchUp, next));
                next
            }
            MissedRuns::ExecuteAll => {
                let reach = self.now - self.window;
                if slot < reach {
                    let next = times.after(reach - 1);
                    runs.push(self.pass_over(job, node, slot, next));
                    return next;
                }
                let next = times.after(slot);
                runs.push(self.run(job, node, slot, slot, Trigger::CatchUp, next));
                next
            }
        }
    }
}
