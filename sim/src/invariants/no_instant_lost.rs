//! Every instant of a job has its execution: from the first, one period after the other, until the
//! instant that is due next.

use chronos_types::Trigger;

use crate::evidence::Evidence;

pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let Some(state) = evidence.whole().first().copied() else { return wrong };
    for row in &state.jobs {
        let (job, name) = (&row.job, &row.job.spec.name);
        let Some(created) = evidence.seen.jobs.get(&job.id.to_string()) else { continue };
        let own = state.executions.iter().filter(|found| found.job_id == job.id);
        let own = own.filter(|found| found.trigger == Trigger::Schedule);
        let mut slots: Vec<_> = own.map(|found| found.scheduled_time).chain(job.next_due).collect();
        slots.sort_unstable();
        let period = created.every_s * 1_000;
        let Some(first) = slots.first() else { continue };
        if (first - job.created_at - period).abs() >= 1_000 {
            wrong.push(format!("{name}: created at {}, first run at {first}", job.created_at));
        }
        for pair in slots.windows(2).filter(|pair| pair[1] - pair[0] != period) {
            wrong.push(format!("{name}: nothing between {} and {}, period {period} ms", pair[0], pair[1]));
        }
    }
    wrong
}
