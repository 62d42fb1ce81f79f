//! A test call of a webhook.

use chronos_types::{self as domain, DurationMs, Invalid, Secrets};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::fields::Fields;
use crate::{Webhook, webhook_input};

/// A webhook to call once. Template variables get sample values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TestRequest {
    /// The webhook.
    pub webhook: Webhook,
    /// Like a job's `timeout`: it applies if the webhook has none of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "30s")]
    pub timeout: Option<String>,
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
    /// Why it would not be a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl TestRequest {
    /// Reads the request.
    ///
    /// # Errors
    /// Every bad field. A `"[redacted]"` is one, because no secret is stored that it could stand for.
    pub fn parse(value: &Value) -> Result<(domain::Webhook, Option<DurationMs>), Invalid> {
        let mut invalid = Invalid::default();
        let Some(fields) = Fields::open(value, "", &mut invalid) else { return Err(invalid) };
        fields.only(&["webhook", "timeout"], &[], &mut invalid);
        fields.require("webhook", "an object with a \"url\"", &mut invalid);
        let webhook =
            fields.get("webhook").and_then(|value| webhook_input::parse(value, "webhook", &mut invalid));
        let timeout = fields.timeout("timeout", &mut invalid);
        let Some(mut webhook) = webhook else { return Err(invalid) };
        if let Err(field) = webhook.restore_secrets(Secrets::default()) {
            invalid.add(field, "is \"[redacted]\"; expected the secret itself");
        }
        invalid.into_result().map(|()| (webhook, timeout))
    }
}
