//! Uploads: bodies that are too large to hold in memory.

use futures::stream;
use tokio::io::AsyncWriteExt as _;

use super::super::handler::Handler;
use super::super::server::accept;
use super::*;

const MIB: usize = 1024 * 1024;
/// What the kernel and hyper hold between them, with room to spare.
const UNDER_WAY: usize = 20 * MIB;

fn part(number: usize) -> Bytes {
    vec![u8::try_from(number % 251).expect("small"); MIB].into()
}

/// So many MiB; `see` is told how many were asked for.
fn body(parts: usize, see: impl Fn(usize) + Send + 'static) -> Body {
    let make = move |number| {
        see((number + 1) * MIB);
        Ok(part(number))
    };
    stream::iter((0..parts).map(make)).boxed()
}

#[tokio::test]
async fn an_upload_arrives_whole_and_is_held_by_nobody() {
    let node = Node::start("b", Some("c1")).await;
    let a = transport("a", Some("c1"));
    let mut hash = Sha256::new();
    (0..50).for_each(|number| hash.update(part(number)));
    let most = Arc::new(AtomicUsize::new(0));
    let body = {
        let (most, service) = (most.clone(), node.service.clone());
        body(50, move |asked| {
            most.fetch_max(asked - service.taken.load(Ordering::SeqCst), Ordering::SeqCst);
        })
    };
    let answer = a.upload(&node.address, "hash", Bytes::from_static(b"meta"), body).await;
    assert_eq!(text(answer), format!("a meta {}", hex(&hash.finalize())));
    let most = most.load(Ordering::SeqCst);
    assert!(most <= UNDER_WAY, "{most} bytes were held between the two");
}

#[tokio::test]
async fn an_upload_may_be_empty_and_its_connection_is_used_again() {
    let node = Node::start("b", Some("c1")).await;
    let net = Named::new();
    let env = Env::real().with_net(net.clone());
    let a = HttpTransport::new(None, caller("a", Some("c1")), env);
    for _ in 0..3 {
        let answer = a.upload(&node.address, "hash", Bytes::new(), stream::empty().boxed()).await;
        assert_eq!(text(answer), format!("a  {}", hex(&Sha256::new().finalize())));
    }
    assert_eq!(net.connections(), 1);
}

#[tokio::test]
async fn a_stuck_upload_is_given_up_and_keeps_nobody_waiting() {
    let node = Node::start("b", Some("c1")).await;
    let mut a = transport("a", Some("c1"));
    a.stall = Duration::from_secs(2);
    let asked = Arc::new(AtomicUsize::new(0));
    let body = {
        let asked = asked.clone();
        body(1000, move |bytes| asked.store(bytes, Ordering::SeqCst))
    };
    let uploading = a.upload(&node.address, "hang", Bytes::new(), body);
    let beating = async {
        node.service.began.acquire().await.expect("open").forget();
        for _ in 0..10 {
            let beat = a.call(&node.address, Lane::Control, "echo", Bytes::new(), LONG).await;
            beat.expect("an answer");
        }
    };
    let (uploaded, ()) = tokio::join!(uploading, beating);
    let why = unreachable(uploaded);
    assert!(why.contains("no byte moved for 2 s"), "{why}");
    let asked = asked.load(Ordering::SeqCst);
    assert!(asked <= UNDER_WAY, "{asked} bytes were taken of a body that nobody reads");
}

#[tokio::test]
async fn the_answer_to_an_upload_may_take_longer_than_a_stall() {
    let node = Node::start("b", Some("c1")).await;
    let mut a = transport("a", Some("c1"));
    a.stall = Duration::from_millis(500);
    let answer = a.upload(&node.address, "digest", Bytes::new(), body(1, |_| {})).await;
    answer.expect("an answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_refused_at_once_says_why() {
    let node = Node::start("b", Some("c1")).await;
    let a = transport("a", Some("c1"));
    for _ in 0..10 {
        let refused = a.upload(&node.address, "dance", Bytes::new(), body(1000, |_| {})).await;
        assert_eq!(refused, Err(PeerError::Refused("dance is unknown".into())));
    }
    let other = transport("a", Some("c2"));
    stranger(other.upload(&node.address, "hash", Bytes::new(), body(1000, |_| {})).await);
}

#[tokio::test]
async fn a_body_that_breaks_breaks_the_upload() {
    let node = Node::start("b", Some("c1")).await;
    let a = transport("a", Some("c1"));
    let broken = stream::iter([Ok(part(1)), Err(io::Error::other("the disk is gone"))]);
    let why = unreachable(a.upload(&node.address, "hash", Bytes::new(), broken.boxed()).await);
    assert!(why.contains("the disk is gone"), "{why}");
}

#[tokio::test]
async fn a_caller_that_stops_sending_is_given_up() {
    let listener = Env::real().listen("127.0.0.1:0").await.expect("it listens");
    let address = listener.local_address().expect("an address");
    let stall = Duration::from_millis(100);
    let handler =
        Handler { caller: caller("b", Some("c1")), service: Scripted::new("b"), stall, hello: LONG };
    let stop = CancellationToken::new();
    let serving = tokio::spawn(accept(listener, None, Arc::new(handler), 1024, stop.clone()));
    for (kind, more, status) in [("echo", "", "400"), ("hash", "chronos-message-bytes: 2\r\n", "422")] {
        let mut stream = tokio::net::TcpStream::connect(address).await.expect("it connects");
        let head = format!(
            "POST /raft/{kind} HTTP/1.1\r\nhost: b\r\nconnection: close\r\nchronos-protocol: 1\r\n\
             chronos-node: a\r\nchronos-cluster: c1\r\n{more}content-length: 1000\r\n\r\nonly this"
        );
        stream.write_all(head.as_bytes()).await.expect("it is sent");
        let mut answer = String::new();
        let read = tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer);
        tokio::time::timeout(LONG, read).await.expect("in time").expect("text");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains("no byte came for 0.1 s"), "{answer}");
    }
    stop.cancel();
    serving.await.expect("it does not panic");
}
