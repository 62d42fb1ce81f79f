//! Two nodes that call each other over HTTP, with a slow link from the leader to the other.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use chronos_env::Listener;
use chronos_peer::{HttpTransport, serve};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::*;

/// For what takes some seconds by the speed of a link.
const PATIENCE: Duration = Duration::from_secs(30);
/// What passes a link at a time.
const CHUNK: usize = 4 << 10;

/// A way to a node, which carries so many bytes a second.
struct SlowLink {
    address: String,
    shared: Arc<Shared>,
    _running: AbortOnDropHandle<()>,
}

struct Shared {
    target: Mutex<String>,
    /// None is as many as the machine can.
    bytes_a_second: Mutex<Option<usize>>,
    /// When the link is free again. Connections share it.
    free: Mutex<Instant>,
    /// How many chunks wait in the link. Whoever sends takes them for sent.
    holds: usize,
}

impl SlowLink {
    async fn open(holds: usize) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(64 << 10).expect("a small buffer");
        socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
        let listener = socket.listen(64).expect("it listens");
        let address = listener.local_addr().expect("an address").to_string();
        let shared = Arc::new(Shared {
            target: Mutex::default(),
            bytes_a_second: Mutex::default(),
            free: Mutex::new(Instant::now()),
            holds,
        });
        let carry = shared.clone();
        let running = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(carry.clone().carry(socket));
            }
        });
        Self { address, shared, _running: AbortOnDropHandle::new(running) }
    }

    fn leads_to(&self, target: &str) {
        *lock(&self.shared.target) = target.to_owned();
    }

    fn slows_down(&self, bytes_a_second: usize) {
        *lock(&self.shared.bytes_a_second) = Some(bytes_a_second);
    }
}

