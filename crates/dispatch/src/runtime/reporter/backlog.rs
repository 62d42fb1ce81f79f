//! The outcomes that are not recorded yet, and how many of them are sent at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chronos_replica::{Activity, MAX_ROWS_TOGETHER};
use chronos_state::{Report, Reported};
use tokio::sync::mpsc;

use crate::Metrics;

/// How long outcomes are gathered. It delays only the record of an outcome, never a first
/// attempt; at a thousand fires a second it turns as many log entries into 200.
const GATHER: Duration = Duration::from_millis(5);
/// Outcomes in one go: as many as one batch of the log takes. More travel as soon as these have left. With fewer, a
/// node that cannot keep up would plan more than it records, and ever more outcomes would wait.
const MOST: usize = MAX_ROWS_TOGETHER;
/// Bytes of them in one go, so that an entry of the log stays small.
const MOST_BYTES: usize = 1 << 20;
/// Bytes of responses' bodies that wait to be recorded. While the log takes nothing nothing new is planned, and plans
/// wait in one line with outcomes, which are small but for the bodies.
const BODY_BYTES: usize = 16 << 20;

/// Takes outcomes that are to be recorded.
pub(in crate::runtime) struct Reports {
    queue: mpsc::UnboundedSender<Report>,
    bodies: Arc<AtomicUsize>,
    activity: Arc<Activity>,
    metrics: Metrics,
}

/// The outcomes that are not recorded yet.
pub(in crate::runtime) struct Backlog {
    queue: mpsc::UnboundedReceiver<Report>,
    /// Bytes of the bodies that wait, those that were taken last included.
    bodies: Arc<AtomicUsize>,
    /// Bytes of the bodies that were taken last.
    taken: usize,
    /// The outcomes that were taken last.
    under_way: usize,
    activity: Arc<Activity>,
    /// It was to be taken and did not fit.
    first: Option<Report>,
    pub(super) metrics: Metrics,
}

/// Both ends. How many outcomes wait is told in `activity`: where they are too many, no more runs are planned.
pub(in crate::runtime) fn channel(metrics: Metrics, activity: Arc<Activity>) -> (Reports, Backlog) {
    let (queue, waiting) = mpsc::unbounded_channel();
    let bodies = Arc::<AtomicUsize>::default();
    let reports =
        Reports { queue, bodies: bodies.clone(), activity: Arc::clone(&activity), metrics: metrics.clone() };
    (reports, Backlog { queue: waiting, bodies, taken: 0, under_way: 0, activity, first: None, metrics })
}

impl Reports {
    /// Puts an outcome into the backlog; without its response's body where too much of that waits already.
    pub(in crate::runtime) fn send(&self, mut report: Report) {
        let bytes = body_bytes(&report);
        if self.bodies.load(Ordering::Relaxed) + bytes > BODY_BYTES && drop_body(&mut report) {
            self.metrics.body_dropped();
        } else {
            self.bodies.fetch_add(bytes, Ordering::Relaxed);
        }
        self.activity.outcome_waits();
        // The reporter ends only after the dispatcher's task.
        let _ = self.queue.send(report);
    }
}

impl Backlog {
    /// The outcomes to send next, once there are any; those that it answered before are done with. Nothing where
    /// the sending side is gone.
    pub(super) async fn next(&mut self) -> Option<Vec<Report>> {
        self.bodies.fetch_sub(std::mem::take(&mut self.taken), Ordering::Relaxed);
        self.activity.outcomes_recorded(std::mem::take(&mut self.under_way));
        let first = match self.first.take() {
            Some(first) => first,
            None => self.queue.recv().await?,
        };
        let mut bytes = self.weigh(&first);
        let mut reports = vec![first];
        if !self.fill(&mut reports, &mut bytes) {
            tokio::time::sleep(GATHER).await;
            self.fill(&mut reports, &mut bytes);
        }
        Some(reports)
    }

    /// Takes what there is and fits. Says whether no more will fit.
    fn fill(&mut self, reports: &mut Vec<Report>, bytes: &mut usize) -> bool {
        while reports.len() < MOST {
            let Ok(report) = self.queue.try_recv() else { return false };
            if *bytes + report.weight() > MOST_BYTES {
                self.first = Some(report);
                return true;
            }
            *bytes += self.weigh(&report);
            reports.push(report);
        }
        true
    }

