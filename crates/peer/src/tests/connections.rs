//! How connections are made, kept and closed.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::*;

fn named(net: &Arc<Named>) -> HttpTransport {
    let env = Env::real().with_net(net.clone());
    HttpTransport::new(None, caller("a", Some("c1")), env)
}

/// Calls until it is answered.
async fn until_answered(transport: &HttpTransport, to: &str) -> String {
    let again = async {
        loop {
            if let Ok(answer) = call(transport, to, "who", "").await {
                return text(Ok(answer));
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, again).await.expect("an answer in time")
}

#[tokio::test]
async fn a_connection_is_kept_for_each_lane_and_more_where_calls_overlap() {
    let node = Node::start("b", Some("c1")).await;
    let net = Named::new();
    let a = named(&net);
    for _ in 0..10 {
        call(&a, &node.address, "echo", "x").await.expect("an answer");
    }
    assert_eq!(net.connections(), 1);
    let control = a.call(&node.address, Lane::Control, "echo", Bytes::new(), LONG).await;
    control.expect("an answer");
    assert_eq!(net.connections(), 2);
    let hanging = call(&a, &node.address, "hang", "");
    let beside = async {
        node.service.began.acquire().await.expect("open").forget();
        for _ in 0..10 {
            call(&a, &node.address, "echo", "x").await.expect("an answer");
        }
    };
    tokio::select! {
        _ = hanging => panic!("it hangs"),
        () = beside => {}
    }
    assert_eq!(net.connections(), 3);
}

#[tokio::test]
async fn a_node_does_not_open_more_connections_than_it_may() {
    let node = Node::start("b", Some("c1")).await;
    let net = Named::new();
    let a = named(&net);
    let calls = (0..200).map(|_| call(&a, &node.address, "echo", "x"));
    for answer in futures::future::join_all(calls).await {
        answer.expect("an answer");
    }
    assert!(net.connections() <= 32, "{}", net.connections());
}

#[tokio::test]
async fn a_call_without_an_answer_in_time_fails_and_is_dropped_over_there() {
    let node = Node::start("b", Some("c1")).await;
    let a = transport("a", Some("c1"));
    let short = Duration::from_secs(1);
    let why = unreachable(a.call(&node.address, Lane::Log, "hang", Bytes::new(), short).await);
    assert!(why.contains("no answer to hang within 1000 ms"), "{why}");
    let dropped = tokio::time::timeout(LONG, node.service.dropped.acquire()).await;
    dropped.expect("it is dropped").expect("open").forget();
    assert_eq!(text(call(&a, &node.address, "echo", "x").await), "x");
}

/// A network that takes 16 KiB every 20 ms.
#[derive(Debug)]
struct Slow(Env);

struct SlowSocket {
    socket: Socket,
    pause: Pin<Box<tokio::time::Sleep>>,
}

impl Net for Slow {
    fn lookup<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(self.0.lookup(address))
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Socket>> {
        Box::pin(async move {
            let (socket, _) = self.0.connect(&[address]).await?;
            let pause = Box::pin(tokio::time::sleep(Duration::ZERO));
            Ok(Box::new(SlowSocket { socket, pause }) as Socket)
        })
    }

    fn listen<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        Box::pin(self.0.listen(address))
    }
}

impl AsyncRead for SlowSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl AsyncWrite for SlowSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.pause.as_mut().poll(context));
        let some = &bytes[..bytes.len().min(16 << 10)];
        let wrote = ready!(Pin::new(&mut self.socket).poll_write(context, some));
        self.pause.as_mut().reset(tokio::time::Instant::now() + Duration::from_millis(20));
        Poll::Ready(wrote)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[tokio::test]
async fn a_large_message_over_a_slow_network_arrives_while_its_bytes_move() {
    let node = Node::start("b", Some("c1")).await;
    let env = Env::real().with_net(Arc::new(Slow(Env::real())));
    let a = HttpTransport::new(None, caller("a", Some("c1")), env);
    // It takes more than twice the time that it may stand still.
    let message = Bytes::from(vec![7; 2 << 20]);
    let answer = a.call(&node.address, Lane::Log, "count", message, Duration::from_secs(1)).await;
    assert_eq!(text(answer), (2 << 20).to_string());
}

#[tokio::test]
async fn nobody_there_is_said_at_once() {
    let gone = Node::start("b", Some("c1")).await;
    let address = gone.address.clone();
    gone.stop().await;
    let why = unreachable(call(&transport("a", Some("c1")), &address, "echo", "").await);
    assert!(why.contains(&address), "{why}");
    let why = unreachable(call(&transport("a", Some("c1")), "nonsense", "echo", "").await);
    assert!(why.contains("nonsense"), "{why}");
}

#[tokio::test]
async fn a_restarted_node_is_found_again() {
    let node = Node::start("b", Some("c1")).await;
    let address = node.address.clone();
    let a = transport("a", Some("c1"));
    assert_eq!(until_answered(&a, &address).await, "b heard a");
    node.stop().await;
    let node = Node::start_at(&address, "b-again", Some("c1"), None).await;
    assert_eq!(until_answered(&a, &address).await, "b-again heard a");
    node.stop().await;
}

