//! The `chronos server` process.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use http::{Method, StatusCode};

use super::api::Api;
use super::binary_directory;
use crate::Result;

/// How long a start may take before it is given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running server; killed with this value.
pub struct Server {
    child: Child,
    /// The API.
    pub api: Api,
    /// From the start of the process to a `/ready` that says yes.
    pub ready_after: Duration,
}

impl Server {
    /// Starts it over a data directory, with default settings, and waits until it is ready.
    pub async fn start(directory: &Path) -> Result<Self> {
        let address = free_address()?;
        let log = File::options().create(true).append(true).open(directory.join("server.log"))?;
        let mut command = Command::new(binary_directory()?.join("chronos"));
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
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let mut server = Self { child, api: Api::new(address), ready_after: Duration::ZERO };
        loop {
            if let Ok((StatusCode::OK, _)) = server.api.call(Method::GET, "/ready", None).await {
                server.ready_after = begun.elapsed();
                return Ok(server);
            }
            if server.child.try_wait()?.is_some() || begun.elapsed() > PATIENCE {
                let log = std::fs::read_to_string(directory.join("server.log"))?;
                return Err(format!("the server does not become ready; it says:\n{log}").into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it as a crash would.
    pub fn kill(mut self) -> Result<()> {
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

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}
