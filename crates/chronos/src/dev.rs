//! `chronos dev`: a receiver and two example jobs beside a node, so that a newcomer sees webhooks being
//! fired, retried and recorded within seconds.
//!
//! It uses the node's API, as any program would, and knows nothing of what is behind it.

mod receiver;

use std::net::SocketAddr;
use std::time::Duration;

use chronos_client::api::{JobInput, TextMap, Webhook};
use chronos_client::{Client, Error, WriteOptions};
use chronos_server::config::Config;
use chronos_server::telemetry::Lines;
use serde_json::json;
use tokio::time::Instant;
use url::{Host, Url};

use super::api;

/// How long the node may take to elect itself and to become ready.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// The time between checks whether the node is ready.
const LOOK: Duration = Duration::from_millis(20);

/// Name, schedule and description of each example job. The name is also the path that the job calls.
const EXAMPLES: [(&str, &str, &str); 2] = [
    ("hello", "@every 5s", "An example: calls the built-in receiver every five seconds"),
    ("flaky", "@every 20s", "An example: its receiver fails the first attempt, so that you see the retry"),
];

/// Starts the receiver, and creates the example jobs at the node whose API is at `api`. Example jobs of an
/// earlier start are pointed at the new receiver. Then this prints where everything is. `config` is that of the
/// node.
///
/// # Errors
/// The receiver or the API failed. The error is one sentence for the person at the terminal.
pub(crate) async fn begin(api: SocketAddr, config: &Config) -> Result<(), String> {
    let client = api::of_node(config, api)?;
    let lines = Lines::stdout().map_err(|error| format!("no threads: {error}"))?;
    let receiver = receiver::start(lines.clone()).await?;
    until_ready(&client).await?;
    for example in EXAMPLES {
        let done = put(&client, example, receiver, &lines).await;
        done.map_err(|error| format!("the example job {}: {error}", example.0))?;
    }
    greet(&lines, api, receiver, config.server.http.tls.is_some());
    Ok(())
}

async fn until_ready(client: &Client) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let why = match client.ready().await {
            Ok(ready) if ready.status == "ready" => return Ok(()),
            Ok(ready) => ready.reason.unwrap_or(ready.status),
            Err(error) => error.to_string(),
        };
        if begun.elapsed() > READY_WITHIN {
            return Err(format!("the example jobs cannot be created: {why}"));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Creates an example job. Where it exists already, only the receiver's port is corrected, because a user may
/// have changed everything else.
async fn put(
    client: &Client,
    (name, schedule, description): (&str, &str, &str),
    receiver: SocketAddr,
    lines: &Lines,
) -> Result<(), Error> {
    match client.job(name, true).await {
        Ok(job) => {
            let Some(url) = at_port(&job.spec.webhook.url, receiver.port()) else { return Ok(()) };
            let patch = json!({"webhook": {"url": url}});
            match client.patch_job(name, &patch, WriteOptions::default()).await {
                // It has a secret of the user's now, which does not move to another origin.
                Err(error) if error.status() == Some(400) => {
                    let why = "has a secret of yours, which does not move to another port";
                    let left =
                        format!("The example job {name} {why}: it calls the receiver of an earlier start.\n");
                    lines.put(left.as_bytes());
                    Ok(())
                }
                done => done.map(drop),
            }
        }
        Err(error) if error.status() == Some(404) => {
            let url = format!("http://{receiver}/{name}");
            client.create_job(&example(name, schedule, description, url), None).await.map(drop)
        }
        Err(error) => Err(error),
    }
}

fn example(name: &str, schedule: &str, description: &str, url: String) -> JobInput {
    let body = "{\"job\": \"{{.JobName}}\", \"scheduled_time\": \"{{.ScheduledTime}}\"}";
    JobInput {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        schedule: schedule.to_owned(),
        timezone: None,
        webhook: Webhook {
            url,
            method: None,
            headers: TextMap::default(),
            body: Some(body.to_owned()),
            auth: None,
            signing: None,
            client_certificate: None,
            success_codes: None,
            timeout: None,
            tls_skip_verify: false,
            max_redirects: 0,
        },
        retry_policy: None,
        timeout: None,
        concurrency: None,
        missed_runs: None,
        jitter: None,
        start_at: None,
        end_at: None,
        tags: None,
        enabled: None,
    }
}

/// Puts another port into the URL of an earlier start's receiver. Returns `None` where the URL leads elsewhere.
fn at_port(url: &str, port: u16) -> Option<String> {
    let mut url = Url::parse(url).ok()?;
    let is_loopback = matches!(url.host(), Some(Host::Ipv4(address)) if address.is_loopback());
    let is_known = EXAMPLES.iter().any(|(name, ..)| url.path().strip_prefix('/') == Some(*name));
    if url.scheme() != "http" || !is_loopback || !is_known {
        return None;
    }
    url.set_port(Some(port)).ok()?;
    Some(url.into())
}

fn greet(lines: &Lines, api: SocketAddr, receiver: SocketAddr, tls: bool) {
    let scheme = if tls { "https" } else { "http" };
    let api = format!("{scheme}://{api}/api");
    let greeting = format!(
        "
Chronos is running.

  API          {api}/v1
  API docs     {api}/docs
  Jobs         {api}/v1/jobs
  Executions   {api}/v1/executions
  Receiver     http://{receiver}

Two example jobs call the receiver: hello every 5 s, and flaky every 20 s, whose first attempt fails.
Each call is shown below as it arrives. Ctrl-C stops.

"
    );
    lines.put(greeting.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::at_port;

    #[test]
    fn only_the_port_of_a_receiver_is_corrected() {
        for (url, corrected) in [
            ("http://127.0.0.1:40000/hello", Some("http://127.0.0.1:7/hello")),
            ("http://127.0.0.1:40000/flaky?mine=1", Some("http://127.0.0.1:7/flaky?mine=1")),
            ("http://127.0.0.1:3000/mine", None),
            ("https://127.0.0.1:40000/hello", None),
            ("http://example.com/hello", None),
        ] {
            assert_eq!(at_port(url, 7).as_deref(), corrected, "{url}");
        }
    }
}
