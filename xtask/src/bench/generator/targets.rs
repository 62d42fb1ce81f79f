//! Disturbances that wait to be called: name servers and targets.

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::super::sink::{Seen, serve_on};
use super::super::sleep_until_ms;
use super::{done, ready};
use crate::Result;

/// Addresses of loopback that nobody else uses. A resolver asks at port 53, which only root may take.
pub const NAME_SERVERS: [Ipv4Addr; 3] =
    [Ipv4Addr::new(127, 83, 83, 1), Ipv4Addr::new(127, 83, 83, 2), Ipv4Addr::new(127, 83, 83, 3)];
/// Between two bytes of an answer.
const BYTE_EVERY: Duration = Duration::from_secs(1);
/// The part of an answer before its body, which is long.
const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";

/// Name servers that take questions and never answer.
pub async fn silent_name_servers() -> Result<()> {
    let asked = Rc::new(Cell::new(0));
    for address in NAME_SERVERS {
        let socket = UdpSocket::bind((address, 53))
            .await
            .map_err(|error| format!("a name server at {address}, port 53: {error}"))?;
        let asked = Rc::clone(&asked);
        tokio::task::spawn_local(async move {
            let mut question = [0; 512];
            while socket.recv_from(&mut question).await.is_ok() {
                asked.set(asked.get() + 1);
            }
        });
    }
    let orders = ready(&SocketAddr::from((NAME_SERVERS[0], 53)).to_string())?;
    sleep_until_ms(orders.until).await;
    done(asked.get(), "questions to name servers")
}

/// Targets that take connections, read what is sent, and never answer. One port of every address of loopback: each
/// is a target of its own.
pub async fn hang() -> Result<()> {
    serve("connections that hang", async |mut stream: TcpStream, _first| {
        let mut request = [0; 4_096];
        while matches!(stream.read(&mut request).await, Ok(1..)) {}
    })
    .await
}

/// A target that answers a byte a second. Every other answer has its head at once, so that the body is as slow.
pub async fn drip() -> Result<()> {
    serve("answers, a byte a second", async |mut stream: TcpStream, number| {
        let mut request = [0; 4_096];
        if !matches!(stream.read(&mut request).await, Ok(1..)) {
            return;
        }
        let mut head = HEAD;
        if number % 2 == 0 {
            if stream.write_all(HEAD).await.is_err() {
                return;
            }
            head = &[];
        }
        for byte in head.iter().copied().chain(std::iter::repeat(b'x')) {
            if stream.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(BYTE_EVERY).await;
        }
    })
    .await
}

/// A target that answers at once.
pub async fn answer() -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let orders = ready(&listener.local_addr()?.to_string())?;
    let seen = Seen::default();
    tokio::task::spawn_local(serve_on(listener, seen.clone()));
    sleep_until_ms(orders.until).await;
    done(seen.count(), "requests answered")
}

/// Serves each connection as `connection` does, which is given its number.
async fn serve(what: &str, connection: impl AsyncFn(TcpStream, usize) + Copy + 'static) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    let port = listener.local_addr()?.port();
    let orders = ready(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string())?;
    let taken = Rc::new(Cell::new(0));
    let count = Rc::clone(&taken);
    tokio::task::spawn_local(async move {
        // Where no more descriptors are left, those of connections that end are taken again.
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    taken.set(taken.get() + 1);
                    let number = taken.get();
                    tokio::task::spawn_local(async move { connection(stream, number).await });
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    });
    sleep_until_ms(orders.until).await;
    done(count.get(), what)
}
