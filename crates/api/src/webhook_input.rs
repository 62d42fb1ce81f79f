//! Reads a webhook from JSON.

use chronos_types::{
    self as domain, Auth, ClientAuthMethod, ClientCredentials, HeaderError, Headers, Invalid, MAX_BODY_BYTES,
    MAX_REDIRECTS, Method, SuccessCodes, TargetUrl, Template, clip,
};
use serde_json::Value;

use crate::fields::{Fields, names_of, quoted, whole};
use crate::{ClientCertificate, PreviousSecret, Signing, Webhook};

const FIELDS: &[&str] = names_of!(Webhook {
    url,
    method,
    headers,
    body,
    auth,
    signing,
    client_certificate,
    success_codes,
    timeout,
    tls_skip_verify,
    max_redirects
});
const URL: &str = "an http or https URL such as \"https://api.example.com/run\"";

/// Why a header of the user's own is refused.
const SIGNED: &str = "begins with \"webhook-\", and where requests are signed those headers are set by the \
     signature; expected another header, or no \"signing\"";

/// Reads a webhook at `path`.
pub(crate) fn parse(value: &Value, path: &str, invalid: &mut Invalid) -> Option<domain::Webhook> {
    let fields = Fields::open(value, path, invalid)?;
    fields.only(FIELDS, &[], invalid);
    fields.require("url", URL, invalid);
    let url = fields.parsed("url", TargetUrl::parse, invalid);
    let method = fields.parsed("method", Method::parse, invalid);
    let headers = headers(&fields, invalid);
    let body = body(&fields, invalid);
    let auth = fields.get("auth").and_then(|value| auth(value, &fields.at("auth"), invalid));
    let signing = fields.get("signing").and_then(|value| signing(value, &fields.at("signing"), invalid));
    let client_certificate = fields
        .get("client_certificate")
        .and_then(|value| client_certificate(value, &fields.at("client_certificate"), invalid));
    let success_codes = success_codes(&fields, invalid);
    let timeout = fields.timeout("timeout", invalid);
    let tls_skip_verify = fields.boolean("tls_skip_verify", invalid).unwrap_or(false);
    let max_redirects = fields.whole("max_redirects", 0, MAX_REDIRECTS.into(), invalid).unwrap_or(0);
    let webhook = domain::Webhook {
        url: url?,
        method,
        headers,
        body,
        auth,
        signing,
        client_certificate,
        success_codes,
        timeout,
        tls_skip_verify,
        max_redirects: u8::try_from(max_redirects).unwrap_or(MAX_REDIRECTS),
        sealed: None,
    };
    for field in webhook.signature_conflicts() {
        invalid.add(fields.at(&field), SIGNED);
    }
    if webhook.client_certificate.is_some() && !webhook.url.as_str().starts_with("https:") {
        let say = "is shown within TLS alone, and the URL is http; expected an https URL";
        invalid.add(fields.at("client_certificate"), say);
    }
    Some(webhook)
}

/// Reads headers at `headers`.
pub(crate) fn headers(fields: &Fields<'_>, invalid: &mut Invalid) -> Headers {
    let Some(pairs) = fields.text_map("headers", invalid) else { return Headers::default() };
    Headers::parse(pairs).unwrap_or_else(|errors| {
        let path = fields.at("headers");
        for (name, error) in errors {
            match error {
                HeaderError::TooMany(_) => invalid.add(path.as_str(), error),
                _ => invalid.add(format!("{path}.{}", clip(&name)), error),
            }
        }
        Headers::default()
    })
}

/// Reads a body at `body`.
pub(crate) fn body(fields: &Fields<'_>, invalid: &mut Invalid) -> Option<Template> {
    let text = match fields.get("body")? {
        Value::String(text) => text,
        Value::Object(_) | Value::Array(_) => {
            invalid.add(fields.at("body"), "is JSON itself; expected a string that holds the body's text");
            return None;
        }
        other => {
            invalid.add(fields.at("body"), quoted(other, "a string"));
            return None;
        }
    };
    if text.len() > MAX_BODY_BYTES {
        let message = format!("has {} bytes; expected at most {MAX_BODY_BYTES} (256 KiB)", text.len());
        invalid.add(fields.at("body"), message);
        return None;
    }
    invalid.check(&fields.at("body"), Template::parse(text))
}

