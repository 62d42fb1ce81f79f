//! Requests that are not sent, because whoever called says at the last moment that they must not be

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use chronos_env::{BoxFuture, Env, Listener, Net, Socket};
use chronos_types::Webhook;
use chronos_webhook::Withheld;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::*;

/// Says yes so many times, and counts how often it was asked.
struct Yes(usize, AtomicUsize);

impl Yes {
    fn times(times: usize) -> Self {
        Self(times, AtomicUsize::new(0))
    }

    fn ask(&self) -> bool {
        self.1.fetch_add(1, Ordering::SeqCst) < self.0
    }

    fn asked(&self) -> usize {
        self.1.load(Ordering::SeqCst)
    }
}

/// Nothing comes on a connection but its end.
async fn ends_without_a_byte(stream: &mut TcpStream) {
    let mut came = Vec::new();
    soon("the connection's end", stream.read_to_end(&mut came)).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&came), "");
}

#[tokio::test]
async fn a_request_that_may_not_be_sent_is_not() {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let (fired, yes) = (posting(&target.url(), "{}"), Yes::times(0));
    let served = async { ends_without_a_byte(&mut target.accept().await).await };
    let may_send = || yes.ask();
    let (outcome, ()) = tokio::join!(caller.fire_where(&fired, &may_send), served);
    assert_eq!(outcome, Err(Withheld { has_sent: false }));
    assert_eq!(yes.asked(), 1);
}

#[tokio::test]
async fn what_counts_is_what_is_said_once_the_connection_is_there() {
    /// Forbids the request while its connection is being made.
    #[derive(Debug)]
    struct Late(Env, Arc<AtomicBool>);
    impl Net for Late {
        fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Socket>> {
            Box::pin(async move {
                let (socket, _) = self.0.connect(&[address]).await?;
                self.1.store(false, Ordering::SeqCst);
                Ok(socket)
            })
        }

        fn listen<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
            Box::pin(self.0.listen(address))
        }
    }
    let allowed = Arc::new(AtomicBool::new(true));
    let net = Late(Env::real(), allowed.clone());
    let (caller, target) = (Caller::new(8, Env::real().with_net(Arc::new(net))), Target::start().await);
    let fired = webhook(&target.url());
    let served = async { ends_without_a_byte(&mut target.accept().await).await };
    let may_send = || allowed.load(Ordering::SeqCst);
    let (outcome, ()) = tokio::join!(caller.fire_where(&fired, &may_send), served);
    assert_eq!(outcome, Err(Withheld { has_sent: false }));
}

#[tokio::test]
async fn a_redirect_is_followed_only_if_it_may_be() {
    let (caller, target, other) = (Caller::new(8, Env::real()), Target::start().await, Target::start().await);
    let fired = Webhook { max_redirects: 3, ..posting(&target.url(), "{}") };
    let moved = format!("HTTP/1.1 307 Moved\r\nContent-Length: 0\r\nLocation: {}\r\n\r\n", other.url());
    let yes = Yes::times(1);
    let may_send = || yes.ask();
    let served = async {
        target.answer_once(moved.as_bytes()).await;
        ends_without_a_byte(&mut other.accept().await).await;
    };
    let (outcome, ()) = tokio::join!(caller.fire_where(&fired, &may_send), served);
    assert_eq!(outcome, Err(Withheld { has_sent: true }));
    assert_eq!(yes.asked(), 2);
}

#[tokio::test]
async fn what_met_the_end_of_a_kept_connection_is_sent_once_more_only_if_it_may_be() {
    let (caller, target) = (Caller::new(8, Env::real()), Target::start().await);
    let fired = webhook(&target.url());
    let yes = Yes::times(2);
    let may_send = || yes.ask();
    let served = async {
        let mut stream = target.accept().await;
        answer(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        stream
    };
    let (outcome, mut kept) = tokio::join!(caller.fire_where(&fired, &may_send), served);
    assert_eq!(outcome.unwrap().failure, None);
    let served = async {
        read_head(&mut kept).await;
        kept.shutdown().await.unwrap();
        ends_without_a_byte(&mut target.accept().await).await;
    };
    let (outcome, ()) = tokio::join!(caller.fire_where(&fired, &may_send), served);
    assert_eq!(outcome, Err(Withheld { has_sent: true }));
    assert_eq!(yes.asked(), 3);
}
