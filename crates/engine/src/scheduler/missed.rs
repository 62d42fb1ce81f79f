//! What becomes of instants that were missed: those later than the misfire threshold.

use chronos_state::{DueJob, PlanStep};
use chronos_types::{Millis, MissedRuns, NodeName, Trigger};

use super::{Planner, Times};

impl Planner {
    /// Plans by the job's missed-runs policy from the missed instant `due` on; answers the
    /// instant at which the job falls due next. However many were missed, one step is enough to
    /// get past them, except that `execute_all` has a run for each.
    pub(super) fn missed(
        &self,
        job: &DueJob,
        node: &NodeName,
        times: &Times,
        due: Millis,
        steps: &mut Vec<PlanStep>,
    ) -> Option<Millis> {
        let missed_until = self.now - self.threshold;
        match job.times.missed_runs {
            MissedRuns::Ignore => {
                let next = times.after(missed_until);
                steps.push(self.pass_over(job, due, next));
                next
            }
            MissedRuns::ExecuteOne => {
                let next = times.after(missed_until);
                let latest = times.last_between(due - 1, missed_until).unwrap_or(due);
                steps.push(self.run(job, node, due, latest, Trigger::CatchUp, next));
                next
            }
            MissedRuns::ExecuteAll => {
                let reach = self.now - self.window;
                if due < reach {
                    let next = times.after(reach - 1);
                    steps.push(self.pass_over(job, due, next));
                    return next;
                }
                let next = times.after(due);
                steps.push(self.run(job, node, due, due, Trigger::CatchUp, next));
                next
            }
        }
    }
}
