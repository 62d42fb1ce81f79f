//! How much of a response is read, and how much of its text is kept

use chronos_env::Env;
use chronos_types::{ErrorKind, MAX_QUOTED_BYTES};
use tokio::io::AsyncWriteExt;

use crate::support::*;

/// Longer than any message: what it quotes, and words of our own.
const MAX_MESSAGE: usize = 2 * MAX_QUOTED_BYTES + 256;

#[tokio::test]
async fn a_body_without_end_is_read_up_to_16_mib_and_the_status_decides() {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    for (status, succeeds) in [("200 OK", true), ("500 Oh", false)] {
        let flood = async {
            let mut stream = target.accept().await;
            answer(&mut stream, format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).await;
            let (part, mut sent) = (vec![b'x'; 64 * 1024], 0);
            while stream.write_all(&part).await.is_ok() {
                sent += part.len();
            }
            sent
        };
        let url = target.url();
        let (outcome, sent) = soon("both ends", async { tokio::join!(caller.call(&url), flood) }).await;
        assert_eq!(outcome.failure.is_none(), succeeds, "{outcome:?}");
        assert_eq!(outcome.failure.map(|(kind, _)| kind), (!succeeds).then_some(ErrorKind::Status));
        assert!(outcome.response.truncated);
        assert_eq!(outcome.response.body.unwrap().len(), 1024);
        assert!(sent >= 16 << 20, "{sent}");
    }
}

#[tokio::test]
async fn a_long_location_is_quoted_in_part() {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let location = format!("http://127.0.0.1/{}", "a".repeat(60_000));
    let head = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
    let url = target.url();
    let served = async { answer(&mut target.accept().await, head.as_bytes()).await };
    let (outcome, ()) = tokio::join!(caller.call(&url), served);
    let (kind, message) = outcome.failure.unwrap();
    assert_eq!(kind, ErrorKind::Status);
    assert!(message.len() < MAX_MESSAGE, "{} bytes", message.len());
    assert!(message.contains("http://127.0.0.1/aaa") && message.contains('…'), "{message}");
    assert!(message.ends_with("which is not followed (see max_redirects)"), "{message}");
}

#[tokio::test]
async fn a_head_is_read_up_to_300_kib_and_the_status_decides() {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let url = target.url();
    let (long, many) = ("a".repeat(400_000), "X-Many: a\r\n".repeat(40_000));
    for fields in [format!("X-Long: {long}\r\n"), many] {
        for (status, succeeds) in [("200 OK", true), ("500 Oh", false)] {
            let head = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: 2\r\n\r\nok");
            let (outcome, _) = tokio::join!(caller.call(&url), target.answer_once(head.as_bytes()));
            assert_eq!(outcome.failure.is_none(), succeeds, "{outcome:?}");
            assert_eq!(outcome.failure.map(|(kind, _)| kind), (!succeeds).then_some(ErrorKind::Status));
            assert_eq!((outcome.response.body.as_deref(), outcome.response.truncated), (Some(""), true));
        }
    }
    let most = format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\nContent-Length: 2\r\n\r\nok", &long[..300_000]);
    let (outcome, _) = tokio::join!(caller.call(&url), target.answer_once(most.as_bytes()));
    assert_eq!((outcome.failure, outcome.response.body.as_deref()), (None, Some("ok")));
    assert!(!outcome.response.truncated);
}

#[tokio::test]
async fn what_comes_before_a_response_has_an_end() {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let url = target.url();
    for part in ["\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Hints\r\nLink: a\r\n\r\n"] {
        let flood = async {
            let mut stream = target.accept().await;
            read_head(&mut stream).await;
            let parts = part.repeat(1_000);
            while stream.write_all(parts.as_bytes()).await.is_ok() {}
        };
        let (outcome, ()) = soon("both ends", async { tokio::join!(caller.call(&url), flood) }).await;
        let (kind, message) = outcome.failure.unwrap();
        assert_eq!(
            (kind, message.as_str()),
            (ErrorKind::Reset, "no status of a response came within 300 KiB")
        );
        assert_eq!(outcome.response.status_code, 0);
    }
    // Nor is a status line waited for that never ends.
    let line = format!("HTTP/1.1 200 {}", "O".repeat(400_000));
    let (outcome, _) = tokio::join!(caller.call(&url), target.answer_once(line.as_bytes()));
    assert_eq!(outcome.failure.unwrap().0, ErrorKind::Reset);
}

#[tokio::test]
async fn a_long_name_that_cannot_be_resolved_is_quoted_in_part() {
    let caller = Caller::new(8, Env::real().with_net(std::sync::Arc::new(NoNames)));
    // As long as a name may be.
    let label = "a".repeat(61);
    let host = format!("{label}.{label}.{label}.{}.invalid", &label[..59]);
    assert_eq!(host.len(), 253);
    let outcome = caller.call(&format!("http://{host}/")).await;
    let (kind, message) = outcome.failure.unwrap();
    assert_eq!(kind, ErrorKind::Dns, "{message}");
    assert!(message.len() < MAX_MESSAGE, "{} bytes", message.len());
}

/// A network whose resolver says much.
#[derive(Debug)]
struct NoNames;

impl chronos_env::Net for NoNames {
    fn lookup<'a>(
        &'a self,
        address: &'a str,
    ) -> chronos_env::BoxFuture<'a, std::io::Result<Vec<std::net::SocketAddr>>> {
        Box::pin(async move { Err(std::io::Error::other(format!("no such name: {}", address.repeat(8)))) })
    }

    fn connect(
        &self,
        _: std::net::SocketAddr,
    ) -> chronos_env::BoxFuture<'_, std::io::Result<chronos_env::Socket>> {
        unreachable!("there are no names")
    }

    fn listen<'a>(
        &'a self,
        _: &'a str,
    ) -> chronos_env::BoxFuture<'a, std::io::Result<Box<dyn chronos_env::Listener>>> {
        unreachable!("nobody listens")
    }
}
