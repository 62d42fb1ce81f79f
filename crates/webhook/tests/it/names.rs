//! A network with names of our own, whose addresses change as a test wants.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use chronos_env::{BoxFuture, Env, Listener, Net, Socket};
use tokio::net::TcpStream;

use crate::support::Target;

/// Loopback addresses are this machine's; all others lead to one target.
#[derive(Debug, Default)]
pub struct Names {
    /// What each look-up of a name finds, one after the other. The last one holds for all that follow.
    found: Mutex<HashMap<String, VecDeque<Vec<&'static str>>>>,
    leads_to: Mutex<Option<SocketAddr>>,
    looked_up: Mutex<Vec<String>>,
    connected: Mutex<Vec<SocketAddr>>,
}

impl Names {
    /// A network where all addresses but loopback lead to this target.
    pub fn leading_to(target: &Target) -> Arc<Self> {
        let names = Self::default();
        *names.leads_to.lock().unwrap() = Some(target.address);
        Arc::new(names)
    }

    /// What the next look-ups of a name find.
    pub fn name(&self, name: &str, found: &[&[&'static str]]) {
        let found = found.iter().map(|found| found.to_vec()).collect();
        self.found.lock().unwrap().insert(name.to_owned(), found);
    }

    pub fn env(self: &Arc<Self>) -> Env {
        Env::real().with_net(Arc::clone(self) as _)
    }

    /// The names that were looked up, and the addresses that were connected to, since this was asked last.
    pub fn asked(&self) -> (Vec<String>, Vec<String>) {
        let connected = std::mem::take(&mut *self.connected.lock().unwrap());
        let looked_up = std::mem::take(&mut *self.looked_up.lock().unwrap());
        (looked_up, connected.iter().map(SocketAddr::to_string).collect())
    }
}

impl Net for Names {
    fn lookup<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            if let Ok(literal) = address.parse() {
                return Ok(vec![literal]);
            }
            let (name, port) = address.rsplit_once(':').unwrap();
            self.looked_up.lock().unwrap().push(name.to_owned());
            let mut names = self.found.lock().unwrap();
            let Some(found) = names.get_mut(name) else { return Err(io::ErrorKind::NotFound.into()) };
            let now = if found.len() > 1 { found.pop_front() } else { found.front().cloned() };
            let port = port.parse().unwrap();
            let address = |text: &str| SocketAddr::new(text.parse().unwrap(), port);
            Ok(now.unwrap_or_default().into_iter().map(address).collect())
        })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Socket>> {
        Box::pin(async move {
            self.connected.lock().unwrap().push(address);
            let target = *self.leads_to.lock().unwrap();
            let to = target.filter(|_| !address.ip().to_canonical().is_loopback()).unwrap_or(address);
            Ok(Box::new(TcpStream::connect(to).await?) as Socket)
        })
    }

    /// Only loopback addresses are this machine's.
    fn listen<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        Box::pin(async { Err(io::ErrorKind::AddrNotAvailable.into()) })
    }
}
