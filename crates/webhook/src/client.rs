//! Makes one attempt: sends a request and returns its outcome.

mod token;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chronos_env::{Env, Seldom};
use chronos_types::{DurationMs, ErrorKind, Phases, SecretValues, Webhook, clip, request::Request};
use http::StatusCode;

use super::connect::{Connector, Ways};
use super::connection::{Connection, MAX_READ_BYTES};
use super::egress::{Egress, Rule};
use super::head::Head;
use super::hop::Hop;
use super::metrics::Metrics;
use super::oauth::{Grant, NoToken, Tokens};
use super::outcome::{Failure, Outcome, Withheld, retry_after, shown};
use super::pool::Pool;
use super::proxy::Proxy;
use super::received::Received;
use super::scrub::Scrub;
use super::tls;

/// How the client is set up.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The timeout of an attempt where neither the webhook nor the job has one.
    pub timeout: Duration,
    /// Bytes of a response's body that are kept.
    pub max_response_body: usize,
    /// A file of roots that are trusted beside the machine's own.
    pub ca_file: Option<PathBuf>,
    /// Which hosts and addresses may be reached.
    pub egress: Egress,
    /// Through which proxy they are reached, if any.
    pub proxy: Option<Proxy>,
    /// What is reached without it.
    pub no_proxy: Vec<Rule>,
    /// Idle connections that are kept, to all targets together.
    pub max_idle: usize,
}

/// Asked right before the first byte of each request whether it may be sent now.
type MaySend<'a> = &'a (dyn Fn() -> bool + Sync);

/// Why there is no head of a response.
enum NoHead {
    Failed(Failure),
    /// It was not allowed.
    Withheld,
}

/// The HTTP client. Cheap to clone; connections are shared.
#[derive(Clone, Debug)]
pub struct Client {
    connector: Connector,
    pool: Pool,
    tokens: Tokens,
    max_response_body: usize,
    timeout: Duration,
    complaint: Arc<Seldom>,
    env: Env,
}

impl Client {
    /// Sets the client up.
    ///
    /// # Errors
    /// The operator's CA file cannot be used.
    pub fn new(config: &ClientConfig, metrics: Metrics, env: Env) -> Result<Self, String> {
        let policies = tls::policies(config.ca_file.as_deref())?;
        let ClientConfig { egress, proxy, no_proxy, .. } = config.clone();
        let ways = Ways { egress, proxy, no_proxy };
        Ok(Self {
            connector: Connector::new(ways, policies, env.clone()),
            pool: Pool::new(config.max_idle, metrics),
            tokens: Tokens::default(),
            max_response_body: config.max_response_body,
            timeout: config.timeout,
            complaint: Arc::default(),
            env,
        })
    }

    /// From now on no webhook goes where nodes listen for each other: to `own`, where this one does, and to all that
    /// `members` names, each a `host:port`. It is asked at each new connection. Only the first call counts.
    pub fn protect(
        &self,
        own: Option<SocketAddr>,
        members: impl Fn() -> Vec<String> + Send + Sync + 'static,
    ) {
        self.connector.members().know(own, members);
    }

    /// The timeout of an attempt where neither the webhook nor the job has one.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Makes one attempt. It takes at most `timeout`, from connect to the last body byte.
    pub async fn attempt(&self, webhook: &Webhook, request: Request, timeout: Option<Duration>) -> Outcome {
        self.attempt_with(webhook, request, &SecretValues::default(), timeout).await
    }

    /// The same with a request that has secrets in it. It goes to no host that one of them may not go to, nor to one to
    /// which a redirect leads; and none of them is in the outcome.
    pub async fn attempt_with(
        &self,
        webhook: &Webhook,
        request: Request,
        secrets: &SecretValues,
        timeout: Option<Duration>,
    ) -> Outcome {
        let attempt = self.attempt_where(webhook, request, secrets, timeout, &|| true).await;
        attempt.unwrap_or_else(|Withheld { .. }| {
            Outcome::failed(ErrorKind::Connect, "the request was not sent".to_owned())
        })
    }

