//! Clients that listen for events. They share the machine with what is measured, so they do as little as can be: one
//! thread, which counts the events that come and reads nothing of them.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::super::jobs::Job;
use super::super::{now_ms, sleep_until_ms};
use super::{done, ready};
use crate::Result;

/// Listeners to one job each: to the first ones of [`super::super::jobs::steady`].
pub const TO_JOBS: usize = 1_000;
/// Listeners to everything.
pub const TO_ALL: usize = 20;
/// What an answer begins with that goes on for ever.
const LISTENS: &[u8] = b"HTTP/1.1 200 ";
/// Listeners that come at once. Each asks which job it listens to, and a server lets 128 such questions wait.
const AT_ONCE: usize = 100;
/// What is read at once.
const PIECE: usize = 16 << 10;

/// Listens to jobs.
pub async fn to_jobs() -> Result<()> {
    listen((0..TO_JOBS).map(|n| format!("/api/v1/events?job={}", Job::numbered(n, "").name)).collect()).await
}

/// Listens to everything.
pub async fn to_all() -> Result<()> {
    listen(vec!["/api/v1/events".to_owned(); TO_ALL]).await
}

/// Listens to each of these pages, from now on, and counts what is heard from the first instant to the last.
async fn listen(pages: Vec<String>) -> Result<()> {
    let orders = ready("-")?;
    let (count, heard) = (pages.len(), Rc::new(Cell::new(0)));
    let mut pages = pages.into_iter();
    while pages.len() > 0 {
        let mut opening: JoinSet<Result<_>> = JoinSet::new();
        for page in pages.by_ref().take(AT_ONCE) {
            opening.spawn_local(async move { open(orders.api, &page).await });
        }
        while let Some(opened) = opening.join_next().await {
            let (stream, beginning) = opened??;
            tokio::task::spawn_local(hear(stream, beginning, Rc::clone(&heard)));
        }
    }
    let left = orders.from - now_ms();
    if left < 0 {
        return Err(format!("{count} listeners came {} ms late", -left).into());
    }
    sleep_until_ms(orders.from).await;
    let before = heard.get();
    sleep_until_ms(orders.until).await;
    done(heard.get() - before, &format!("events heard by {count} listeners"))
}

/// Begins to listen. Answers what came with the head of the answer.
async fn open(api: SocketAddr, page: &str) -> Result<(TcpStream, Vec<u8>)> {
    let mut stream = TcpStream::connect(api).await?;
    stream.write_all(format!("GET {page} HTTP/1.1\r\nhost: {api}\r\n\r\n").as_bytes()).await?;
    let mut beginning = Vec::with_capacity(1_024);
    while beginning.len() < LISTENS.len() {
        if stream.read_buf(&mut beginning).await? == 0 {
            return Err(format!("{page}: no answer").into());
        }
    }
    if !beginning.starts_with(LISTENS) {
        return Err(format!("{page}: {}", String::from_utf8_lossy(&beginning)).into());
    }
    Ok((stream, beginning))
}

/// Counts the events of a stream until it ends.
async fn hear(mut stream: TcpStream, beginning: Vec<u8>, heard: Rc<Cell<usize>>) {
    let mut events = Events::default();
    heard.set(heard.get() + events.in_next(&beginning));
    let mut piece = vec![0; PIECE];
    while let Ok(length @ 1..) = stream.read(&mut piece).await {
        heard.set(heard.get() + events.in_next(&piece[..length]));
    }
}

/// Counts events in a text that comes in pieces.
#[derive(Default)]
struct Events {
    /// So much of what marks one has come last.
    matched: usize,
}

impl Events {
    fn in_next(&mut self, piece: &[u8]) -> usize {
        const MARK: &[u8] = b"\nevent: ";
        let mut count = 0;
        for byte in piece {
            // The mark begins with what comes in it nowhere else.
            self.matched =
                if *byte == MARK[self.matched] { self.matched + 1 } else { usize::from(*byte == MARK[0]) };
            if self.matched == MARK.len() {
                (count, self.matched) = (count + 1, 0);
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_wherever_the_text_is_cut() {
        let text = b"retry: 2000\n\n:\nid: a-1-0\n\nid: a-1-0\nevent: job.created\ndata: {\"name\":\"event: x\"}\n\n\
            \nevent: reset\ndata: {}\n\n\n\nevent: job.deleted\n\n";
        assert_eq!(Events::default().in_next(text), 3);
        for cut in 0..text.len() {
            let mut events = Events::default();
            let (before, after) = text.split_at(cut);
            assert_eq!(events.in_next(before) + events.in_next(after), 3, "cut at {cut}");
        }
    }
}
