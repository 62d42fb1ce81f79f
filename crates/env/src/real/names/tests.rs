//! Tests of looking names up, with name servers of their own on loopback.
#![allow(clippy::disallowed_methods, reason = "the name servers stand outside of the world that is tested")]

mod answers;
mod cache;
mod files;
mod server;
mod sharing;

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tempfile::TempDir;

use super::failure::Failure;
use super::limits::Limits;
use super::{NameFiles, Names};
use server::{NameServer, Reply};

/// Long enough for anything that happens at all.
const LONG: Duration = Duration::from_secs(30);

async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(LONG, future).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// Limits under which nothing happens by the time but what a test is about.
fn patient() -> Limits {
    Limits {
        question: LONG,
        quick: LONG,
        next_server: LONG,
        other_family: LONG,
        stale_after: LONG,
        look: Duration::ZERO,
        ..Limits::default()
    }
}

/// Names that are looked up as files of a test say.
struct Setup {
    directory: TempDir,
    names: Names,
}

impl Setup {
    /// `resolv_conf` is the whole file. All name servers listen at the port of `server`.
    fn new(server: SocketAddr, resolv_conf: &str, limits: Limits) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let file = |name: &str| directory.path().join(name);
        let files = NameFiles { hosts: file("hosts"), resolv_conf: file("resolv.conf"), port: server.port() };
        let setup = Self { names: Names::with_limits(files, limits), directory };
        setup.write("resolv.conf", resolv_conf);
        setup
    }

    /// The one name server at `server`.
    fn at(server: &NameServer, limits: Limits) -> Self {
        Self::new(server.address, &format!("nameserver {}\n", server.address.ip()), limits)
    }

    /// Replaces a file, as editors do.
    fn write(&self, name: &str, text: &str) {
        let new = self.directory.path().join("new");
        std::fs::write(&new, text).expect("it is written");
        std::fs::rename(new, self.directory.path().join(name)).expect("it is renamed");
    }

    /// The addresses of a name, without the port.
    async fn find(&self, name: &str) -> Result<Vec<String>, Failure> {
        let found = soon(name, self.names.find(&format!("{name}:80"))).await?;
        Ok(found.iter().map(|address| address.ip().to_string()).collect())
    }

    async fn fails(&self, name: &str) -> String {
        self.find(name).await.expect_err(name).to_string()
    }

    /// The value of a metric.
    fn metric(&self, line: &str) -> u64 {
        let mut registry = Registry::default();
        self.names.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("it is encoded");
        let value = text.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {line} in {text}")).parse().expect("a number")
    }

    /// Waits until so many questions are under way.
    async fn until_under_way(&self, count: u64) {
        let wait = async {
            while self.metric("name_questions_running") != count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        soon(&format!("{count} questions under way"), wait).await;
    }
}
