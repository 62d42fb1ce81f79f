//! Each limit and default of `docs/limits.md`, from outside: what just fits, what does not, and what is said then.

mod document;
mod files;
mod json;
mod requests;
mod storage;
mod targets;
mod times;
mod tls;
mod urls;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::*;

/// Sends bytes, and answers all that comes back until the server closes.
async fn converse(server: &Server, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    // It may have answered and closed before it has taken all of that.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = soon("the server to hang up", stream.read_to_end(&mut answer)).await;
    answer
}

/// The status and the body of an answer.
fn parts(answer: &[u8]) -> (u16, String) {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let line = head.strip_prefix("HTTP/1.1 ").or_else(|| head.strip_prefix("HTTP/1.0 "));
    let status = line.and_then(|rest| rest.get(..3)?.parse().ok());
    (status.unwrap_or_else(|| panic!("no status in {head:?}")), body.to_owned())
}