    /// The same, where each of its requests is sent only if `may_send` says so: the first one, one that a redirect asks
    /// for, and one that is sent once more. It is asked right before the first byte, since connecting may take long.
    ///
    /// # Errors
    /// It said no.
    pub async fn attempt_where(
        &self,
        webhook: &Webhook,
        request: Request,
        secrets: &SecretValues,
        timeout: Option<Duration>,
        may_send: &(dyn Fn() -> bool + Sync),
    ) -> Result<Outcome, Withheld> {
        let timeout = timeout.unwrap_or(self.timeout);
        let mut received = Received::without(self.max_response_body, Scrub::of(webhook, secrets));
        let exchange = self.exchange(webhook, request, secrets, may_send, &mut received);
        let ended = tokio::time::timeout(timeout, exchange).await;
        let made = ended.unwrap_or_else(|_| {
            if received.is_success {
                return Ok(whole(&received, None));
            }
            let ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
            let came =
                received.status().map(|status| format!("; {} came, and its end did not", shown(status)));
            let (shown, came) = (DurationMs::from_millis(ms), came.unwrap_or_default());
            if let Some(endpoint) = &received.awaits_token {
                let why = format!("there was none within {shown}");
                return Ok(token::none(endpoint, (ErrorKind::Timeout, 0), &why));
            }
            Ok(partial(&received, ErrorKind::Timeout, format!("no complete response within {shown}{came}")))
        });
        let scrub = |text: String| received.scrub().text(&text).into_owned();
        made.map(|mut outcome| {
            outcome.failure = outcome.failure.map(|(kind, why)| (kind, scrub(why)));
            outcome.response.error = outcome.response.error.map(scrub);
            outcome
        })
        .map(|outcome| Outcome { phases: received.laps.end(), ..outcome })
    }

    async fn exchange(
        &self,
        webhook: &Webhook,
        request: Request,
        secrets: &SecretValues,
        may_send: MaySend<'_>,
        received: &mut Received<'_>,
    ) -> Result<Outcome, Withheld> {
        let mut hop = match Hop::first(webhook, request, secrets) {
            Ok(hop) => hop,
            // What stands in a job was checked when it was written. What stands in a secret was not.
            Err(why) if !secrets.is_empty() || webhook.signing.is_some() => {
                return Ok(Outcome::failed(ErrorKind::Secret, why));
            }
            Err(why) => return Ok(Outcome::failed(ErrorKind::Connect, why)),
        };
        if let Err(why) = secrets.may_go_to(hop.host()) {
            return Ok(Outcome::failed(ErrorKind::Secret, why));
        }
        let mut bearer = None;
        if let Some(credentials) = token::wanted(webhook) {
            let grant = match Grant::new(credentials, secrets) {
                Ok(grant) => grant,
                Err(why) => return Ok(Outcome::failed(ErrorKind::Secret, why)),
            };
            match self.bearer(&grant, may_send, received).await {
                Ok(found) => bearer = Some(found),
                Err(NoToken::Failed(outcome)) => return Ok(*outcome),
                Err(NoToken::Withheld) => return Err(Withheld { has_sent: false }),
            }
        }
        if let Some(bearer) = &bearer {
            hop.authorize(bearer.token());
        }
        let mut redirects_left = webhook.max_redirects;
        let mut has_sent = false;
        loop {
            let (mut connection, head) = match self.send(&hop, may_send, &mut has_sent, received).await {
                Ok(answered) => answered,
                Err(NoHead::Failed(failure)) => return Ok(self.failed(failure, received)),
                Err(NoHead::Withheld) => return Err(Withheld { has_sent }),
            };
            let mut unfollowed = None;
            // A status that the user takes for a success is what was asked for.
            if redirects_left > 0 && !webhook.is_success(head.status.as_u16()) {
                match hop.redirected(&head) {
                    Ok(Some(next)) => {
                        // What the request still carries of secrets, and what the location repeats of them, stays here.
                        if let Err(why) = secrets.may_go_to(next.host()) {
                            received.begin(&head, None);
                            let message = format!("the target redirects, and {why}");
                            return Ok(partial(received, ErrorKind::Secret, message));
                        }
                        redirects_left -= 1;
                        hop = next;
                        received.forget();
                        // Nobody waits for the rest of a body that nobody reads.
                        let is_over =
                            head.framing.is_ok_and(|mut framing| connection.pass_over(&mut framing));
                        self.pool.put(connection, head.keep.filter(|_| is_over));
                        continue;
                    }
                    Ok(None) => {}
                    Err(why) => unfollowed = Some(why),
                }
            }
            let outcome = self.finish(webhook, connection, head, unfollowed, received).await;
            return Ok(match bearer.filter(|_| hop.is_authorized()) {
                Some(bearer) => bearer.judged(outcome),
                None => outcome,
            });
        }
    }

