//! The real `chronos` binary, started, watched and ended by tests.

use std::net::SocketAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Api, free_addresses, soon};

/// How a server is to be started.
#[derive(Clone)]
pub struct Setup {
    directory: Arc<TempDir>,
    data_dir: PathBuf,
    config: Option<PathBuf>,
    arguments: Vec<String>,
    namespace: Option<String>,
    keys: Vec<(String, String)>,
}

impl Setup {
    /// With every key at its default, in a directory of its own, on free ports.
    pub fn new() -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let data_dir = directory.path().join("data");
        Self { directory, data_dir, config: None, arguments: Vec::new(), namespace: None, keys: Vec::new() }
            .key("server.http.address", &free_addresses(1)[0].to_string())
            .key("cluster.raft.address", "127.0.0.1:0")
    }

    /// Sets a key, such as `dispatcher.http.timeout`, by its environment variable.
    pub fn key(mut self, key: &str, value: &str) -> Self {
        let name = format!("CHRONOS_{}", key.replace('.', "__").to_uppercase());
        self.keys.retain(|(have, _)| *have != name);
        self.keys.push((name, value.to_owned()));
        self
    }

    /// Starts it with one more argument.
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Keeps its data there.
    pub fn data_dir(mut self, path: &Path) -> Self {
        path.clone_into(&mut self.data_dir);
        self
    }

    /// Runs it in this network namespace.
    pub fn namespace(mut self, name: &str) -> Self {
        self.namespace = Some(name.to_owned());
        self
    }

    /// Starts it with `--config` and a `chronos.yaml` of this content.
    pub fn yaml(mut self, content: &str) -> Self {
        self.config = Some(self.file("chronos.yaml", content));
        self
    }

    /// Writes a file into the server's directory.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Where it keeps its data.
    pub fn data(&self) -> &Path {
        &self.data_dir
    }

    fn spawn(&self) -> Child {
        let binary = env!("CARGO_BIN_EXE_chronos");
        let mut command = match &self.namespace {
            None => Command::new(binary),
            Some(name) => {
                // `ip` becomes the server, so that what is sent to the process reaches it.
                let mut command = Command::new(super::IP);
                command.args(["netns", "exec", name, binary]);
                command
            }
        };
        command.arg("server").args(&self.arguments).current_dir(self.directory.path());
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        command.env_clear().env("CHRONOS_CLUSTER__DATA_DIR", &self.data_dir);
        command.envs(self.keys.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.kill_on_drop(true).spawn().unwrap()
    }

    /// Starts it and waits until it serves.
    pub async fn start(self) -> Server {
        let mut child = self.spawn();
        let log = Log::default();
        let reading = log.read(child.stderr.take().unwrap());
        let mut server =
            Server { api: Api::new(SocketAddr::from(([127, 0, 0, 1], 0))), setup: self, child, log, reading };
        let address = tokio::select! {
            line = server.log.find("serving") => line["address"].as_str().unwrap().parse().unwrap(),
            status = server.child.wait() => {
                soon("the end of the log", &mut server.reading).await.unwrap();
                panic!("chronos did not start: {status:?}");
            }
        };
        server.api = Api::new(address);
        server
    }

    /// Starts it and waits until it has refused to run.
    pub async fn refused(self) -> Refused {
        let child = self.spawn();
        let output = soon("chronos to refuse to start", child.wait_with_output()).await.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        Refused { code: output.status.code(), stderr }
    }
}

/// A start that was refused.
#[derive(Debug)]
pub struct Refused {
    /// The exit code.
    pub code: Option<i32>,
    /// All of standard error.
    pub stderr: String,
}

impl Refused {
    /// Exit code 2, and one sentence that says all of these.
    #[track_caller]
    pub fn names(&self, parts: &[&str]) {
        assert_eq!(self.code, Some(2), "{self:?}");
        let said: Vec<_> = self.stderr.lines().filter(|line| line.starts_with("chronos: ")).collect();
        assert_eq!(said.len(), 1, "one sentence, of one line: {}", self.stderr);
        for part in parts {
            assert!(said[0].contains(part), "{} lacks {part:?}", said[0]);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }
}

/// What a process has logged so far.
#[derive(Clone, Default)]
struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    changed: Arc<watch::Sender<()>>,
}

impl Log {
    fn read(&self, stream: impl AsyncRead + Unpin + Send + 'static) -> JoinHandle<()> {
        let log = self.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                log.lines.lock().unwrap().push(line);
                log.changed.send_replace(());
            }
        })
    }

    /// The first line with this message, as JSON.
    async fn find(&self, message: &str) -> Value {
        let mut changed = self.changed.subscribe();
        let waiting = async {
            loop {
                changed.mark_unchanged();
                for line in self.lines.lock().unwrap().iter() {
                    let line: Value = serde_json::from_str(line).unwrap_or_default();
                    if line["message"] == message {
                        return line;
                    }
                }
                let _ = changed.changed().await;
            }
        };
        soon(&format!("the log to say {message:?}"), waiting).await
    }

    fn text(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }
}

/// A running `chronos server`. Speaks the API; is killed when dropped, and then shows its log if
/// the test failed.
pub struct Server {
    api: Api,
    setup: Setup,
    child: Child,
    log: Log,
    reading: JoinHandle<()>,
}

impl Server {
    /// With every key at its default.
    pub async fn start() -> Self {
        Setup::new().start().await
    }

    /// With these keys.
    pub async fn with(keys: &[(&str, &str)]) -> Self {
        let set = |setup: Setup, (key, value): &(&str, &str)| setup.key(key, value);
        keys.iter().fold(Setup::new(), set).start().await
    }

    /// Where its API listens.
    pub fn address(&self) -> SocketAddr {
        self.api.address()
    }

    /// How it was started.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// All that it logged.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// The first line of its log with this message.
    pub async fn logged(&self, message: &str) -> Value {
        self.log.find(message).await
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().unwrap().cast_signed()).unwrap()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Ends it as a power cut would: nothing is said, nothing is flushed.
    pub async fn kill(&mut self) {
        soon("chronos to die", self.child.kill()).await.unwrap();
    }

    /// Asks it to stop, and does not wait.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        soon("chronos to end", self.child.wait()).await.unwrap()
    }

    /// Stops it in order.
    pub async fn stop(&mut self) {
        self.terminate();
        let status = self.ended().await;
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// Another start on the same data and the same port, after the end of this one.
    pub async fn again(mut self) -> Self {
        let status = self.child.try_wait().unwrap();
        assert!(status.is_some(), "it still runs");
        let address = self.address().to_string();
        // The old one's log matters for the end of the test as well.
        eprintln!("--- log of the process before:\n{}", self.log());
        let setup = std::mem::replace(&mut self.setup, Setup::new());
        drop(self);
        setup.key("server.http.address", &address).start().await
    }
}

impl Deref for Server {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of chronos on {}:\n{}", self.address(), self.log());
        }
    }
}