fn auth(value: &Value, path: &str, invalid: &mut Invalid) -> Option<Auth> {
    const TYPES: &str = "one of bearer, basic, api_key, oauth2_client_credentials";
    const OF_CLIENTS: [&str; 7] =
        ["type", "token_url", "client_id", "client_secret", "scope", "parameters", "client_auth_method"];
    const OF_OTHERS: [&str; 5] = ["token", "username", "password", "api_key", "header"];
    let fields = Fields::open(value, path, invalid)?;
    fields.require("type", TYPES, invalid);
    let known: &[&str] = match fields.text("type", invalid)? {
        "bearer" => &["type", "token"],
        "basic" => &["type", "username", "password"],
        "api_key" => &["type", "api_key", "header"],
        "oauth2_client_credentials" => &OF_CLIENTS,
        other => {
            invalid
                .add(fields.at("type"), format!("{:?} is not a type of auth; expected {TYPES}", clip(other)));
            return None;
        }
    };
    // A null says that a field is not there, and none of another type is.
    let all = OF_CLIENTS.into_iter().chain(OF_OTHERS);
    let absent = all.filter(|name| fields.get(name).is_none()).collect::<Vec<_>>();
    fields.only(known, &absent, invalid);
    let mut secret = |name: &str| {
        fields.require(name, "a string", invalid);
        fields.secret(name, invalid).map(str::to_owned)
    };
    let auth = match known[1] {
        "token" => Auth::Bearer { token: secret("token")? },
        "username" => {
            let (username, password) = (secret("username"), secret("password"));
            Auth::Basic { username: username?, password: password? }
        }
        "token_url" => Auth::ClientCredentials(Box::new(client_credentials(&fields, invalid)?)),
        _ => {
            let api_key = secret("api_key");
            let header = fields.text("header", invalid).map(str::to_owned);
            Auth::ApiKey { api_key: api_key?, header }
        }
    };
    match auth.check() {
        Ok(()) => Some(auth),
        Err((name, message)) => {
            invalid.add(fields.at(&name), message);
            None
        }
    }
}

fn client_credentials(fields: &Fields<'_>, invalid: &mut Invalid) -> Option<ClientCredentials> {
    fields.require("token_url", URL, invalid);
    let token_url = fields.parsed("token_url", TargetUrl::parse, invalid);
    let mut secret = |name: &str| {
        fields.require(name, "a string", invalid);
        fields.secret(name, invalid).map(str::to_owned)
    };
    let (client_id, client_secret) = (secret("client_id"), secret("client_secret"));
    let scope = fields.text("scope", invalid).map(str::to_owned);
    let parameters = fields.text_map("parameters", invalid).unwrap_or_default();
    let client_auth_method = fields.parsed("client_auth_method", ClientAuthMethod::parse, invalid);
    Some(ClientCredentials {
        token_url: token_url?,
        client_id: client_id?,
        client_secret: client_secret?,
        scope,
        parameters,
        client_auth_method,
    })
}

fn signing(value: &Value, path: &str, invalid: &mut Invalid) -> Option<domain::Signing> {
    const SECRET: &str = "a string such as \"{{secret.NAME}}\", or \"whsec_\" and the key in base64";
    let fields = Fields::open(value, path, invalid)?;
    fields.only(names_of!(Signing { secret, previous }), &[], invalid);
    fields.require("secret", SECRET, invalid);
    let secret = fields.secret("secret", invalid).map(str::to_owned);
    let previous = match fields.get("previous") {
        None => None,
        Some(value) => {
            let fields = Fields::open(value, &fields.at("previous"), invalid)?;
            fields.only(names_of!(PreviousSecret { secret, expires_at }), &[], invalid);
            fields.require("secret", SECRET, invalid);
            fields.require("expires_at", "an RFC 3339 time such as \"2026-12-01T00:00:00Z\"", invalid);
            let secret = fields.secret("secret", invalid).map(str::to_owned);
            let expires_at = fields.instant("expires_at", invalid);
            Some(domain::PreviousSecret { secret: secret?, expires_at: expires_at? })
        }
    };
    let signing = domain::Signing { secret: secret?, previous };
    match signing.check() {
        Ok(()) => Some(signing),
        Err((name, message)) => {
            invalid.add(fields.at(name), message);
            None
        }
    }
}

fn client_certificate(value: &Value, path: &str, invalid: &mut Invalid) -> Option<domain::ClientCertificate> {
    let fields = Fields::open(value, path, invalid)?;
    fields.only(names_of!(ClientCertificate { cert, key }), &[], invalid);
    let mut secret = |name: &str| {
        fields.require(name, "{{secret.NAME}}, which holds PEM", invalid);
        fields.secret(name, invalid).map(str::to_owned)
    };
    let (cert, key) = (secret("cert"), secret("key"));
    let certificate = domain::ClientCertificate { cert: cert?, key: key? };
    match certificate.check() {
        Ok(()) => Some(certificate),
        Err((name, message)) => {
            invalid.add(fields.at(name), message);
            None
        }
    }
}

fn success_codes(fields: &Fields<'_>, invalid: &mut Invalid) -> Option<SuccessCodes> {
    const EXPECTED: &str = "a list of status codes such as [200, 201]";
    let path = fields.at("success_codes");
    let Value::Array(items) = fields.get("success_codes")? else {
        invalid.add(path, quoted(fields.get("success_codes")?, EXPECTED));
        return None;
    };
    let mut codes = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match whole(item).and_then(|code| u16::try_from(code).ok()) {
            Some(code) => codes.push(code),
            None => invalid.add(format!("{path}[{index}]"), quoted(item, "a status code from 200 to 599")),
        }
    }
    if codes.len() < items.len() {
        return None;
    }
    invalid.check(&path, SuccessCodes::parse(codes))
}
