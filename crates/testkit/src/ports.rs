//! Addresses that stay with a server while it is down.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// None of those that the system gives to outgoing connections and to who asks for any port: one of
/// these would take a server's place while it is down.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// Where the ports begin that this process has not handed out yet.
static NEXT: Mutex<Option<usize>> = Mutex::new(None);

/// Addresses of this machine where nobody listens. Each is handed out once in a process, as far as there are ports: a node
/// of another test that is down for a moment finds its own free. Another process may take one before we do; then the start
/// fails and says so.
#[must_use]
pub fn free_addresses(count: usize) -> Vec<SocketAddr> {
    let mut next = NEXT.lock().unwrap_or_else(PoisonError::into_inner);
    let begin = next.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
        usize::try_from(now).unwrap() % PORTS.len()
    });
    let mut looked_at = 0;
    let held: Vec<_> = PORTS
        .cycle()
        .skip(begin)
        .take(PORTS.len())
        .inspect(|_| looked_at += 1)
        .filter_map(|port| TcpListener::bind(("127.0.0.1", port)).ok())
        .take(count)
        .collect();
    *next = Some((begin + looked_at) % PORTS.len());
    held.iter().map(|listener| listener.local_addr().unwrap()).collect()
}

/// A port of loopback on which nobody listens.
#[must_use]
pub fn closed_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}
