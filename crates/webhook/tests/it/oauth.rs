//! Tokens by the client credentials grant: fetched at one target, and sent to another

use chronos_env::Env;
use chronos_types::{
    Auth, ClientCredentials, DurationMs, ErrorKind, SecretHosts, SecretName, SecretValues, TargetUrl, Webhook,
};
use chronos_webhook::{Egress, Mode, Outcome, Proxy, Resolve, TokenFault, Withheld};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::names::Names;
use crate::support::*;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const REFUSED: &[u8] = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
const SECRET: &str = "correct horse+battery";
const TOKEN: &str = "t0ken-0123456789";

/// A webhook that has a token fetched there.
fn fetching(url: &str, token_url: &str) -> Webhook {
    let credentials = ClientCredentials {
        token_url: TargetUrl::parse(token_url).unwrap(),
        client_id: "me".into(),
        client_secret: SECRET.into(),
        scope: None,
        parameters: vec![("audience".into(), "a&b".into())],
        client_auth_method: None,
    };
    let auth = Some(Auth::ClientCredentials(Box::new(credentials)));
    Webhook { auth, max_redirects: 1, ..webhook(url) }
}

fn reply(status: &str, fields: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// An answer with this token.
fn grant(token: &str) -> Vec<u8> {
    let body = format!("{{\"access_token\": \"{token}\", \"token_type\": \"Bearer\", \"expires_in\": 3600}}");
    reply("200 OK", "Content-Type: application/json\r\n", &body)
}

/// Answers one request for a token. Returns its head and its body.
async fn asked(endpoint: &Target, answer: &[u8]) -> (String, String) {
    asked_by(endpoint.accept().await, answer).await
}

async fn asked_by(mut stream: TcpStream, answer: &[u8]) -> (String, String) {
    let head = read_head(&mut stream).await;
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    let _ = stream.write_all(answer).await;
    let _ = stream.shutdown().await;
    (head, String::from_utf8(body).unwrap())
}

/// A client, a token endpoint, and the target that takes its tokens.
struct World {
    caller: Caller,
    endpoint: Target,
    target: Target,
}

impl World {
    async fn start() -> Self {
        let (endpoint, target) = (Target::start().await, Target::start().await);
        Self { caller: Caller::new(8, Env::real()), endpoint, target }
    }

    fn fetching(&self) -> Webhook {
        fetching(&self.target.url(), &format!("{}token?tenant=x", self.endpoint.url()))
    }

    /// Fires it. The endpoint answers so, and the target is not called.
    async fn without(&self, answer: &[u8]) -> Outcome {
        let fired = self.fetching();
        let (outcome, _) = tokio::join!(self.caller.fire(&fired), asked(&self.endpoint, answer));
        assert!(!self.target.has_caller());
        outcome
    }

    /// Fires it. The target answers so, and the endpoint is not asked. Returns what the target was sent.
    async fn kept(&self, answer: &[u8]) -> (Outcome, String) {
        let fired = self.fetching();
        let answered = tokio::join!(self.caller.fire(&fired), self.target.answer_once(answer));
        assert!(!self.endpoint.has_caller());
        answered
    }

    /// Fires it. A token is fetched, and the target answers so. Returns what it was sent.
    async fn fetched(&self, token: &str, answer: &[u8]) -> (Outcome, String) {
        let (fired, granted) = (self.fetching(), grant(token));
        let served = async {
            asked(&self.endpoint, &granted).await;
            self.target.answer_once(answer).await
        };
        tokio::join!(self.caller.fire(&fired), served)
    }
}

fn failed(outcome: &Outcome) -> (ErrorKind, &str) {
    let (kind, why) = outcome.failure.as_ref().unwrap();
    for part in ["correct", "battery", "Y29ycmVjd", TOKEN] {
        assert!(!format!("{outcome:?}").contains(part), "{outcome:?}");
    }
    (*kind, why)
}

#[tokio::test]
async fn a_token_is_fetched_once_and_sent_with_each_request() {
    let world = World::start().await;
    let (fired, granted) = (world.fetching(), grant(TOKEN));
    let served = async {
        let asked = asked(&world.endpoint, &granted).await;
        (asked, world.target.answer_once(OK).await)
    };
    let (outcome, ((head, body), sent)) = tokio::join!(world.caller.fire(&fired), served);
    assert_eq!(outcome.failure, None);
    assert!(head.starts_with("POST /token?tenant=x HTTP/1.1\r\n"), "{head}");
    // printf 'me:correct+horse%%2Bbattery' | base64
    for line in [
        "\r\nContent-Type: application/x-www-form-urlencoded\r\n",
        "\r\nAccept: application/json\r\n",
        "\r\nAuthorization: Basic bWU6Y29ycmVjdCtob3JzZSUyQmJhdHRlcnk=\r\n",
        "\r\nUser-Agent: Chronos/1.0\r\n",
    ] {
        assert!(head.contains(line), "{line:?} in {head}");
    }
    assert!(!head.contains("X-Chronos"), "{head}");
    assert_eq!(body, "grant_type=client_credentials&audience=a%26b");
    let line = format!("\r\nAuthorization: Bearer {TOKEN}\r\n");
    assert_eq!(sent.matches(&line).count(), 1, "{sent}");

    let (outcome, sent) = world.kept(OK).await;
    assert!(outcome.failure.is_none() && sent.contains(&line), "{sent}");
}

#[tokio::test]
async fn a_token_that_is_refused_is_fetched_anew_by_the_next_attempt() {
    let world = World::start().await;
    world.fetched(TOKEN, OK).await;
    let (outcome, _) = world.kept(REFUSED).await;
    assert_eq!(outcome.token, Some(TokenFault::Refused));
    assert_eq!(outcome.response.status_code, 401);
    let (kind, why) = failed(&outcome);
    assert!(kind == ErrorKind::Auth && why.contains("kept from before"), "{why}");

    let (outcome, sent) = world.fetched("another-token", REFUSED).await;
    assert!(sent.contains("\r\nAuthorization: Bearer another-token\r\n"), "{sent}");
    // That one was new: the target means it.
    assert_eq!(outcome.failure, Some((ErrorKind::Status, "401 Unauthorized".to_owned())));
    assert_eq!(outcome.token, None);
    let (outcome, _) = world.fetched("third-token", OK).await;
    assert_eq!(outcome.failure, None);
}

#[tokio::test]
async fn what_the_token_endpoint_answers_is_said_and_the_target_is_not_called() {
    let world = World::start().await;
    let echo = format!("{{\"error\": \"invalid_client\", \"error_description\": \"not {SECRET}\"}}");
    let long = format!("{{\"access_token\": \"{TOKEN}\", \"x\": \"{}\"}}", "x".repeat(64 * 1024));
    let moved = reply("307 Temporary Redirect", &format!("Location: {}\r\n", world.target.url()), "");
    for (answer, status, say) in [
        (reply("401 Unauthorized", "", &echo), 401, "401 Unauthorized, invalid_client (not [redacted])"),
        (reply("400 Bad Request", "", &echo), 400, "400 Bad Request, invalid_client"),
        (reply("500 Oh", "", "<html>"), 500, "500 Internal Server Error"),
        (moved, 307, "307 Temporary Redirect is a redirect to \"http://127.0.0.1:"),
        (reply("200 OK", "", "hello"), 200, "no JSON object"),
        (reply("200 OK", "", &echo), 200, "no access_token, but an error: invalid_client (not [redacted])"),
        (reply("200 OK", "", &long), 200, "more than 64 KiB"),
        (reply("204 No Content", "", ""), 204, "no JSON object"),
    ] {
        let outcome = world.without(&answer).await;
        assert_eq!(outcome.token, Some(TokenFault::Missing { kind: ErrorKind::Status, status }), "{say}");
        assert_eq!(outcome.response.status_code, 0, "no target has answered");
        let (kind, why) = failed(&outcome);
        let begin = format!("the token endpoint {}token?tenant=x gave no token: ", world.endpoint.url());
        assert!(kind == ErrorKind::Auth && why.starts_with(&begin) && why.contains(say), "{why}");
    }
    let busy = reply("503 Service Unavailable", "Retry-After: 7\r\n", "");
    let outcome = world.without(&busy).await;
    assert_eq!(outcome.retry_after.map(|wait| wait.as_secs()), Some(7));
    // None of them is kept.
    assert_eq!(world.fetched(TOKEN, OK).await.0.failure, None);
}

#[tokio::test]
async fn a_token_endpoint_that_gives_no_answer_fails_as_a_target_would() {
    let world = World::start().await;
    for (answer, fault) in [
        (&b""[..], ErrorKind::Reset),
        (&b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"[..], ErrorKind::Body),
        (&b"SSH-2.0-OpenSSH\r\n"[..], ErrorKind::Reset),
    ] {
        let outcome = world.without(answer).await;
        assert_eq!(failed(&outcome).0, ErrorKind::Auth);
        let Some(TokenFault::Missing { kind, .. }) = outcome.token else { panic!("{outcome:?}") };
        assert_eq!(kind, fault, "{outcome:?}");
    }
    // Nobody listens there any more.
    let World { caller, endpoint, target } = world;
    let fired = fetching(&target.url(), &endpoint.url());
    drop(endpoint);
    let outcome = caller.fire(&fired).await;
    assert_eq!(failed(&outcome).0, ErrorKind::Auth);
    assert_eq!(outcome.token, Some(TokenFault::Missing { kind: ErrorKind::Connect, status: 0 }));
}

#[tokio::test]
async fn the_time_of_the_attempt_covers_the_token() {
    let world = World::start().await;
    let timeout = Some(DurationMs::from_millis(50));
    let outcome = world.caller.fire(&Webhook { timeout, ..world.fetching() }).await;
    let (kind, why) = failed(&outcome);
    assert!(kind == ErrorKind::Auth && why.ends_with("gave no token: there was none within 50ms"), "{why}");
    assert_eq!(outcome.token, Some(TokenFault::Missing { kind: ErrorKind::Timeout, status: 0 }));
    assert!(!world.target.has_caller());
}

#[tokio::test]
async fn nothing_of_a_token_comes_back() {
    let world = World::start().await;
    let echo = reply("200 OK", "", &format!("{{\"authorization\": \"Bearer {TOKEN}\"}}"));
    let shown = "{\"authorization\": \"Bearer [redacted]\"}";
    for (outcome, _) in [world.fetched(TOKEN, &echo).await, world.kept(&echo).await] {
        assert_eq!(outcome.response.body.as_deref(), Some(shown));
    }
    let moved = reply("302 Found", &format!("Location: ftp://h/{TOKEN}\r\n"), "");
    failed(&world.kept(&moved).await.0);
}

#[tokio::test]
async fn no_token_goes_to_another_origin() {
    let (world, other) = (World::start().await, Target::start().await);
    let moved = reply("307 Temporary Redirect", &format!("Location: {}\r\n", other.url()), "");
    let (fired, granted) = (world.fetching(), grant(TOKEN));
    let served = async {
        asked(&world.endpoint, &granted).await;
        world.target.answer_once(&moved).await;
        other.answer_once(REFUSED).await
    };
    let (outcome, sent) = tokio::join!(world.caller.fire(&fired), served);
    assert!(!sent.contains("Authorization"), "{sent}");
    // It was not shown the token, so it has not refused it.
    assert_eq!(failed(&outcome).0, ErrorKind::Status);
    world.kept(OK).await;
}

#[tokio::test]
async fn a_header_of_the_users_own_takes_the_tokens_place() {
    let world = World::start().await;
    let fired = Webhook { headers: headers(&[("authorization", "Mine")]), ..world.fetching() };
    let (outcome, sent) = tokio::join!(world.caller.fire(&fired), world.target.answer_once(OK));
    assert!(outcome.failure.is_none() && sent.contains("\r\nauthorization: Mine\r\n"), "{sent}");
    assert!(!world.endpoint.has_caller());
}

#[tokio::test]
async fn no_token_is_asked_for_where_nothing_may_be_sent() {
    let world = World::start().await;
    let (fired, endpoint) = (world.fetching(), &world.endpoint);
    let closed = async {
        let mut came = Vec::new();
        soon("the connection's end", endpoint.accept().await.read_to_end(&mut came)).await.unwrap();
        came
    };
    let (made, came) = tokio::join!(world.caller.fire_where(&fired, &|| false), closed);
    assert_eq!(made, Err(Withheld { has_sent: false }));
    assert_eq!(came, b"");
}

#[tokio::test]
async fn a_secret_goes_to_the_token_endpoint_if_it_may_and_no_token_that_it_gives_elsewhere() {
    let target = Target::start().await;
    let names = Names::leading_to(&target);
    let caller = Caller::by(Egress::default(), names.env());
    for name in ["login.test", "api.test"] {
        names.name(name, &[&["8.8.8.8"]]);
    }
    let mut fired = fetching("http://api.test/", "http://login.test/token");
    if let Some(Auth::ClientCredentials(credentials)) = &mut fired.auth {
        credentials.client_secret = "{{secret.a}}".into();
    }
    let fire = async |hosts: &[&str]| {
        let hosts = SecretHosts::unchecked(hosts.iter().map(|host| (*host).to_owned()).collect());
        let mut secrets = SecretValues::default();
        secrets.insert(&SecretName::parse("a").unwrap(), SECRET.to_owned(), hosts);
        caller.fire_with(&fired, &secrets).await
    };
    for (hosts, missing) in [(["login.test"], "api.test"), (["api.test"], "login.test")] {
        let outcome = fire(&hosts).await;
        let (kind, why) = failed(&outcome);
        assert!(kind == ErrorKind::Secret && why.contains(&format!("may not go to {missing:?}")), "{why}");
    }
    let granted = grant(TOKEN);
    let served = async {
        let (head, _) = asked(&target, &granted).await;
        (head, target.answer_once(OK).await)
    };
    let (outcome, (head, sent)) = tokio::join!(fire(&["login.test", "api.test"]), served);
    assert_eq!(outcome.failure, None);
    assert!(head.contains("\r\nHost: login.test\r\n") && head.contains(" bWU6Y29y"), "{head}");
    assert!(sent.contains("\r\nHost: api.test\r\n") && sent.contains(TOKEN), "{sent}");
}

#[tokio::test]
async fn the_rules_of_egress_hold_for_the_token_endpoint() {
    let target = Target::start().await;
    let names = Names::leading_to(&target);
    let caller = Caller::by(Egress { mode: Mode::Public, ..Egress::default() }, names.env());
    names.name("login.test", &[&["169.254.169.254"]]);
    names.name("api.test", &[&["8.8.8.8"]]);
    let outcome = caller.fire(&fetching("http://api.test/", "http://login.test/token")).await;
    let (kind, why) = failed(&outcome);
    assert_eq!((kind, outcome.token), (ErrorKind::EgressDenied, None));
    assert!(why.starts_with("the token endpoint http://login.test/token gave no token: "), "{why}");
    assert!(why.contains("169.254.169.254") && why.contains("dispatcher.http.egress"), "{why}");
    assert_eq!(names.asked(), (vec!["login.test".to_owned()], Vec::new()));
}

#[tokio::test]
async fn the_token_endpoint_is_reached_through_the_proxy() {
    let proxy = Target::start().await;
    let names = Names::leading_to(&proxy);
    let through = Proxy::parse(&format!("http://{}", proxy.address), None, Resolve::Local).unwrap();
    let caller = Caller::through(through, &[], Egress::default(), names.env());
    names.name("login.test", &[&["8.8.8.8"]]);
    names.name("api.test", &[&["9.9.9.9"]]);
    let (fired, granted) = (posting_with_token(), grant(TOKEN));
    let served = async {
        let mut heads = Vec::new();
        for answer in [&granted[..], OK] {
            let mut stream = proxy.accept().await;
            heads.push(read_head(&mut stream).await);
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
            heads.push(asked_by(stream, answer).await.0);
        }
        heads
    };
    let (outcome, heads) = tokio::join!(caller.fire(&fired), served);
    assert_eq!(outcome.failure, None);
    assert!(heads[0].starts_with("CONNECT 8.8.8.8:80 HTTP/1.1\r\n"), "{}", heads[0]);
    assert!(heads[1].starts_with("POST /token HTTP/1.1\r\nHost: login.test\r\n"), "{}", heads[1]);
    assert!(heads[2].starts_with("CONNECT 9.9.9.9:80 HTTP/1.1\r\n"), "{}", heads[2]);
    assert!(heads[3].contains(&format!("\r\nAuthorization: Bearer {TOKEN}\r\n")), "{}", heads[3]);
}

/// One with a body, whose length it says.
fn posting_with_token() -> Webhook {
    let fetching = fetching("http://api.test/", "http://login.test/token");
    Webhook { auth: fetching.auth, ..posting("http://api.test/", "{}") }
}
