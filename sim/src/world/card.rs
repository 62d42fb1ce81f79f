//! The network card of a node, and what the kernel does for it: it connects, takes connections, and carries bytes
//! between turmoil's network and the node's sockets.
//!
//! It is the node's host in turmoil. The node itself runs beside turmoil (`cluster/process.rs`), so that it can be
//! paused: then connections are made and bytes arrive until the buffers are full, as on a machine whose process is
//! stopped.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::{mpsc, oneshot};
use turmoil::net::{TcpListener, TcpStream};

use super::Link;
use super::net::Wire;
use crate::web::PORT;

/// Bytes that wait in each direction of a connection.
const BUFFER: usize = 64 << 10;
/// Bytes that are sent at once at most.
const SEGMENT: usize = 16 << 10;
/// Connections that wait for a node that does not take them.
const BACKLOG: usize = 128;

/// What a node asks of its card.
#[derive(Debug)]
pub(super) enum Ask {
    Connect { to: SocketAddr, answer: oneshot::Sender<io::Result<Wire>> },
    Listen { port: u16, answer: oneshot::Sender<io::Result<Accepted>> },
}

/// Connections that were made to a node, with where they come from.
pub(super) type Accepted = mpsc::Receiver<(Wire, SocketAddr)>;

/// The card of one start of a node.
pub(crate) struct Card {
    asked: mpsc::UnboundedReceiver<Ask>,
    link: Arc<Link>,
}

impl Card {
    /// A card, and the node's end of it.
    pub(super) fn new(link: Arc<Link>) -> (Self, mpsc::UnboundedSender<Ask>) {
        let (asks, asked) = mpsc::unbounded_channel();
        (Self { asked, link }, asks)
    }

    /// Serves the node until the host is taken down. What the node had sent before it ended still leaves.
    pub(crate) async fn serve(mut self) -> turmoil::Result {
        while let Some(ask) = self.asked.recv().await {
            let link = Arc::clone(&self.link);
            match ask {
                Ask::Connect { to, answer } => drop(tokio::spawn(connect(to, link, answer))),
                Ask::Listen { port, answer } => drop(tokio::spawn(listen(port, link, answer))),
            }
        }
        std::future::pending().await
    }
}

async fn connect(to: SocketAddr, link: Arc<Link>, mut answer: oneshot::Sender<io::Result<Wire>>) {
    tokio::select! {
        biased;
        connected = TcpStream::connect(to) => {
            let _ = answer.send(connected.map(|stream| plug(stream, link)));
        }
        // The node does not wait any longer.
        () = answer.closed() => {}
    }
}

async fn listen(port: u16, link: Arc<Link>, answer: oneshot::Sender<io::Result<Accepted>>) {
    let listener = match TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).await {
        Ok(listener) => listener,
        Err(error) => return drop(answer.send(Err(error))),
    };
    let (connections, accepted) = mpsc::channel(BACKLOG);
    let _ = answer.send(Ok(accepted));
    loop {
        let (stream, from) = tokio::select! {
            biased;
            () = connections.closed() => return,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(_) => continue,
            },
        };
        if port == PORT && link.is_left_out() {
            continue;
        }
        if connections.send((plug(stream, Arc::clone(&link)), from)).await.is_err() {
            return;
        }
    }
}

/// The node's end of a connection, whose bytes go to and fro from now on.
fn plug(stream: TcpStream, link: Arc<Link>) -> Wire {
    let (own, nodes) = duplex(BUFFER);
    let reset = Arc::<AtomicBool>::default();
    tokio::spawn(carry(stream, own, Arc::clone(&reset), link));
    Wire::new(nodes, reset)
}

/// Carries bytes until both directions have ended, or either has failed.
async fn carry(stream: TcpStream, wire: DuplexStream, reset: Arc<AtomicBool>, link: Arc<Link>) {
    let (mut from_net, mut to_net) = stream.into_split();
    let (mut from_node, mut to_node) = tokio::io::split(wire);
    let lost = || {
        reset.store(true, Ordering::Relaxed);
        Ended
    };
    let sending = async {
        let mut segment = vec![0; SEGMENT];
        loop {
            let read = from_node.read(&mut segment).await.map_err(|_| Ended)?;
            if read == 0 {
                return to_net.shutdown().await.map_err(|_| lost());
            }
            link.pass(read).await;
            to_net.write_all(&segment[..read]).await.map_err(|_| lost())?;
        }
    };
    let receiving = async {
        let mut segment = vec![0; SEGMENT];
        loop {
            let read = from_net.read(&mut segment).await.map_err(|_| lost())?;
            if read == 0 {
                return to_node.shutdown().await.map_err(|_| Ended);
            }
            to_node.write_all(&segment[..read]).await.map_err(|_| Ended)?;
        }
    };
    // Where one of them fails, the connection is closed at both ends.
    let _ = tokio::try_join!(sending, receiving);
}

/// A connection has failed at one of its ends.
struct Ended;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chronos_env::Net as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::world::{Names, SimNet, TICK, listen, since_start};

    const BYTES: usize = 200_000;

    /// How long it takes until a node's bytes are at a host, where the node sends so many bytes in a millisecond.
    fn time_to_send(bytes_per_ms: u64) -> Duration {
        let mut sim = turmoil::Builder::new()
            .rng_seed(1)
            .tick_duration(TICK)
            .min_message_latency(Duration::ZERO)
            .max_message_latency(TICK)
            .tcp_capacity(1 << 10)
            .simulation_duration(Duration::from_secs(60))
            .build();
        let names = ["node", "host"].map(|name| (name.to_owned(), sim.lookup(name)));
        let link = Arc::<Link>::default();
        link.set_bytes_per_ms(bytes_per_ms);
        sim.client("host", async {
            let mut listener = listen("0.0.0.0:80").await?;
            let (mut socket, _) = listener.accept().await?;
            let mut bytes = Vec::new();
            socket.read_to_end(&mut bytes).await?;
            assert_eq!(bytes.len(), BYTES);
            Ok(())
        });
        // The node runs on its card's host here: nobody pauses it.
        sim.client("node", async move {
            let (net, card) = SimNet::new(Names::new(names.into()), link);
            let serving = tokio::spawn(async { card.serve().await.map_err(|error| error.to_string()) });
            let host = net.lookup("host:80").await?;
            assert!(net.lookup("elsewhere:80").await.is_err());
            let mut socket = net.connect(host[0]).await?;
            socket.write_all(&[7; BYTES]).await?;
            socket.shutdown().await?;
            assert_eq!(socket.read(&mut [0; 1]).await?, 0, "the host has closed it too");
            serving.abort();
            Ok(())
        });
        let begun = since_start();
        sim.run().expect("both ends are done");
        assert_eq!(begun, Duration::ZERO);
        sim.elapsed()
    }

    #[test]
    fn a_narrow_link_takes_its_time() {
        let (wide, narrow) = (time_to_send(0), time_to_send(100));
        assert!(wide < Duration::from_millis(100), "{wide:?}");
        assert!(narrow >= Duration::from_secs(2) && narrow < Duration::from_millis(2_200), "{narrow:?}");
    }
}
