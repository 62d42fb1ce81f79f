//! A test call of a webhook.

use chronos_types::{self as domain, DurationMs, Invalid, Secrets};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::fields::Fields;
use crate::{Phases, Webhook, WebhookRequest, webhook_input};

/// A webhook to call once. Template variables get sample values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TestRequest {
    /// The webhook.
    pub webhook: Webhook,
    /// Like a job's `timeout`: it applies if the webhook has none of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "30s")]
    pub timeout: Option<String>,
    /// A job, by its id or its name, of which the webhook is to be: each `"[redacted]"` stands for the secret that the
    /// job has in that place. Its webhook must have the same scheme, host and port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "nightly-report")]
    pub job: Option<String>,
}

/// The result of the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TestResponse {
    /// Whether an execution would be a success.
    pub success: bool,
    /// The response's status; 0 where there was no response.
    pub status_code: u16,
    /// The start of the response's body.
    pub response_body: String,
    /// Whether the body was longer than what is shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// How long it took from connect to the last byte.
    pub duration_ms: u64,
    /// How that time was spent.
    pub phases: Phases,
    /// What was sent, credentials redacted; where redirects were followed, the first request.
    pub request: WebhookRequest,
    /// Why it would not be a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What is to be called, as it was read.
#[derive(Clone, Debug)]
pub struct TestInput {
    /// The webhook. Its secrets may be redacted.
    webhook: domain::Webhook,
    /// The timeout that it has where it has none of its own.
    pub timeout: Option<DurationMs>,
    /// The job whose secrets it has.
    pub job: Option<String>,
}

impl TestRequest {
    /// Reads the request.
    ///
    /// # Errors
    /// Every bad field.
    pub fn parse(value: &Value) -> Result<TestInput, Invalid> {
        let mut invalid = Invalid::default();
        let Some(fields) = Fields::open(value, "", &mut invalid) else { return Err(invalid) };
        fields.only(&["webhook", "timeout", "job"], &[], &mut invalid);
        fields.require("webhook", "an object with a \"url\"", &mut invalid);
        let webhook =
            fields.get("webhook").and_then(|value| webhook_input::parse(value, "webhook", &mut invalid));
        let timeout = fields.timeout("timeout", &mut invalid);
        let job = fields.text("job", &mut invalid).map(str::to_owned);
        let Some(webhook) = webhook else { return Err(invalid) };
        invalid.into_result().map(|()| TestInput { webhook, timeout, job })
    }
}

impl TestInput {
    /// The webhook with its secrets. A `"[redacted]"` stands for what the webhook of the job, `stored`, has in that
    /// place, and only where that calls the same origin: otherwise anybody could have a secret sent to themselves.
    ///
    /// # Errors
    /// A secret that is not there, or that stays where it is.
    pub fn webhook(mut self, stored: Option<&domain::Webhook>) -> Result<domain::Webhook, Invalid> {
        let same = stored.filter(|stored| stored.url.origin() == self.webhook.url.origin());
        let secrets = same.map(Secrets::from).unwrap_or_default();
        if let Err(field) = self.webhook.restore_secrets(secrets) {
            let why = match (stored, same) {
                (None, _) => "; expected the secret itself, or a job that has it".to_owned(),
                (Some(stored), None) => format!(
                    ", and the job's is for {}; expected the secret itself, for {}",
                    stored.url.origin(),
                    self.webhook.url.origin()
                ),
                (Some(_), Some(_)) => ", and the job has none here; expected the secret itself".to_owned(),
            };
            return Err(Invalid::one(&field, format!("is \"[redacted]\"{why}")));
        }
        // What was given was good, and may not be with the secret that was kept.
        match self.webhook.auth.as_ref().map(domain::Auth::check) {
            Some(Err((field, message))) => Err(Invalid::one(&format!("webhook.auth.{field}"), message)),
            _ => Ok(self.webhook),
        }
    }
}
