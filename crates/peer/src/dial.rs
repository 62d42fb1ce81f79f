//! Connects to other nodes by their names, and remembers where they were.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chronos_env::{Env, Socket};
use tokio::time::timeout;

/// How long to wait for a name to be looked up where the node was found before. A lookup that the name servers answer
/// takes less. It must leave time for connecting, for which there are two seconds in all.
const LOOKUP: Duration = Duration::from_millis(500);

/// Connects to other nodes. Their names are looked up for each connection. Where that fails, or takes long, the
/// address that answered last is used: a cluster must not stand still because the name servers do.
pub(super) struct Dialler {
    env: Env,
    /// The address of each node that answered last. There are as many as nodes were ever called.
    last: Mutex<HashMap<String, SocketAddr>>,
}

impl Dialler {
    pub(super) fn new(env: Env) -> Self {
        Self { env, last: Mutex::default() }
    }

    /// Connects to a `host:port`. The caller must bound the time.
    pub(super) async fn connect(&self, to: &str) -> io::Result<Socket> {
        let last = self.last().get(to).copied();
        let (env, name) = (self.env.clone(), to.to_owned());
        // It goes on where this call does not wait for it, so that a later call has the answer.
        let mut lookup = tokio::spawn(async move { env.lookup(&name).await });
        let found = match last {
            None => lookup.await??,
            Some(last) => match timeout(LOOKUP, &mut lookup).await {
                Ok(Ok(Ok(found))) => found,
                failed => {
                    tracing::debug!(to, %last, ?failed, "the name was not found; using its last address");
                    vec![last]
                }
            },
        };
        let (socket, address) = self.env.connect(&found).await?;
        self.last().insert(to.to_owned(), address);
        Ok(socket)
    }

    fn last(&self) -> MutexGuard<'_, HashMap<String, SocketAddr>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
