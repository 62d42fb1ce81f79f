//! The request that one attempt sends: a pure function of the job's version, the execution and the
//! attempt.
//!
//! The dispatcher sends what [`build`] makes, and the API shows what it makes. So what is shown is what
//! was sent, and a record need not carry a copy.

use sha2::{Digest, Sha256};

use crate::{
    Auth, ExecutionId, ID_HEADER, JobId, JobName, Method, Millis, REDACTED, SecretValues, TemplateValues,
    Trigger, Webhook, format_rfc3339, is_credential_header, is_secret_reference, is_signature_header,
};

/// The one header that a user cannot override.
pub const USER_AGENT: &str = "Chronos/1.0";

/// The attempt that a request is for.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    /// The job.
    pub job_id: JobId,
    /// Its name.
    pub job_name: &'a JobName,
    /// The execution.
    pub execution_id: ExecutionId,
    /// The instant it was scheduled for.
    pub scheduled_time: Millis,
    /// What asked for it.
    pub trigger: Trigger,
    /// The attempt, from 1.
    pub attempt: u32,
}

/// A request as it goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// The URL in its normal form.
    pub url: String,
    /// Names and values in the order in which they are sent. No name occurs twice, in any case.
    pub headers: Vec<(String, String)>,
    /// The body with its variables filled in.
    pub body: Option<String>,
}

/// Builds the request of one attempt. The credentials' header overrides an automatic one, and the user's
/// own headers override both. Only `User-Agent` cannot be overridden.
///
/// One that is to be signed has the id of its message. When it was signed and the signature itself are added as it is
/// sent: they go by the time and by the bytes that leave.
///
/// Secrets that it names are not filled in: so it is shown.
#[must_use]
pub fn build(webhook: &Webhook, occasion: &Occasion<'_>) -> Request {
    build_with(webhook, occasion, &SecretValues::default())
}

/// The same, with secrets in place of what names them: so it is sent.
#[must_use]
pub fn build_with(webhook: &Webhook, occasion: &Occasion<'_>, secrets: &SecretValues) -> Request {
    let job_id = occasion.job_id.to_string();
    let execution_id = occasion.execution_id.to_string();
    let scheduled_time = format_rfc3339(occasion.scheduled_time);
    let mut headers: Vec<(String, String)> = Vec::with_capacity(12);
    let mut put = |name: &str, value: String| match headers
        .iter_mut()
        .find(|(have, _)| have.eq_ignore_ascii_case(name))
    {
        Some(slot) => *slot = (name.to_owned(), value),
        None => headers.push((name.to_owned(), value)),
    };
    if let Some(body) = &webhook.body {
        let kind = if body.is_json() { "application/json" } else { "text/plain; charset=utf-8" };
        put("Content-Type", kind.into());
    }
    put("X-Chronos-Job-ID", job_id.clone());
    put("X-Chronos-Execution-ID", execution_id.clone());
    put("X-Chronos-Attempt", occasion.attempt.to_string());
    put("X-Chronos-Scheduled-Time", scheduled_time.clone());
    put("X-Chronos-Trigger", occasion.trigger.as_str().into());
    put("traceparent", traceparent(occasion.execution_id, occasion.attempt));
    // Where it is signed, others are refused when they are written. None goes out beside those of the signature.
    let may_set = |name: &str| webhook.signing.is_none() || !is_signature_header(name);
    if let Some(auth) = webhook.auth.as_ref().filter(|auth| may_set(auth.header_name())) {
        let (name, value) = auth.header_with(secrets);
        put(name, value);
    }
    for (name, value) in webhook.headers.iter().filter(|&(name, _)| may_set(name)) {
        put(name, secrets.fill_plain(value).into_owned());
    }
    if webhook.signing.is_some() {
        put(ID_HEADER, execution_id.clone());
    }
    put("User-Agent", USER_AGENT.into());
    let body = webhook.body.as_ref().map(|template| {
        let values = TemplateValues {
            job_id: &job_id,
            job_name: occasion.job_name.as_str(),
            execution_id: &execution_id,
            scheduled_time: &scheduled_time,
            attempt: occasion.attempt,
        };
        template.render(&values, secrets)
    });
    Request { method: webhook.method(), url: webhook.url.filled(secrets).into_owned(), headers, body }
}

/// The headers of a request that is shown, with the credentials redacted. What only names a secret is none.
#[must_use]
pub fn shown_headers(webhook: &Webhook, request: &Request) -> Vec<(String, String)> {
    let auth = webhook.auth.as_ref().map(Auth::header);
    let secret = |name: &str| {
        is_credential_header(name) || auth.as_ref().is_some_and(|(n, _)| n.eq_ignore_ascii_case(name))
    };
    let show = |(name, value): &(String, String)| {
        let is_shown = !secret(name) || is_secret_reference(value);
        (name.clone(), if is_shown { value.clone() } else { REDACTED.to_owned() })
    };
    request.headers.iter().map(show).collect()
}

