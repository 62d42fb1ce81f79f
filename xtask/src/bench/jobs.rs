//! The jobs of the benchmarks, as the API takes them and as the state machine does.

use std::net::SocketAddr;
use std::sync::Arc;

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

/// A job. Everything that is not here has its default.
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
    /// What it calls, where that is not the receiver.
    pub url: Option<String>,
    /// What it sends.
    pub body: Arc<str>,
    /// The time that an attempt has, where that is not the default.
    pub timeout_ms: Option<u64>,
    /// What becomes of instants that were missed.
    pub missed_runs: MissedRuns,
    /// The instant at which it is due, where that is not the first one from now on: a loaded job may be behind.
    pub due: Option<Millis>,
}

impl Job {
    /// Job number `n`.
    pub fn numbered(n: usize, schedule: &str) -> Self {
        Self::named(format!("job-{n:07}"), schedule)
    }

    /// A job of this name.
    pub fn named(name: String, schedule: &str) -> Self {
        Self {
            name,
            schedule: schedule.into(),
            start_at: None,
            end_at: None,
            url: None,
            body: BODY.into(),
            timeout_ms: None,
            missed_runs: MissedRuns::ExecuteOne,
            due: None,
        }
    }

    fn url(&self, sink: SocketAddr) -> String {
        self.url.clone().unwrap_or_else(|| format!("http://{sink}/hook"))
    }

    /// What `POST /jobs` takes.
    pub fn to_json(&self, sink: SocketAddr) -> Bytes {
        let mut job = json!({
            "name": self.name,
            "schedule": self.schedule,
            "missed_runs": self.missed_runs.as_str(),
            "webhook": {
                "url": self.url(sink),
                "method": "POST",
                "headers": {"X-Source": "bench"},
                "body": &*self.body,
            },
        });
        for (name, at) in [("start_at", self.start_at), ("end_at", self.end_at)] {
            if let Some(at) = at {
                job[name] = format_rfc3339(at).into();
            }
        }
        if let Some(timeout_ms) = self.timeout_ms {
            job["webhook"]["timeout"] = format!("{timeout_ms}ms").into();
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
                url: TargetUrl::parse(&self.url(sink))?,
                method: Some(Method::Post),
                headers: headers.map_err(|wrong| format!("{wrong:?}"))?,
                body: Some(Template::parse(&self.body)?),
                auth: None,
                signing: None,
                client_certificate: None,
                success_codes: None,
                timeout: self.timeout_ms.map(DurationMs::from_millis),
                tls_skip_verify: false,
                max_redirects: 0,
                sealed: None,
            },
            retry_policy: RetryPolicy::default(),
            timeout: None,
            concurrency: Concurrency::Forbid,
            missed_runs: self.missed_runs,
            jitter: DurationMs::default(),
            start_at: self.start_at,
            end_at: self.end_at,
            tags: Tags::default(),
            enabled: true,
        })
    }

    /// The first instant at which it falls due after `now`, or the one at which it is due already.
    pub fn first_due(&self, now: Millis) -> Result<Option<Millis>> {
        if self.due.is_some() {
            return Ok(self.due);
        }
        let after = self.start_at.map_or(now, |start| now.max(start - 1));
        let schedule = Schedule::parse(&self.schedule)?;
        let due = schedule.next_after(&Zone::parse("UTC")?, self.start_at.unwrap_or(now), after);
        Ok(due.filter(|due| *due <= self.end_at.unwrap_or(i64::MAX)))
    }
}

/// Makes jobs that together fire `rate` times a second, each once a second. They are evenly spread from `start`
/// on, and fire for exactly `seconds`.
pub fn steady(rate: usize, start: Millis, seconds: usize) -> Vec<Job> {
    turning(rate, 1, start, seconds)
}