    /// Sends a request, and reads the head of its response. Where the target has closed a connection that was kept, for
    /// being idle, the request is sent once more, on a new one: not one byte of an answer came, or a 408, which says
    /// that no request came (RFC 9110, section 15.5.9). `has_sent` is set before anything leaves.
    async fn send(
        &self,
        hop: &Hop,
        may_send: MaySend<'_>,
        has_sent: &mut bool,
        received: &mut Received<'_>,
    ) -> Result<(Connection, Head), NoHead> {
        let origin = hop.origin();
        let mut allowed = || match may_send() {
            true => {
                *has_sent = true;
                Ok(())
            }
            false => Err(NoHead::Withheld),
        };
        if let Some(mut kept) = self.pool.take(&origin) {
            let message = hop.message(self.env.now());
            allowed()?;
            match kept.request(message, received).await {
                Ok(Head { status: StatusCode::REQUEST_TIMEOUT, keep: None, .. }) => received.forget(),
                Ok(head) => return Ok((kept, head)),
                Err(broken) if broken.is_silent => {}
                Err(broken) => return Err(NoHead::Failed(Failure::Broken(broken))),
            }
        }
        let new = self.connector.connect(origin, &mut received.laps).await;
        let mut new = new.map_err(|failure| NoHead::Failed(Failure::Connect(failure)))?;
        let message = hop.message(self.env.now());
        // From here to the first byte nothing is waited for.
        allowed()?;
        let head = new.request(message, received).await;
        Ok((new, head.map_err(|broken| NoHead::Failed(Failure::Broken(broken)))?))
    }

    /// No whole head came. Where this machine lacked something, idle connections are given up first, so that the
    /// next call finds it.
    fn failed(&self, failure: Failure, received: &Received<'_>) -> Outcome {
        let mut outcome = Outcome::from(failure);
        outcome.response = received.response(outcome.response.error);
        if let Some(lacked) = &outcome.shortage {
            self.pool.give_up();
            self.complaint.say(|| {
                tracing::warn!(
                    error = lacked,
                    "calls wait: this machine has no descriptor, port or memory for more"
                );
            });
        }
        outcome
    }

    /// Reads the body, and judges the response. `unfollowed` says why a redirect could not be followed.
    async fn finish(
        &self,
        webhook: &Webhook,
        mut connection: Connection,
        head: Head,
        unfollowed: Option<String>,
        received: &mut Received<'_>,
    ) -> Outcome {
        received.begin(&head, retry_after(&head, self.env.now()));
        let Head { status, framing, keep, location, is_cut, .. } = head;
        let mut framing = match framing {
            Ok(framing) => framing,
            Err(why) => return bad_body(received, &why),
        };
        let body = match is_cut {
            true => Ok(false),
            false => connection.body(&mut framing, MAX_READ_BYTES, |data| received.take(data)).await,
        };
        let is_read = match body {
            Ok(is_read) => is_read,
            Err(why) => return bad_body(received, &why),
        };
        received.is_success = webhook.is_success(status.as_u16());
        match is_read {
            true if received.is_success => connection.send_rest().await,
            true => {}
            false => received.cut(),
        }
        self.pool.put(connection, keep.filter(|_| framing.is_over()));
        let failure = (!received.is_success).then(|| {
            let shown = shown(status);
            let message = match (&webhook.success_codes, location) {
                (_, Some(to)) if status.is_redirection() => {
                    let to = String::from_utf8_lossy(&to);
                    let to = received.scrub().text(&to);
                    let why = unfollowed.map(|why| format!(": {why}"));
                    let why = why.unwrap_or_else(|| " (see max_redirects)".to_owned());
                    format!("{shown} is a redirect to {:?}, which is not followed{why}", clip(&to))
                }
                (Some(_), _) => format!("{shown} is not one of success_codes"),
                (None, _) => shown,
            };
            (ErrorKind::Status, message)
        });
        whole(received, failure)
    }
}

/// The outcome of an attempt whose response is whole.
fn whole(received: &Received<'_>, failure: Option<(ErrorKind, String)>) -> Outcome {
    let (response, retry_after) = (received.response(None), received.retry_after);
    Outcome { response, failure, retry_after, shortage: None, phases: Phases::default(), token: None }
}

/// The outcome of an attempt whose response is not whole. What came of it is kept.
fn partial(received: &Received<'_>, kind: ErrorKind, message: String) -> Outcome {
    let (response, retry_after) = (received.response(Some(message.clone())), received.retry_after);
    Outcome { response, retry_after, ..Outcome::failed(kind, message) }
}

fn bad_body(received: &Received<'_>, why: &str) -> Outcome {
    let message = format!("the response's body could not be read: {}", clip(why));
    partial(received, ErrorKind::Body, message)
}