#[tokio::test]
async fn stopping_cuts_off_calls_that_do_not_end() {
    let node = Node::start("b", Some("c1")).await;
    let (a, address) = (transport("a", Some("c1")), node.address.clone());
    let hanging = call(&a, &address, "hang", "");
    let stopping = async {
        node.service.began.acquire().await.expect("open").forget();
        node.stop().await;
    };
    let (answer, ()) = tokio::join!(hanging, stopping);
    unreachable(answer);
}

#[tokio::test]
async fn a_name_is_looked_up_for_each_connection() {
    let (first, second) = (Node::start("b1", Some("c1")).await, Node::start("b2", Some("c1")).await);
    let net = Named::new();
    let a = named(&net);
    net.point("b:7000", &first.address);
    assert_eq!(until_answered(&a, "b:7000").await, "b1 heard a");
    net.point("b:7000", &second.address);
    first.stop().await;
    assert_eq!(until_answered(&a, "b:7000").await, "b2 heard a");
}

#[tokio::test]
async fn each_address_of_a_name_is_tried() {
    // Where localhost is ::1 as well, only one of the two answers.
    let node = Node::start("b", Some("c1")).await;
    let localhost = format!("localhost:{}", node.port());
    assert_eq!(text(call(&transport("a", Some("c1")), &localhost, "who", "").await), "b heard a");
}

#[tokio::test]
async fn a_connection_that_comes_too_late_for_its_call_is_there_for_the_next() {
    /// Connects when it is let.
    #[derive(Debug)]
    struct Slow(Env, Semaphore);
    impl Net for Slow {
        fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Socket>> {
            Box::pin(async move {
                self.1.acquire().await.expect("open").forget();
                Ok(self.0.connect(&[address]).await?.0)
            })
        }

        fn listen<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
            Box::pin(self.0.listen(address))
        }
    }
    let node = Node::start("b", Some("c1")).await;
    let net = Arc::new(Slow(Env::real(), Semaphore::new(0)));
    let env = Env::real().with_net(net.clone());
    let a = HttpTransport::new(None, caller("a", Some("c1")), env);
    let short = Duration::from_millis(500);
    unreachable(a.call(&node.address, Lane::Control, "echo", Bytes::new(), short).await);
    // One connection, which only the first call asked for; the second's own is never let through.
    net.1.add_permits(1);
    let again =
        async { while a.call(&node.address, Lane::Control, "echo", Bytes::new(), short).await.is_err() {} };
    tokio::time::timeout(LONG, again).await.expect("the late connection is used");
}

/// Gives pipes out, and their other ends to the test.
#[derive(Debug)]
struct Pipes(tokio::sync::mpsc::UnboundedSender<tokio::io::DuplexStream>);

impl Net for Pipes {
    fn connect(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<Socket>> {
        let (near, far) = tokio::io::duplex(4096);
        self.0.send(far).expect("the test takes it");
        Box::pin(async move { Ok(Box::new(near) as _) })
    }

    fn listen<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_costs_no_call() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (give, mut far_ends) = tokio::sync::mpsc::unbounded_channel();
    let env = Env::real().with_net(Arc::new(Pipes(give)));
    let a = HttpTransport::new(None, caller("a", Some("c1")), env);
    for round in 0..3 {
        // The pipe's end is closed right before the next call, and nobody had time to see it.
        let answering = async {
            let mut far = far_ends.recv().await.expect("a new connection");
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(far.read_u8().await.expect("a request"));
            }
            far.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await.expect("it is sent");
            far
        };
        let both = async { tokio::join!(call(&a, "127.0.0.1:1", "echo", ""), answering) };
        let (answer, far) = tokio::time::timeout(LONG, both).await.expect("a new connection in time");
        assert_eq!(text(answer), "hi", "round {round}");
        drop(far);
    }
}

#[tokio::test]
async fn a_node_whose_name_is_not_found_any_more_is_called_where_it_was() {
    for gone in [Name::Lost, Name::Silent] {
        let node = Node::start("b1", Some("c1")).await;
        let address = node.address.clone();
        let net = Named::new();
        let a = named(&net);
        net.point("b:7000", &address);
        assert_eq!(until_answered(&a, "b:7000").await, "b1 heard a");
        net.set("b:7000", gone);
        node.stop().await;
        let again = Node::start_at(&address, "b2", Some("c1"), None).await;
        assert_eq!(until_answered(&a, "b:7000").await, "b2 heard a");
        assert!(net.lookups() > 1, "the name is looked up still");
        // Where it is found again, what the name servers say counts.
        let moved = Node::start("b3", Some("c1")).await;
        net.point("b:7000", &moved.address);
        again.stop().await;
        assert_eq!(until_answered(&a, "b:7000").await, "b3 heard a");
    }
}
