//! The jobs of the benchmarks, as the API takes them and as the state machine does.

use std::net::SocketAddr;

use bytes::Bytes;
use chronos_schedule::{Schedule, Zone};
use chronos_types::{
    Concurrency, DurationMs, Headers, JobName, JobSpec, Method, Millis, MissedRuns, RetryPolicy, Tags,
    TargetUrl, Template, Webhook, format_rfc3339,
};
use serde_json::json;

use crate::Result;

/// What every job sends.
const BODY: &str = r#"{"action": "process", "execution": "{{.ExecutionID}}", "at": "{{.ScheduledTime}}"}"#;

/// A job, all else being the default.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// Its schedule.
    pub schedule: String,
    /// No run before this instant.
    pub start_at: Option<Millis>,
    /// No run after this instant.
    pub end_at: Option<Millis>,
}

impl Job {
    /// Job number `n`.
    pub fn numbered(n: usize, schedule: &str) -> Self {
        Self { name: format!("job-{n:07}"), schedule: schedule.into(), start_at: None, end_at: None }
    }

    /// What `POST /jobs` takes.
    pub fn to_json(&self, sink: SocketAddr) -> Bytes {
        let mut job = json!({
            "name": self.name,
            "schedule": self.schedule,
            "webhook": {
                "url": format!("http://{sink}/hook"),
                "method": "POST",
                "headers": {"X-Source": "bench"},
                "body": BODY,
            },
        });
        for (name, at) in [("start_at", self.start_at), ("end_at", self.end_at)] {
            if let Some(at) = at {
                job[name] = format_rfc3339(at).into();
            }
        }
        job.to_string().into()
    }

    /// What the state machine takes.
    pub fn to_spec(&self, sink: SocketAddr) -> Result<JobSpec> {
        let headers = Headers::parse(vec![("X-Source".into(), "bench".into())]);
        Ok(JobSpec {
            name: JobName::parse(&self.name)?,
            description: String::new(),
            schedule: self.schedule.clone(),
            timezone: "UTC".into(),
            webhook: Webhook {
                url: TargetUrl::parse(&format!("http://{sink}/hook"))?,
                method: Some(Method::Post),
                headers: headers.map_err(|wrong| format!("{wrong:?}"))?,
                body: Some(Template::parse(BODY)?),
                auth: None,
                success_codes: None,
                timeout: None,
                tls_skip_verify: false,
                max_redirects: 0,
            },
            retry_policy: RetryPolicy::default(),
            timeout: None,
            concurrency: Concurrency::Forbid,
            missed_runs: MissedRuns::ExecuteOne,
            jitter: DurationMs::default(),
            start_at: self.start_at,
            end_at: self.end_at,
            tags: Tags::default(),
            enabled: true,
        })
    }

    /// The first instant at which it falls due after `now`.
    pub fn first_due(&self, now: Millis) -> Result<Option<Millis>> {
        let after = self.start_at.map_or(now, |start| now.max(start - 1));
        let schedule = Schedule::parse(&self.schedule)?;
        let due = schedule.next_after(&Zone::parse("UTC")?, self.start_at.unwrap_or(now), after);
        Ok(due.filter(|due| *due <= self.end_at.unwrap_or(i64::MAX)))
    }
}

/// Jobs that fire `rate` times a second, each once a second, evenly spread from `start` on, for
/// so many seconds and not once more.
pub fn steady(rate: usize, start: Millis, seconds: usize) -> Vec<Job> {
    turning(rate, 1, start, seconds)
}

/// So many jobs, each firing once in a period of seconds, evenly spread from `start` on, for so
/// many seconds and not once more.
pub fn turning(jobs: usize, period: usize, start: Millis, seconds: usize) -> Vec<Job> {
    let millis = |ms: usize| i64::try_from(ms).unwrap_or(i64::MAX);
    let end = start + millis(seconds * 1000) - 1;
    // `@every` counts from `start_at`, and the first run is one period later.
    let anchor = |n: usize| start + millis(n * period * 1000 / jobs) - millis(period * 1000);
    let schedule = format!("@every {period}s");
    let job = |n| Job { start_at: Some(anchor(n)), end_at: Some(end), ..Job::numbered(n, &schedule) };
    (0..jobs).map(job).collect()
}
