//! A running server: the real binary, watched and ended by tests.

use std::net::SocketAddr;
use std::ops::Deref;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::{Child, ChildStderr};
use tokio::task::JoinHandle;

use crate::log::Log;
use crate::setup::LogTo;
use crate::{Api, Chronos, Refused, Setup, soon, until};

/// A running `chronos server`. Speaks the API; is killed when dropped, and then shows its log if
/// the test failed.
pub struct Server {
    api: Api,
    setup: Setup,
    child: Child,
    log: Log,
    /// The task that reads its log, where the test does.
    reading: Option<JoinHandle<()>>,
    /// Its log, where nobody reads it.
    unread: Option<ChildStderr>,
}

impl Chronos {
    /// Starts a server with every key at its default.
    pub async fn start(self) -> Server {
        self.setup().start().await
    }

    /// Starts a server with these keys.
    pub async fn with(self, keys: &[(&str, &str)]) -> Server {
        let set = |setup: Setup, (key, value): &(&str, &str)| setup.key(key, value);
        keys.iter().fold(self.setup(), set).start().await
    }
}

impl Setup {
    /// Starts it and waits for nothing. Its API is where `server.http.address` says.
    #[must_use]
    pub fn launch(self) -> Server {
        let address = self.address().unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        let child = self.spawn();
        Server::of(self, child, address)
    }

    /// Starts it and waits until it serves.
    pub async fn start(self) -> Server {
        let server = self.launch();
        if server.reading.is_some() {
            return server.serving().await;
        }
        // Its log does not say when; it has to have an address.
        until("chronos to be ready", || async {
            server.client().ready().await.ok().filter(|ready| ready.status == "ready")
        })
        .await;
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

impl Server {
    fn of(setup: Setup, mut child: Child, address: SocketAddr) -> Self {
        let log = Log::default();
        let (mut reading, mut unread) = (None, None);
        match (child.stderr.take(), &setup.log_to) {
            (Some(stderr), LogTo::Test) => reading = Some(log.read(stderr)),
            (Some(stderr), LogTo::Nobody) => unread = Some(stderr),
            _ => {}
        }
        Self { api: Api::new(address), setup, child, log, reading, unread }
    }

    /// Waits until it serves, and says where.
    async fn serving(mut self) -> Self {
        let address = tokio::select! {
            line = self.log.find("serving") => line["address"].as_str().unwrap().parse().unwrap(),
            status = self.child.wait() => {
                if let Some(reading) = &mut self.reading {
                    soon("the end of the log", reading).await.unwrap();
                }
                panic!("chronos did not start: {status:?}");
            }
        };
        self.api = Api::new(address);
        self
    }

    /// Where its API listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.api.address()
    }

    /// How it was started.
    #[must_use]
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// All that it logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// All that it logged, once it has ended.
    pub async fn whole_log(&mut self) -> String {
        if let Some(reading) = self.reading.take() {
            soon("the end of the log", reading).await.unwrap();
        }
        self.log()
    }

    /// Begins to read the log that nobody read.
    pub fn read_log(&mut self) {
        if let Some(stderr) = self.unread.take() {
            self.reading = Some(self.log.read(stderr));
        }
    }

    /// The first line of its log with this message.
    pub async fn logged(&self, message: &str) -> Value {
        self.log.find(message).await
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().unwrap().cast_signed()).unwrap()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Whether its process is there.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
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
        assert!(!self.is_running(), "it still runs");
        let address = self.address().to_string();
        // The old one's log matters for the end of the test as well.
        eprintln!("--- log of the process before:\n{}", self.log());
        let setup = self.setup.clone();
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
