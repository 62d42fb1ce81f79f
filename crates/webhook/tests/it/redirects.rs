//! Redirects that are followed, by RFC 9110, section 15.4

use chronos_env::Env;
use chronos_types::{Auth, ErrorKind, SuccessCodes, Webhook};

use crate::support::*;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere";

fn moved(status: u16, location: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} Moved\r\nContent-Length: 5\r\nLocation: ");
    [head.as_bytes(), location, b"\r\n\r\nmoved"].concat()
}

/// A webhook that follows one redirect, with headers of the user's own.
fn following(target: &Target) -> Webhook {
    Webhook {
        headers: headers(&[
            ("Host", "inner.example"),
            ("X-Functions-Key", "k"),
            ("X-Mine", "m"),
            ("Accept", "a/b"),
        ]),
        auth: Some(Auth::Bearer { token: "t".into() }),
        max_redirects: 1,
        ..posting(&target.url(), "{}")
    }
}

#[tokio::test]
async fn to_the_same_origin_all_of_it_goes_again_by_the_same_connection() {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let fired = following(&target);
    let served = async {
        let mut stream = target.accept().await;
        let mut heads = Vec::new();
        for bytes in [moved(307, "/straße/ü".as_bytes()), OK.to_vec()] {
            heads.push(read_head(&mut stream).await);
            tokio::io::AsyncReadExt::read_exact(&mut stream, &mut [0; 2]).await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, &bytes).await.unwrap();
        }
        heads
    };
    let (outcome, heads) = tokio::join!(caller.fire(&fired), served);
    assert_eq!((outcome.failure, outcome.response.body.as_deref()), (None, Some("here")));
    assert!(heads[0].starts_with("POST / HTTP/1.1\r\nHost: inner.example\r\n"), "{}", heads[0]);
    assert_eq!(heads[1], heads[0].replacen("POST / ", "POST /stra%C3%9Fe/%C3%BC ", 1));
}

#[tokio::test]
async fn to_another_origin_nothing_of_the_users_own_goes_but_what_is_harmless() {
    let (caller, target, other) = (Caller::new(8, Env::real()), Target::start().await, Target::start().await);
    for status in [302, 307] {
        let fired = following(&target);
        let served = async {
            target.answer_once(&moved(status, other.url().as_bytes())).await;
            other.answer_once(OK).await
        };
        let (outcome, head) = tokio::join!(caller.fire(&fired), served);
        assert_eq!(outcome.failure, None);
        let host = format!("\r\nHost: {}\r\n", other.address);
        for (text, goes) in [
            (host.as_str(), true),
            ("inner.example", false),
            ("X-Functions-Key", false),
            ("X-Mine", false),
            ("Authorization", false),
            ("\r\nAccept: a/b\r\n", true),
            ("\r\nUser-Agent: Chronos/1.0\r\n", true),
            ("\r\nX-Chronos-Execution-ID: ", true),
            ("\r\nContent-Length: 2\r\n", status == 307),
            ("\r\nContent-Type: application/json\r\n", status == 307),
        ] {
            assert_eq!(head.contains(text), goes, "{status} {text:?} in {head}");
        }
    }
}

#[tokio::test]
async fn a_status_that_is_listed_is_the_answer_and_not_followed() {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let codes = Some(SuccessCodes::parse(vec![200, 302]).unwrap());
    let fired = Webhook { success_codes: codes, ..following(&target) };
    let listed = moved(302, b"/next");
    let (outcome, _) = tokio::join!(caller.fire(&fired), target.answer_once(&listed));
    assert_eq!((outcome.failure, outcome.response.status_code), (None, 302));
    assert_eq!(outcome.response.body.as_deref(), Some("moved"));
    // One that is not listed is followed.
    let served = async {
        target.answer_once(&moved(303, b"/next")).await;
        target.answer_once(OK).await
    };
    let (outcome, head) = tokio::join!(caller.fire(&fired), served);
    assert_eq!(outcome.failure, None);
    assert!(head.starts_with("GET /next HTTP/1.1\r\n"), "{head}");
}

#[tokio::test]
async fn a_redirect_that_cannot_be_followed_says_why() {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let check = async |bytes: &[u8], message: &str| {
        let fired = following(&target);
        let (outcome, _) = tokio::join!(caller.fire(&fired), target.answer_once(bytes));
        assert_eq!(outcome.failure, Some((ErrorKind::Status, message.to_owned())));
        assert_eq!(outcome.response.status_code, 302);
    };
    check(
        &moved(302, b"ftp://h.example/"),
        "302 Found is a redirect to \"ftp://h.example/\", which is not followed: expected an http or https URL",
    )
    .await;
    check(
        &moved(302, b"/a\r\nLocation: /b"),
        "302 Found is a redirect to \"/a\", which is not followed: it names two locations",
    )
    .await;
    check(&moved(302, b""), "302 Found").await;
    let served = async {
        target.answer_once(&moved(302, b"/1")).await;
        target.answer_once(&moved(302, b"/2")).await
    };
    let fired = following(&target);
    let (outcome, _) = tokio::join!(caller.fire(&fired), served);
    let message = "302 Found is a redirect to \"/2\", which is not followed (see max_redirects)";
    assert_eq!(outcome.failure, Some((ErrorKind::Status, message.to_owned())));
}

#[tokio::test]
async fn nobody_waits_for_the_body_of_a_redirect() {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let fired = following(&target);
    let served = async {
        let mut stream = target.accept().await;
        // Its body never comes.
        answer(&mut stream, b"HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 9\r\n\r\n").await;
        target.answer_once(OK).await;
        stream
    };
    let (outcome, _stream) = tokio::join!(caller.fire(&fired), served);
    assert_eq!(outcome.failure, None);
}
