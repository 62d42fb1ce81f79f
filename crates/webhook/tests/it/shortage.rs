//! What this machine lacks is told apart from what the target does

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use chronos_env::{BoxFuture, Env, Listener, Net, Socket};
use chronos_types::ErrorKind;
use rustix::io::Errno;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::support::*;

/// A network where connecting fails so, or names are not found so. With 0 all is well.
#[derive(Debug, Default)]
struct Short {
    connect: AtomicI32,
    lookup: AtomicI32,
}

fn failure(code: &AtomicI32) -> io::Result<()> {
    match code.load(Ordering::Relaxed) {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

impl Net for Short {
    fn lookup<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            failure(&self.lookup)?;
            Ok(vec![SocketAddr::from(([127, 0, 0, 1], 9)), SocketAddr::from(([127, 0, 0, 2], 9))])
        })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Socket>> {
        Box::pin(async move {
            failure(&self.connect)?;
            Ok(Box::new(TcpStream::connect(address).await?) as Socket)
        })
    }

    fn listen<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        unreachable!("nobody listens")
    }
}

#[tokio::test]
async fn a_shortage_of_ours_is_no_failure_of_the_target() {
    let net = Arc::new(Short::default());
    let caller = Caller::new(8, Env::real().with_net(Arc::clone(&net) as _));
    let ours = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS, Errno::AGAIN];
    for errno in ours {
        net.connect.store(errno.raw_os_error(), Ordering::Relaxed);
        for url in ["http://127.0.0.1:9/", "https://127.0.0.1:9/"] {
            let outcome = caller.call(url).await;
            let lacked = outcome.shortage.unwrap_or_else(|| panic!("{errno:?} {url}: {:?}", outcome.failure));
            assert!(lacked.contains(&format!("os error {}", errno.raw_os_error())), "{lacked}");
        }
    }
    let theirs = [
        Errno::CONNREFUSED,
        Errno::CONNRESET,
        Errno::TIMEDOUT,
        Errno::HOSTUNREACH,
        Errno::NETUNREACH,
        Errno::ACCESS,
        Errno::PERM,
    ];
    for errno in theirs {
        net.connect.store(errno.raw_os_error(), Ordering::Relaxed);
        let outcome = caller.call("http://127.0.0.1:9/").await;
        assert_eq!(outcome.shortage, None, "{errno:?}");
        assert_eq!(outcome.failure.unwrap().0, ErrorKind::Connect, "{errno:?}");
    }
}

#[tokio::test]
async fn a_name_that_could_not_be_asked_for_is_ours_and_one_that_is_not_known_is_not() {
    let net = Arc::new(Short::default());
    let caller = Caller::new(8, Env::real().with_net(Arc::clone(&net) as _));
    net.lookup.store(Errno::MFILE.raw_os_error(), Ordering::Relaxed);
    let outcome = caller.call("http://some.where/").await;
    assert!(outcome.shortage.is_some(), "{outcome:?}");
    net.lookup.store(Errno::NOENT.raw_os_error(), Ordering::Relaxed);
    let outcome = caller.call("http://some.where/").await;
    assert_eq!((outcome.shortage, outcome.failure.unwrap().0), (None, ErrorKind::Dns));
    // The addresses of a name, all of which could not be connected to for want of a descriptor.
    net.lookup.store(0, Ordering::Relaxed);
    net.connect.store(Errno::MFILE.raw_os_error(), Ordering::Relaxed);
    let outcome = caller.call("http://some.where/").await;
    assert!(outcome.shortage.is_some(), "{outcome:?}");
}

#[tokio::test]
async fn idle_connections_are_given_up_first() {
    let net = Arc::new(Short::default());
    let caller = Caller::new(8, Env::real().with_net(Arc::clone(&net) as _));
    let target = Target::start().await;
    let url = target.url();
    let served = async {
        let mut stream = target.accept().await;
        answer(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        stream
    };
    let (outcome, mut stream) = tokio::join!(caller.call(&url), served);
    assert_eq!(outcome.failure, None);
    assert_eq!(caller.metric("idle_connections"), 1);
    net.connect.store(Errno::MFILE.raw_os_error(), Ordering::Relaxed);
    assert!(caller.call("http://127.0.0.1:9/").await.shortage.is_some());
    assert_eq!(soon("the connection's end", stream.read(&mut [0])).await.unwrap(), 0);
    assert_eq!(caller.metric("idle_connections"), 0);
}