impl Shared {
    /// Until either side closes. What is in the link then is lost.
    async fn carry(self: Arc<Self>, mut from: TcpStream) {
        let target = lock(&self.target).parse().expect("an address");
        let Ok(mut to) = TcpSocket::new_v4().expect("a socket").connect(target).await else { return };
        let ((mut asks, mut answered), (mut answers, mut asked)) = (from.split(), to.split());
        let (enter, mut leave) = mpsc::channel::<Vec<u8>>(self.holds);
        let enter = async {
            loop {
                let mut chunk = vec![0; CHUNK];
                match asks.read(&mut chunk).await {
                    Ok(read @ 1..) => chunk.truncate(read),
                    _ => return,
                }
                if enter.send(chunk).await.is_err() {
                    return;
                }
            }
        };
        let leave = async {
            while let Some(chunk) = leave.recv().await {
                self.wait_for(chunk.len()).await;
                if asked.write_all(&chunk).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = enter => {}
            () = leave => {}
            _ = tokio::io::copy(&mut answers, &mut answered) => {}
        }
    }

    async fn wait_for(&self, bytes: usize) {
        let rate = *lock(&self.bytes_a_second);
        if let Some(rate) = rate {
            let until = {
                let mut free = lock(&self.free);
                // Who wakes up late makes up for it.
                let from = Instant::now() - Duration::from_millis(50);
                *free = free.max(from) + Duration::from_secs_f64(bytes as f64 / rate as f64);
                *free
            };
            tokio::time::sleep_until(until.into()).await;
        }
    }
}

/// A node that others can call.
struct Served {
    node: Node,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Served {
    /// A node that joins by way of these, or else founds a cluster. Only the founder votes.
    async fn start(
        directory: &TempDir,
        name: &str,
        listener: Box<dyn Listener>,
        advertise: &str,
        join: &[&str],
        log: LogLimits,
    ) -> Self {
        let caller = Caller { node: name.into(), address: advertise.to_owned(), cluster: Arc::default() };
        let config = ReplicaConfig {
            advertise: advertise.to_owned(),
            join: join.iter().map(|&address| address.to_owned()).collect(),
            bootstrap: join.is_empty(),
            max_voters: 1,
            log,
            ..config(directory.path(), name)
        };
        let transport = HttpTransport::new(None, caller.clone(), Env::real());
        let node = Node::start_with(config, &caller, Arc::new(transport)).await.expect("it starts");
        let stop = CancellationToken::new();
        let served = serve(listener, None, caller, node.replica.service(), 1_024, stop.clone());
        let serving = tokio::spawn(served);
        Self { node, stop, serving }
    }

    async fn stop(self) {
        self.node.replica.shutdown().await;
        self.stop.cancel();
        self.serving.await.expect("it does not panic");
    }

    fn applied(&self) -> u64 {
        self.node.replica.status().applied.unwrap_or_default()
    }

    fn last(&self) -> u64 {
        self.node.replica.status().last_log.unwrap_or_default()
    }
}

async fn listen() -> (Box<dyn Listener>, String) {
    let listener = Env::real().listen("127.0.0.1:0").await.expect("it listens");
    let address = listener.local_address().expect("an address").to_string();
    (listener, address)
}

/// Starts the first, alone, and the second behind the link.
async fn first(directory: &TempDir, log: LogLimits) -> (Served, String) {
    let (listener, address) = listen().await;
    (Served::start(directory, "one", listener, &address, &[], log).await, address)
}

async fn second(directory: &TempDir, link: &SlowLink, first: &str, log: LogLimits) -> Served {
    let (listener, address) = listen().await;
    link.leads_to(&address);
    Served::start(directory, "two", listener, &link.address, &[first], log).await
}

async fn until(what: &str, say: impl Fn() -> String, reached: impl Fn() -> bool) {
    let begun = Instant::now();
    while !reached() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not within {} s: {}", PATIENCE.as_secs(), say());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Where they stand.
fn say(one: &Served, two: &Served) -> String {
    let copies = two.node.replaced.load(Ordering::Relaxed);
    format!("{} of {} entries, after {copies} copies", two.applied(), one.last())
}

/// A text that SQLite stores as it is.
fn text(number: i64, bytes: usize) -> String {
    format!("{number:010}").repeat(bytes / 10)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_joins_over_a_slow_link_while_the_log_grows() {
    let log = LogLimits { snapshot_entries: 10, keep_entries: 5, ..LogLimits::default() };
    let directories = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
    let (one, address) = first(&directories[0], log).await;
    for number in 1..=30 {
        one.node.propose(put_job(number, &text(number, 100_000))).await.expect("accepted");
    }
    let link = SlowLink::open(4).await;
    link.slows_down(2_000_000);
    // It is there already: that makes the log grow, by a third of what the link carries, and not the state.
    let grows = AtomicBool::new(true);
    let load = async {
        while grows.load(Ordering::Relaxed) {
            one.node.propose(put_job(1, &text(1, 30_000))).await.expect("accepted");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let joins = async {
        let begun = one.last();
        let two = second(&directories[1], &link, &address, log).await;
        until(
            "it is at the end of the log",
            || say(&one, &two),
            || two.applied() > begun && two.applied() + 3 > one.last(),
        )
        .await;
        assert!(one.last() > begun + 20, "the log has grown meanwhile");
        grows.store(false, Ordering::Relaxed);
        two
    };
    let (two, ()) = tokio::join!(joins, load);
    until("it has everything", || say(&one, &two), || two.applied() == one.last()).await;
    assert_eq!(two.node.jobs(), 30);
    assert_eq!(two.node.replaced.load(Ordering::Relaxed), 1, "one copy was enough");
    two.stop().await;
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_on_which_a_whole_reading_of_the_log_takes_too_long_carries_it_in_pieces() {
    let log = LogLimits::default();
    let directories = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
    let (one, address) = first(&directories[0], log).await;
    // It takes all that is sent at once, so that nothing seems to move after that.
    let link = SlowLink::open(1 << 20).await;
    let two = second(&directories[1], &link, &address, log).await;
    until("it has everything", || say(&one, &two), || two.applied() > 0 && two.applied() == one.last()).await;
    let copies = two.node.replaced.load(Ordering::Relaxed);
    two.stop().await;
    for number in 1..=20 {
        one.node.propose(put_job(number, &text(number, 100_000))).await.expect("accepted");
    }
    // All of it takes five seconds.
    link.slows_down(400_000);
    let two = second(&directories[1], &link, &address, log).await;
    until("it has everything again", || say(&one, &two), || two.applied() == one.last()).await;
    assert_eq!(two.node.jobs(), 20);
    assert_eq!((copies, two.node.replaced.load(Ordering::Relaxed)), (1, 0), "by its entries");
    two.stop().await;
    one.stop().await;
}