/// Makes `jobs` jobs that each fire once in a period of seconds. They are evenly spread from `start` on, and
/// fire for exactly `seconds`.
pub fn turning(jobs: usize, period: usize, start: Millis, seconds: usize) -> Vec<Job> {
    let millis = |ms: usize| i64::try_from(ms).unwrap_or(i64::MAX);
    let end = start + millis(seconds * 1000) - 1;
    // `@every` counts from `start_at`, and the first run is one period later.
    let anchor = |n: usize| start + millis(n * period * 1000 / jobs) - millis(period * 1000);
    let schedule = format!("@every {period}s");
    let job = |n| Job { start_at: Some(anchor(n)), end_at: Some(end), ..Job::numbered(n, &schedule) };
    (0..jobs).map(job).collect()
}

/// Makes `jobs` jobs, numbered from `first`, that together fire `rate` times a second from `start` on: each in its
/// turn, once in a round. Jobs that fire one after the other are far apart in the file.
pub fn scattered(first: usize, jobs: usize, rate: usize, start: Millis) -> impl Iterator<Item = Job> {
    let millis = |ms: usize| i64::try_from(ms).unwrap_or(i64::MAX);
    let period = jobs.div_ceil(rate);
    let step = stride(jobs);
    let schedule = format!("@every {period}s");
    (0..jobs).map(move |n| {
        let place = n * step % jobs;
        // `@every` counts from `start_at`, and the first run is one period later.
        let anchor = start + millis(place * 1000 / rate) - millis(period * 1000);
        Job { start_at: Some(anchor), ..Job::numbered(first + n, &schedule) }
    })
}

/// A stride that visits every place of a round once. It is about the golden section of the round, and has no
/// common divisor with it.
fn stride(round: usize) -> usize {
    let divisor = |mut a: usize, mut b: usize| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    (round * 618 / 1000..).find(|step| divisor(*step, round.max(1)) == 1).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const START: Millis = 1_800_000_000_000;

    #[test]
    fn scattered_jobs_fire_one_after_the_other_and_far_apart() {
        let jobs: Vec<_> = scattered(7, 900, 100, START).collect();
        let due = |job: &Job| job.first_due(START - 1).unwrap().unwrap();
        let mut dues: Vec<_> = jobs.iter().map(|job| (due(job), job.name.clone())).collect();
        assert!(jobs.iter().all(|job| job.schedule == "@every 9s"));
        dues.sort();
        let every_10_ms: Vec<_> = (0..900).map(|n| START + n * 10).collect();
        assert_eq!(dues.iter().map(|(at, _)| *at).collect::<Vec<_>>(), every_10_ms);
        assert_eq!(dues.iter().map(|(_, name)| name).collect::<HashSet<_>>().len(), 900);
        assert_eq!(jobs[0].name, "job-0000007");
    }

    #[test]
    fn a_job_that_is_behind_is_due_when_it_was() {
        let job = Job { due: Some(START - 7_200_000), ..Job::numbered(0, "* * * * *") };
        assert_eq!(job.first_due(START).unwrap(), Some(START - 7_200_000));
    }

    #[test]
    fn the_api_and_the_state_get_the_same_job() {
        let job = Job {
            url: Some("http://127.0.3.4:81/".into()),
            body: "x".into(),
            timeout_ms: Some(1_500),
            missed_runs: MissedRuns::ExecuteAll,
            ..Job::numbered(0, "@every 1s")
        };
        let sink = ([127, 0, 0, 1], 9).into();
        let spec = job.to_spec(sink).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&job.to_json(sink)).unwrap();
        assert_eq!(json["webhook"]["url"], spec.webhook.url.as_str());
        assert_eq!(json["webhook"]["body"], "x");
        assert_eq!(spec.webhook.body.unwrap().source(), "x");
        assert_eq!(json["webhook"]["timeout"], "1500ms");
        assert_eq!(spec.webhook.timeout, Some(DurationMs::from_millis(1_500)));
        assert_eq!(json["missed_runs"], "execute_all");
        assert_eq!(spec.missed_runs, MissedRuns::ExecuteAll);
    }
}
