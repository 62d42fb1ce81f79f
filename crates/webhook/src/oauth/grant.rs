//! What a token is asked for with, as a request.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chronos_types::request::{Request, USER_AGENT};
use chronos_types::{ClientAuthMethod, ClientCredentials, FilledCredentials, Method, SecretValues};
use ring::digest;
use url::form_urlencoded;

/// What tells one grant from another: a digest of all that is sent. So no secret is a key of a map.
pub(crate) type GrantKey = [u8; 32];

/// One grant. `Debug` shows where the token endpoint is and nothing else.
pub(crate) struct Grant {
    pub(crate) key: GrantKey,
    /// The token endpoint, as it is shown.
    endpoint: String,
    /// As it is sent. It may have the secret in another form than it was given in.
    request: Request,
    client_secret: String,
}

impl Grant {
    /// Makes the request for a token.
    ///
    /// # Errors
    /// A secret may not go to the token endpoint.
    pub(crate) fn new(credentials: &ClientCredentials, secrets: &SecretValues) -> Result<Self, String> {
        let host = credentials.token_url.host();
        for (_, name) in credentials.secret_fields() {
            secrets.may_go(name, host)?;
        }
        let FilledCredentials { token_url, client_id, client_secret, scope, parameters, method } =
            credentials.filled(secrets);
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some(scope) = &scope {
            form.append_pair("scope", scope);
        }
        for (name, value) in &parameters {
            form.append_pair(name, value);
        }
        let mut headers = vec![
            ("Accept".to_owned(), "application/json".to_owned()),
            ("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
        ];
        match method {
            ClientAuthMethod::Post => {
                form.append_pair("client_id", &client_id).append_pair("client_secret", &client_secret);
            }
            ClientAuthMethod::Basic => {
                // RFC 6749, section 2.3.1: each is encoded as in a form.
                let pair = format!("{}:{}", encoded(&client_id), encoded(&client_secret));
                headers.push(("Authorization".to_owned(), format!("Basic {}", STANDARD.encode(pair))));
            }
        }
        headers.push(("User-Agent".to_owned(), USER_AGENT.to_owned()));
        let request = Request { method: Method::Post, url: token_url, headers, body: Some(form.finish()) };
        let endpoint = credentials.token_url.shown().into_owned();
        Ok(Self { key: key(&request), endpoint, request, client_secret })
    }

    /// The request that asks for the token.
    pub(crate) fn request(&self) -> Request {
        self.request.clone()
    }

    /// The forms in which its secret may come back.
    pub(crate) fn secrets(&self) -> [String; 2] {
        [self.client_secret.clone(), encoded(&self.client_secret)]
    }

    /// The token endpoint, for a sentence.
    pub(crate) fn endpoint(&self) -> String {
        format!("the token endpoint {}", chronos_types::clip(&self.endpoint))
    }
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Each part with its length before it, so that none can be taken for another.
fn key(request: &Request) -> GrantKey {
    let mut all = digest::Context::new(&digest::SHA256);
    let mut add = |part: &str| {
        all.update(&part.len().to_be_bytes());
        all.update(part.as_bytes());
    };
    add(&request.url);
    add(request.body.as_deref().unwrap_or_default());
    for (name, value) in &request.headers {
        add(name);
        add(value);
    }
    let mut key = GrantKey::default();
    key.copy_from_slice(all.finish().as_ref());
    key
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use chronos_types::{SecretHosts, SecretName, TargetUrl};

    use super::*;

    fn credentials() -> ClientCredentials {
        ClientCredentials {
            token_url: TargetUrl::parse("https://login.example/token?api_key=k").expect("a URL"),
            client_id: "me:you".into(),
            client_secret: "{{secret.a}}".into(),
            scope: Some("read write".into()),
            parameters: vec![("audience".into(), "https://api.example".into())],
            client_auth_method: None,
        }
    }

    fn secrets(value: &str, host: &str) -> SecretValues {
        let mut secrets = SecretValues::default();
        let hosts = SecretHosts::unchecked(vec![host.to_owned()]);
        secrets.insert(&SecretName::unchecked("a"), value.to_owned(), hosts);
        secrets
    }

    fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
        request.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn a_client_says_who_it_is_in_a_header_or_in_the_body() {
        let secrets = secrets("s3 cret+%", "*");
        let basic = Grant::new(&credentials(), &secrets).expect("a grant").request();
        let form = "grant_type=client_credentials&scope=read+write&audience=https%3A%2F%2Fapi.example";
        assert_eq!(basic.body.as_deref(), Some(form));
        assert_eq!(
            (basic.method, basic.url.as_str()),
            (Method::Post, "https://login.example/token?api_key=k")
        );
        let pair = format!("Basic {}", STANDARD.encode("me%3Ayou:s3+cret%2B%25"));
        assert_eq!(header(&basic, "Authorization"), Some(pair.as_str()));
        assert_eq!(header(&basic, "Content-Type"), Some("application/x-www-form-urlencoded"));

        let post = ClientCredentials { client_auth_method: Some(ClientAuthMethod::Post), ..credentials() };
        let post = Grant::new(&post, &secrets).expect("a grant").request();
        let form = format!("{form}&client_id=me%3Ayou&client_secret=s3+cret%2B%25");
        assert_eq!((post.body.as_deref(), header(&post, "Authorization")), (Some(form.as_str()), None));
    }

    #[test]
    fn a_grant_is_told_from_another_by_all_that_is_sent() {
        let key = |credentials: &ClientCredentials, value: &str| {
            Grant::new(credentials, &secrets(value, "*")).expect("a grant").key
        };
        let same = key(&credentials(), "x");
        assert_eq!(key(&credentials(), "x"), same);
        assert_ne!(key(&credentials(), "y"), same);
        for other in [
            ClientCredentials { client_id: "you".into(), ..credentials() },
            ClientCredentials { scope: None, ..credentials() },
            ClientCredentials { parameters: Vec::new(), ..credentials() },
            ClientCredentials { client_auth_method: Some(ClientAuthMethod::Post), ..credentials() },
            ClientCredentials {
                token_url: TargetUrl::parse("https://login.example/token").expect("a URL"),
                ..credentials()
            },
        ] {
            assert_ne!(key(&other, "x"), same, "{other:?}");
        }
    }

    #[test]
    fn no_secret_goes_to_a_token_endpoint_that_it_may_not_go_to() {
        let why = Grant::new(&credentials(), &secrets("x", "api.example")).expect_err("refused");
        assert!(why.contains("login.example") && why.contains("api.example"), "{why}");
        let grant =
            Grant::new(&credentials(), &secrets("hunter2-hunter2", "login.example")).expect("a grant");
        let shown = format!("{grant:?} {}", grant.endpoint());
        assert!(shown.contains("token?api_key=[redacted]") && !shown.contains("hunter2"), "{shown}");
    }
}
