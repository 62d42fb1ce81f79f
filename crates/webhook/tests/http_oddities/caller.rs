//! Our own verdict.

use std::sync::Arc;
use std::time::Duration;

use chronos_env::Env;
use chronos_types::request::{Occasion, build};
use chronos_types::{
    Auth, ErrorKind, ExecutionId, Headers, JobId, JobName, TargetUrl, Template, Trigger, Webhook,
};
use chronos_webhook::{Client, ClientConfig, Egress, Metrics, Outcome};

use crate::row::{Call, Row};
use crate::target::Target;
use crate::verdict::Verdict;

/// The client that fires webhooks.
pub struct Caller(Arc<Client>);

impl Caller {
    pub fn new() -> Self {
        let config = ClientConfig {
            timeout: Duration::from_secs(30),
            max_response_body: 64 * 1024,
            ca_file: None,
            egress: Egress::default(),
            proxy: None,
            no_proxy: Vec::new(),
            max_idle: 512,
        };
        Self(Arc::new(Client::new(&config, Metrics::default(), Env::real()).unwrap()))
    }

    /// What comes of a row.
    pub fn verdict(&self, row: Row) -> impl Future<Output = String> + use<> {
        let client = Arc::clone(&self.0);
        async move {
            let mut verdict = once(&client, &row).await;
            for _ in 1..row.call.tries {
                let again = once(&client, &row).await;
                if again != verdict {
                    verdict = format!("{verdict}, and another time {again}");
                    break;
                }
            }
            verdict
        }
    }
}

async fn once(client: &Client, row: &Row) -> String {
    let target = Target::start(row).await;
    let webhook = webhook(&row.call, &target.url());
    let mut outcome = attempt(client, &row.call, &webhook).await;
    for _ in 1..row.call.times {
        target.rests().await;
        outcome = attempt(client, &row.call, &webhook).await;
    }
    assert_eq!(outcome.shortage, None, "{}", row.name);
    let failure = outcome.failure.as_ref().map(|(kind, _)| *kind).filter(|kind| *kind != ErrorKind::Status);
    let wait = outcome.retry_after.filter(|_| row.call.shows_wait).unwrap_or_default();
    let verdict = Verdict {
        failure: failure.map(|kind| kind.as_str().to_owned()),
        status: outcome.response.status_code,
        body: outcome.response.body.unwrap_or_default(),
        requests: target.requests(),
        surplus: target.surplus(),
        wait: wait.as_secs(),
    };
    verdict.to_string()
}

/// Makes an attempt, as one of a job.
async fn attempt(client: &Client, call: &Call, webhook: &Webhook) -> Outcome {
    let (name, job_id) = (JobName::parse("odd").unwrap(), JobId::new(0, [0; 10]));
    let occasion = Occasion {
        job_id,
        job_name: &name,
        execution_id: ExecutionId::scheduled(job_id, 0),
        scheduled_time: 0,
        trigger: Trigger::Schedule,
        attempt: 1,
    };
    client.attempt(webhook, build(webhook, &occasion), Some(call.patience)).await
}

fn webhook(call: &Call, url: &str) -> Webhook {
    let headers = call.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Webhook {
        url: TargetUrl::parse(url).unwrap(),
        method: Some(call.method),
        headers: Headers::parse(headers.collect()).unwrap(),
        body: (call.body > 0).then(|| Template::parse(&"b".repeat(call.body)).unwrap()),
        auth: call.basic.map(|(username, password)| Auth::Basic {
            username: username.to_owned(),
            password: password.to_owned(),
        }),
        signing: None,
        client_certificate: None,
        success_codes: None,
        timeout: None,
        tls_skip_verify: true,
        max_redirects: call.max_redirects,
        sealed: None,
    }
}