/// The W3C trace context: the execution is the trace, and each attempt is a span. It is always sampled.
fn traceparent(execution: ExecutionId, attempt: u32) -> String {
    let digest =
        Sha256::new().chain_update(execution.as_bytes()).chain_update(attempt.to_be_bytes()).finalize();
    let mut span = [0; 8];
    span.copy_from_slice(&digest[..8]);
    format!("00-{:032x}-{:016x}-01", u128::from_be_bytes(*execution.as_bytes()), u64::from_be_bytes(span))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Headers, TargetUrl, Template};

    fn webhook(headers: &[(&str, &str)], body: Option<&str>, auth: Option<Auth>) -> Webhook {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Webhook {
            url: TargetUrl::parse("http://h/x").expect("url"),
            method: None,
            headers: Headers::parse(headers).expect("headers"),
            body: body.map(|b| Template::parse(b).expect("body")),
            auth,
            signing: None,
            client_certificate: None,
            success_codes: None,
            timeout: None,
            tls_skip_verify: false,
            max_redirects: 0,
            sealed: None,
        }
    }

    fn request(webhook: &Webhook) -> Request {
        let job_id = JobId::new(0, [0; 10]);
        let name = JobName::parse("n").expect("name");
        let occasion = Occasion {
            job_id,
            job_name: &name,
            execution_id: ExecutionId::scheduled(job_id, 5000),
            scheduled_time: 5000,
            trigger: Trigger::Schedule,
            attempt: 2,
        };
        build(webhook, &occasion)
    }

    fn header<'a>(request: &'a Request, name: &str) -> Vec<&'a str> {
        let same = |(n, v): &'a (String, String)| n.eq_ignore_ascii_case(name).then_some(v.as_str());
        request.headers.iter().filter_map(same).collect()
    }

    #[test]
    fn custom_beats_auth_beats_automatic_and_nothing_is_sent_twice() {
        let auth = Auth::Bearer { token: "t".into() };
        let plain = request(&webhook(&[], Some("{}"), Some(auth.clone())));
        assert_eq!(header(&plain, "authorization"), ["Bearer t"]);
        assert_eq!(header(&plain, "content-type"), ["application/json"]);
        assert_eq!(header(&plain, "x-chronos-scheduled-time"), ["1970-01-01T00:00:05.000Z"]);
        assert_eq!((plain.method, header(&plain, "x-chronos-attempt")), (Method::Post, vec!["2"]));
        let custom = [
            ("authorization", "Mine"),
            ("content-TYPE", "text/x"),
            ("user-agent", "me"),
            ("X-Chronos-Attempt", "9"),
        ];
        let custom = request(&webhook(&custom, Some("{}"), Some(auth)));
        assert_eq!(header(&custom, "Authorization"), ["Mine"]);
        assert_eq!(header(&custom, "Content-Type"), ["text/x"]);
        assert_eq!(header(&custom, "User-Agent"), ["Chronos/1.0"]);
        assert_eq!(header(&custom, "X-Chronos-Attempt"), ["9"]);
    }

    #[test]
    fn shown_headers_hide_what_auth_sends_in_a_header_of_any_name() {
        let auth = Auth::ApiKey { api_key: "hunter2".into(), header: Some("X-Plain".into()) };
        let webhook = webhook(&[("Cookie", "hunter2"), ("X-A", "b")], None, Some(auth));
        let shown = shown_headers(&webhook, &request(&webhook));
        assert!(!format!("{shown:?}").contains("hunter2"));
        assert!(shown.contains(&("X-A".into(), "b".into())));
    }

    #[test]
    fn a_signed_request_has_the_id_of_its_message_and_nobody_else_sets_it() {
        let own = [("Webhook-Id", "mine"), ("webhook-signature", "mine"), ("X-Mine", "mine")];
        let auth = Auth::ApiKey { api_key: "k".into(), header: Some("webhook-key".into()) };
        let plain = webhook(&own, None, Some(auth));
        assert!(plain.signature_conflicts().is_empty());
        assert_eq!(header(&request(&plain), "webhook-id"), ["mine"]);

        let signing = crate::Signing { secret: "{{secret.a}}".into(), previous: None };
        let signed = Webhook { signing: Some(signing), ..plain };
        let conflicts = ["headers.Webhook-Id", "headers.webhook-signature", "auth.header"];
        assert_eq!(signed.signature_conflicts(), conflicts);
        let sent = request(&signed);
        let id = header(&sent, "X-Chronos-Execution-ID");
        assert_eq!(header(&sent, "webhook-id"), id);
        for none in ["webhook-signature", "webhook-key"] {
            assert!(header(&sent, none).is_empty(), "{none}");
        }
        assert_eq!(header(&sent, "X-Mine"), ["mine"]);
        assert_eq!(signed.secret_fields(), [("signing.secret".to_owned(), "a")]);
    }
}