    /// The weight of a report that is taken.
    fn weigh(&mut self, report: &Report) -> usize {
        self.taken += body_bytes(report);
        self.under_way += 1;
        report.weight()
    }
}

/// Bytes of the response's body that a report carries.
fn body_bytes(report: &Report) -> usize {
    match &report.what {
        Reported::Ended { response, .. } => response.body.as_ref().map_or(0, String::len),
        _ => 0,
    }
}

/// Takes the response's body out of a report, and marks it as cut. Says whether there was one.
pub(super) fn drop_body(report: &mut Report) -> bool {
    let Reported::Ended { response, .. } = &mut report.what else { return false };
    let had = response.body.as_ref().is_some_and(|body| !body.is_empty());
    if had {
        response.body = None;
        response.truncated = true;
    }
    had
}

#[cfg(test)]
mod tests {
    use chronos_state::{JobSeq, RunRef};
    use chronos_types::{ExecutionId, JobId, NodeName, Response, Trigger, Waited};
    use prometheus_client::registry::Registry;

    use super::*;

    /// The report of an attempt that was answered with so many bytes.
    fn answered(scheduled_time: i64, bytes: usize) -> Report {
        let execution = ExecutionId::scheduled(JobId::new(1, [0; 10]), scheduled_time);
        let (job, trigger) = (JobSeq::new(1), Trigger::Schedule);
        let run = RunRef { execution, job, version: 1, scheduled_time, trigger };
        let body = Some("x".repeat(bytes));
        let response = Response { status_code: 200, body, ..Response::default() };
        let (started_at, duration_ms) = (scheduled_time, 1);
        let what = Reported::Ended {
            attempt: 1,
            started_at,
            duration_ms,
            response,
            failure: None,
            retry_at: None,
            phases: None,
            waited: Waited::default(),
            host: None,
        };
        Report { run, node: NodeName::unchecked("one"), what }
    }

    /// Whether the report has its body still.
    fn is_whole(report: &Report) -> bool {
        let Reported::Ended { response, .. } = &report.what else { panic!("{report:?}") };
        assert_eq!(response.truncated, response.body.is_none());
        response.body.is_some()
    }

    fn ends() -> (Reports, Backlog) {
        channel(Metrics::new(&mut Registry::default()), Arc::default())
    }

    #[tokio::test]
    async fn outcomes_are_sent_in_portions_of_about_a_mebibyte() {
        let (reports, mut backlog) = ends();
        (0..40).for_each(|n| reports.send(answered(n, 64 << 10)));
        (40..3_040).for_each(|n| reports.send(answered(n, 0)));
        drop(reports);
        let (mut sizes, mut all) = (Vec::new(), Vec::new());
        while let Some(portion) = backlog.next().await {
            assert!(portion.iter().map(Report::weight).sum::<usize>() <= MOST_BYTES);
            sizes.push(portion.len());
            all.extend(portion.into_iter().map(|report| report.run.scheduled_time));
        }
        assert_eq!(all, (0..3_040).collect::<Vec<_>>(), "in order, and each once");
        assert_eq!(sizes[..2], [15, 15]);
        assert!(sizes[2..].iter().all(|size| *size <= MOST), "{sizes:?}");
    }

    #[tokio::test]
    async fn bodies_that_wait_are_bounded_and_the_outcomes_are_not() {
        let (reports, mut backlog) = ends();
        let fit = i64::try_from(BODY_BYTES >> 16).expect("a number");
        (0..2 * fit).for_each(|n| reports.send(answered(n, 64 << 10)));
        // What is recorded makes room for others.
        let first = backlog.next().await.expect("some");
        assert!(first.iter().all(is_whole));
        let mut whole = first.len();
        whole += backlog.next().await.expect("some").len();
        reports.send(answered(2 * fit, 64 << 10));
        drop(reports);
        let mut last = Vec::new();
        while let Some(portion) = backlog.next().await {
            last.extend(portion);
        }
        let (made_it, dropped): (Vec<_>, Vec<_>) = last.iter().partition(|report| is_whole(report));
        assert_eq!(i64::try_from(made_it.len() + whole), Ok(fit + 1));
        assert_eq!(i64::try_from(dropped.len()), Ok(fit));
        assert_eq!(last.last().map(is_whole), Some(true), "the newest found room");
    }
}
