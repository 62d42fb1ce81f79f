//! The `chronos server` process.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chronos_client::{Client, Method, StatusCode};
use rustix::process::{Pid, Signal, kill_process};

use super::{api, binary_directory, mounts};
use crate::Result;

/// How long a start may take before it is given up; a node that joins receives the state in it.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a server finds around it, where that is not as usual.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Its standard error is a pipe that nobody reads.
    pub unread_stderr: bool,
    /// This file stands in the place of `/etc/resolv.conf`.
    pub resolv_conf: Option<PathBuf>,
    /// The binary that runs, where it is not that of this build.
    pub binary: Option<PathBuf>,
}

/// A running server; killed with this value.
pub struct Server {
    child: Child,
    directory: PathBuf,
    begun: Instant,
    /// The API.
    pub api: Client,
    /// From the start of the process to a `/ready` that says yes.
    pub ready_after: Duration,
}

impl Server {
    /// Starts it over a data directory, with default settings, and waits until it is ready.
    pub async fn start(directory: &Path) -> Result<Self> {
        let address = free_addresses(1)?;
        Self::spawn(directory, address[0], &[])?.ready().await
    }

    /// Starts it over a data directory, with these environment variables beside the defaults of a
    /// benchmark, and waits for nothing.
    pub fn spawn(directory: &Path, address: SocketAddr, settings: &[(&str, String)]) -> Result<Self> {
        Self::spawn_in(&Surroundings::default(), directory, address, settings)
    }

    /// The same in other surroundings.
    pub fn spawn_in(
        surroundings: &Surroundings,
        directory: &Path,
        address: SocketAddr,
        settings: &[(&str, String)],
    ) -> Result<Self> {
        let stderr = if surroundings.unread_stderr {
            Stdio::piped()
        } else {
            File::options().create(true).append(true).open(directory.join("server.log"))?.into()
        };
        let binary = match &surroundings.binary {
            None => binary_directory()?.join("chronos"),
            Some(binary) => binary.clone(),
        };
        let mut command = match &surroundings.resolv_conf {
            None => Command::new(binary),
            Some(file) => mounts::with_resolv_conf(file, &binary),
        };
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CHRONOS_") {
                command.env_remove(name);
            }
        }
        let begun = Instant::now();
        let child = command
            .arg("server")
            .env("CHRONOS_SERVER__HTTP__ADDRESS", address.to_string())
            .env("CHRONOS_CLUSTER__RAFT__ADDRESS", "127.0.0.1:0")
            .env("CHRONOS_CLUSTER__DATA_DIR", directory)
            .env("CHRONOS_LOGGING__LEVEL", "warn")
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()?;
        let (directory, api) = (directory.to_owned(), api::client(address)?);
        Ok(Self { child, directory, begun, api, ready_after: Duration::ZERO })
    }

    /// Waits until it is ready.
    pub async fn ready(mut self) -> Result<Self> {
        self.until_ok("/ready").await?;
        self.ready_after = self.begun.elapsed();
        Ok(self)
    }

    /// Waits until a page says 200.
    pub async fn until_ok(&mut self, page: &str) -> Result<()> {
        loop {
            let answer = self.api.request(Method::GET, page, &[], "").await;
            if answer.is_ok_and(|answer| answer.status == StatusCode::OK) {
                return Ok(());
            }
            if self.child.try_wait()?.is_some() || self.begun.elapsed() > PATIENCE {
                let log = std::fs::read_to_string(self.directory.join("server.log")).unwrap_or_default();
                return Err(format!("the server does not answer {page} with 200; it says:\n{log}").into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Bytes that wait in its standard error for somebody to read them.
    pub fn unread(&self) -> Result<u64> {
        Ok(self.child.stderr.as_ref().map_or(Ok(0), rustix::io::ioctl_fionread)?)
    }

    /// Where its data lies.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(self.child.id().cast_signed()).ok_or("it has no process")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> Result<()> {
        let begun = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begun.elapsed() > PATIENCE {
                return Err("the server does not end".into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    /// Kills it as a crash would.
    pub fn kill(mut self) -> Result<()> {
        self.end()
    }

    /// The same, where what was known of it is still wanted.
    pub fn end(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Killed already, or ended on its own.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// So many loopback addresses with ports that are free. Another process may take one first; then
/// the server that was to have it does not start.
pub fn free_addresses(count: usize) -> Result<Vec<SocketAddr>> {
    // Held together, so that no two are the same.
    let held: Vec<_> =
        (0..count).map(|_| TcpListener::bind(("127.0.0.1", 0))).collect::<std::io::Result<_>>()?;
    Ok(held.iter().map(TcpListener::local_addr).collect::<std::io::Result<_>>()?)
}
