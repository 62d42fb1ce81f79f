//! Secrets go where they may, and nothing of them comes back

use chronos_env::Env;
use chronos_types::{Auth, ErrorKind, SecretHosts, SecretName, SecretValues, Webhook};

use crate::support::*;

const SECRET: &str = "correct horse+battery";

/// The secret, which may go to these hosts.
fn secrets(hosts: &[&str]) -> SecretValues {
    let mut secrets = SecretValues::default();
    let hosts = SecretHosts::unchecked(hosts.iter().map(|host| (*host).to_owned()).collect());
    secrets.insert(&SecretName::parse("a").unwrap(), SECRET.to_owned(), hosts);
    secrets
}

/// A webhook that names it wherever it may be named.
fn naming(url: &str) -> Webhook {
    Webhook {
        headers: headers(&[("X-Mine", "is {{secret.a}}")]),
        auth: Some(Auth::Basic { username: "u".into(), password: "{{secret.a}}".into() }),
        max_redirects: 1,
        ..posting(&format!("{url}{{{{secret.a}}}}?k={{{{secret.a}}}}"), "{\"t\": \"{{secret.a}}\"}")
    }
}

fn answer(status: &str, fields: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[tokio::test]
async fn a_secret_is_sent_wherever_it_is_named() {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let fired = naming(&target.url());
    let (secrets, ok) = (secrets(&["127.0.0.1"]), answer("200 OK", "", ""));
    let (outcome, head) = tokio::join!(caller.fire_with(&fired, &secrets), target.answer_once(&ok));
    assert_eq!(outcome.failure, None);
    for text in [
        "POST /correct%20horse+battery?k=correct%20horse%2Bbattery HTTP/1.1\r\n",
        "\r\nX-Mine: is correct horse+battery\r\n",
        "\r\nAuthorization: Basic dTpjb3JyZWN0IGhvcnNlK2JhdHRlcnk=\r\n",
    ] {
        assert!(head.contains(text), "{text:?} in {head}");
    }
}

#[tokio::test]
async fn nothing_is_sent_to_a_host_that_a_secret_may_not_go_to() {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let outcome = caller.fire_with(&naming(&target.url()), &secrets(&["api.example.com"])).await;
    let (kind, why) = outcome.failure.expect("a failure");
    assert_eq!(kind, ErrorKind::Secret);
    assert!(why.contains("\"a\"") && why.contains("127.0.0.1") && why.contains("api.example.com"), "{why}");
    assert_eq!(outcome.response.status_code, 0);
}

#[tokio::test]
async fn no_redirect_takes_a_secret_elsewhere() {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let fired = naming(&target.url());
    for status in ["302 Found", "307 Temporary Redirect"] {
        let secrets = secrets(&["127.0.0.1"]);
        let moved = answer(status, "Location: http://evil.example/\r\n", "");
        let (outcome, _) = tokio::join!(caller.fire_with(&fired, &secrets), target.answer_once(&moved));
        let (kind, why) = outcome.failure.expect("a failure");
        assert_eq!(kind, ErrorKind::Secret);
        assert!(why.contains("redirects") && why.contains("evil.example"), "{why}");
    }
}

#[tokio::test]
async fn nothing_of_a_secret_comes_back() {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let fired = Webhook { max_redirects: 0, ..naming(&target.url()) };
    let body =
        format!("{}{SECRET} correct%20horse%2Bbattery dTpjb3JyZWN0IGhvcnNlK2JhdHRlcnk=", "x".repeat(950));
    for answer in [
        answer("200 OK", "", &body),
        answer("200 OK", "", &format!("{}{SECRET}", "x".repeat(1_015))),
        answer("302 Found", &format!("Location: /{}{SECRET}\r\n", "x".repeat(500)), &body),
        answer(SECRET, "", ""),
    ] {
        let secrets = secrets(&["*"]);
        let (outcome, _) = tokio::join!(caller.fire_with(&fired, &secrets), target.answer_once(&answer));
        let shown = format!("{outcome:?}");
        for part in ["correct", "horse", "b3JyZWN0"] {
            assert!(!shown.contains(part), "{shown}");
        }
    }
}

#[tokio::test]
async fn what_stands_in_the_webhook_itself_does_not_come_back_either() {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let fired = Webhook {
        headers: headers(&[("X-Api-Key", "tr0ub4dor&3"), ("X-Mine", "not a credential")]),
        auth: Some(Auth::Bearer { token: "swordfish-1234".into() }),
        ..posting(&target.url(), "{}")
    };
    let echo = answer("500 Oh", "", "swordfish-1234 tr0ub4dor%263 not a credential");
    let (outcome, _) = tokio::join!(caller.fire(&fired), target.answer_once(&echo));
    assert_eq!(outcome.response.body.as_deref(), Some("[redacted] [redacted] not a credential"));
}
