//! Connecting to what has several addresses.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::time::timeout;

use crate::{Net, Socket, shortage};

/// How long to wait for an address before the next address is tried beside it (RFC 8305, section 5, recommends
/// 250 ms).
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

/// Connects to the first address that answers, and says which it was. A dead address does not keep the next one
/// from being tried, and a slow address is not given up when the next one is tried. Where none answers, and one of them
/// could not be asked for want of something of this machine, that is why.
pub(crate) async fn dial(net: &dyn Net, addresses: &[SocketAddr]) -> io::Result<(Socket, SocketAddr)> {
    let one = |&address| async move { net.connect(address).await.map(|socket| (socket, address)) };
    let mut left = addresses.iter();
    let mut dialling: FuturesUnordered<_> = left.next().map(one).into_iter().collect();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no addresses");
    loop {
        let answer = if left.len() == 0 {
            dialling.next().await
        } else {
            timeout(NEXT_ADDRESS, dialling.next()).await.unwrap_or_default()
        };
        match answer {
            Some(Ok(connected)) => return Ok(connected),
            Some(Err(error)) if shortage(&failure).is_none() => failure = error,
            Some(Err(_)) | None => {}
        }
        dialling.extend(left.next().map(one));
        if dialling.is_empty() {
            return Err(failure);
        }
    }
}
