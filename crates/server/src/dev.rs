//! `chronos dev`: a receiver and two example jobs beside a node, so that a newcomer sees webhooks
//! being fired, retried and recorded within seconds.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use chronos_state::{Command, Outcome, PutJob, Refusal};
use chronos_types::{
    Concurrency, DurationMs, Headers, JobId, JobName, JobSpec, MissedRuns, RetryPolicy, Tags, TargetUrl,
    Template, Webhook,
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::Node;
use crate::node::StartError;
use crate::scheduler::first_due;

/// Attempts seen of executions of `/flaky`, to fail the first of each.
type Seen = Arc<Mutex<HashMap<String, u32>>>;

/// Starts the receiver on a free port of loopback; prints each call it gets.
///
/// # Errors
/// No port is free.
pub async fn receiver() -> Result<SocketAddr, StartError> {
    let failed = |error: std::io::Error| StartError(format!("the example receiver cannot listen: {error}"));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let seen = Seen::default();
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let seen = Arc::clone(&seen);
            tokio::spawn(async move {
                let service = service_fn(move |request| answer(request, Arc::clone(&seen)));
                // A connection that breaks is the client's to report.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    Ok(address)
}

async fn answer(request: Request<Incoming>, seen: Seen) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let header =
        |name| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("-").to_owned();
    let (execution, attempt) = (header("x-chronos-execution-id"), header("x-chronos-attempt"));
    let body = Limited::new(body, 64 * 1024).collect().await.map(http_body_util::Collected::to_bytes);
    let fails = head.uri.path() == "/flaky" && {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Only the latest matter; a newcomer's afternoon must not fill the memory.
        if seen.len() > 1_000 {
            seen.clear();
        }
        let count = seen.entry(execution.clone()).or_insert(0);
        *count += 1;
        *count == 1
    };
    let status = if fails { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    println!(
        "{}  {} {}  attempt {attempt}  execution {execution}  {}  -> {status}",
        header("x-chronos-scheduled-time"),
        head.method,
        head.uri.path(),
        String::from_utf8_lossy(&body.unwrap_or_default()),
    );
    let mut response = Response::new(Full::from(if fails { "try again" } else { "{\"received\": true}" }));
    *response.status_mut() = status;
    Ok(response)
}

/// Creates the example jobs, or points those of an earlier start at this start's receiver.
///
/// # Errors
/// They cannot be created.
pub async fn example_jobs(node: &Node, receiver: SocketAddr) -> Result<(), StartError> {
    for (name, schedule, description) in [
        ("hello", "@every 5s", "An example: calls the built-in receiver every five seconds"),
        (
            "flaky",
            "@every 20s",
            "An example: its receiver fails the first attempt, so that you see the retry",
        ),
    ] {
        let spec = example(name, schedule, description, receiver).map_err(StartError)?;
        put(node, spec).await?;
    }
    Ok(())
}

fn example(name: &str, schedule: &str, description: &str, receiver: SocketAddr) -> Result<JobSpec, String> {
    let body = "{\"job\": \"{{.JobName}}\", \"scheduled_time\": \"{{.ScheduledTime}}\"}";
    Ok(JobSpec {
        name: JobName::parse(name).map_err(|e| e.to_string())?,
        description: description.to_owned(),
        schedule: schedule.to_owned(),
        timezone: "UTC".to_owned(),
        webhook: Webhook {
            url: TargetUrl::parse(&format!("http://{receiver}/{name}")).map_err(|e| e.to_string())?,
            method: None,
            headers: Headers::default(),
            body: Some(Template::parse(body).map_err(|e| e.to_string())?),
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
        start_at: None,
        end_at: None,
        tags: Tags::default(),
        enabled: true,
    })
}

async fn put(node: &Node, spec: JobSpec) -> Result<(), StartError> {
    let failed =
        |error: &dyn std::fmt::Display| StartError(format!("the example job {}: {error}", spec.name));
    let name = spec.name.to_string();
    let known = node.store().read(move |reader| reader.find_job(&name)).await.map_err(|e| failed(&e))?;
    let now = node.env().now();
    let put = match known {
        None => {
            let id = JobId::new(now, node.env().random_bytes());
            let next_due = first_due(&spec, now, now);
            PutJob { id, from_version: None, created_at: now, next_due, spec: spec.clone() }
        }
        Some(row) => {
            // The user may have changed it; only the port of the receiver is ours to correct.
            let mut changed = row.job.spec;
            changed.webhook.url = spec.webhook.url.clone();
            let next_due = first_due(&changed, row.job.created_at, now);
            let (id, created_at) = (row.job.id, row.job.created_at);
            PutJob { id, from_version: Some(row.job.version), created_at, next_due, spec: changed }
        }
    };
    let outcome = node.proposer().propose(Command::PutJob(Box::new(put)).into()).await;
    match outcome.map_err(|e| failed(&e))? {
        Outcome::Refused { refusal: Refusal::NameTaken { .. } } | Outcome::Job { .. } => Ok(()),
        other => Err(failed(&format!("{other:?}"))),
    }
}
