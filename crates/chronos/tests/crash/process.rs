//! The real binary, on one data directory and one port for all its lives.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub struct Process {
    child: Child,
    directory: PathBuf,
    pub address: SocketAddr,
}

impl Process {
    pub fn start(directory: &Path) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("its address");
        drop(listener);
        let directory = directory.to_owned();
        Self { child: spawn(&directory, address), directory, address }
    }

    /// As `kill -9` does: the process gets no chance to do anything.
    pub fn kill(&mut self) {
        let ended = self.child.try_wait().expect("the process can be asked");
        assert!(ended.is_none(), "the server ended on its own: {ended:?}");
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process ends");
    }

    pub fn start_again(&mut self) {
        self.child = spawn(&self.directory, self.address);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(directory: &Path, address: SocketAddr) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chronos"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CHRONOS_") {
            command.env_remove(name);
        }
    }
    command
        .arg("server")
        .env("CHRONOS_SERVER__HTTP__ADDRESS", address.to_string())
        .env("CHRONOS_CLUSTER__RAFT__ADDRESS", "127.0.0.1:0")
        .env("CHRONOS_CLUSTER__DATA_DIR", directory)
        .env("CHRONOS_LOGGING__LEVEL", "warn")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary runs")
}
