//! Odd responses: what curl takes is delivered once. All of them stand in `webhook/tests/http_oddities`; here are some of
//! each kind, through the whole server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::support::*;

/// A target that answers every request with the same bytes, and counts the requests. It closes behind its answer, with the
/// request's body unread.
struct Raw {
    url: String,
    requests: Arc<AtomicUsize>,
    _serving: JoinSet<()>,
}

impl Raw {
    async fn start(answer: Vec<u8>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let (counter, mut serving) = (Arc::clone(&requests), JoinSet::new());
        serving.spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                counter.fetch_add(1, Ordering::Relaxed);
                stream.write_all(&answer).await.unwrap();
            }
        });
        Self { url, requests, _serving: serving }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn what_curl_takes_is_delivered_once() {
    let server = CHRONOS.start().await;
    let extension = "x".repeat(28 * 1024);
    let fields: String = (0..1_000).map(|number| format!("X-{number}: a\r\n")).collect();
    for (number, (answer, body)) in [
        ("HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok".to_owned(), None),
        ("HTTP/1.1 200 OK\r\nX: \u{1}é\r\nContent-Length: 2\r\n\r\nok".to_owned(), None),
        ("HTTP/1.1 200 OK\r\nX (Y): a\r\nContent-Length: 2\r\n\r\nok".to_owned(), None),
        (format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\nok"), None),
        ("HTTP/1.1 200\nContent-Length: 2\n\nok".to_owned(), None),
        ("HTTP/1.1 200 OK\r\n\r\nok".to_owned(), None),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n".to_owned(), None),
        (
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;{extension}\r\nok\r\n0\r\n\r\n"),
            None,
        ),
        ("HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned(), None),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned(), Some("b".repeat(250 * 1024))),
    ]
    .into_iter()
    .enumerate()
    {
        let target = Raw::start(answer.clone().into_bytes()).await;
        let webhook = json!({"url": target.url, "body": body});
        let execution = server.call_webhook(&format!("odd-{number}"), webhook).await;
        let shown = answer.get(..80).unwrap_or(&answer);
        assert_eq!(execution["status"], "success", "{shown:?}: {execution:#}");
        assert_eq!((&execution["attempts"], target.requests()), (&json!(1), 1), "{shown:?}");
        assert_eq!(
            (&execution["response"]["status_code"], &execution["response"]["body"]),
            (&json!(200), &json!("ok"))
        );
    }
}

#[tokio::test]
async fn an_answer_that_came_before_the_body_was_read_is_the_answer() {
    let server = CHRONOS.start().await;
    let target = Raw::start(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno".to_vec()).await;
    let webhook = json!({"url": target.url, "body": "b".repeat(250 * 1024)});
    for run in 1..=20 {
        let execution = match run {
            1 => server.call_webhook("large", webhook.clone()).await,
            _ => server.run_again("large").await,
        };
        assert_eq!((&execution["status"], &execution["error_kind"]), (&json!("failed"), &json!("status")));
        assert_eq!((&execution["attempts"], target.requests()), (&json!(1), run), "{execution:#}");
        assert_eq!(execution["response"]["status_code"], 413);
    }
}

#[tokio::test]
async fn a_length_that_contradicts_itself_is_an_error_that_says_so() {
    let server = CHRONOS.start().await;
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nok...";
    let target = Raw::start(answer.into()).await;
    let execution = server.call_webhook("ambiguous", json!({"url": target.url})).await;
    assert_eq!((&execution["status"], &execution["error_kind"]), (&json!("failed"), &json!("body")));
    assert_eq!((&execution["attempts"], target.requests()), (&json!(3), 3), "{execution:#}");
    let error = execution["last_error"].as_str().unwrap();
    assert!(error.contains("Content-Length is both 2 and 5"), "{error}");
    assert_eq!(execution["response"]["status_code"], 200);
}
