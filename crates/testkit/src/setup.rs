//! How a server is to be started.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{Chronos, free_addresses};

/// The tool that makes network namespaces (Debian: `iproute2`).
const IP: &str = "/sbin/ip";
/// The address of the API, as an environment variable.
const ADDRESS: &str = "CHRONOS_SERVER__HTTP__ADDRESS";
/// The address for other nodes, likewise.
const RAFT: &str = "CHRONOS_CLUSTER__RAFT__ADDRESS";

/// What becomes of a server's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTo {
    /// The test reads it.
    Test,
    /// A pipe that nobody reads. It fills up.
    Nobody,
    /// A pipe whose reader is gone. Writing to it fails.
    Gone,
    /// A file.
    File(PathBuf),
}

/// How a server is to be started.
#[derive(Clone)]
pub struct Setup {
    binary: Chronos,
    directory: Arc<TempDir>,
    data_dir: PathBuf,
    config: Option<PathBuf>,
    arguments: Vec<String>,
    namespace: Option<String>,
    keys: Vec<(String, String)>,
    variables: Vec<(OsString, OsString)>,
    open_files: Option<usize>,
    pub(crate) log_to: LogTo,
}

impl Chronos {
    /// How a server of it is to be started: with every key at its default, in a directory of its own, on
    /// a free port.
    #[must_use]
    pub fn setup(self) -> Setup {
        Setup::of(self).key("server.http.address", &free_addresses(1)[0].to_string())
    }
}

impl Setup {
    fn of(binary: Chronos) -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let data_dir = directory.path().join("data");
        let (arguments, keys, variables) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            binary,
            directory,
            data_dir,
            config: None,
            arguments,
            namespace: None,
            keys,
            variables,
            open_files: None,
            log_to: LogTo::Test,
        }
    }

    /// Starts this binary instead, on the same data.
    #[must_use]
    pub fn binary(mut self, binary: Chronos) -> Self {
        self.binary = binary;
        self
    }

    /// Sets a key, such as `dispatcher.http.timeout`, by its environment variable.
    #[must_use]
    pub fn key(self, key: &str, value: &str) -> Self {
        let mut setup = self.without(key);
        setup.keys.push((variable_of(key), value.to_owned()));
        setup
    }

    /// Leaves a key at its default.
    #[must_use]
    pub fn without(mut self, key: &str) -> Self {
        let name = variable_of(key);
        self.keys.retain(|(have, _)| *have != name);
        self
    }

    /// Sets an environment variable that is no key, or no text.
    #[must_use]
    pub fn variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Lets it have so many open files at most.
    #[must_use]
    pub fn open_files(mut self, most: usize) -> Self {
        self.open_files = Some(most);
        self
    }

    /// Where its log goes.
    #[must_use]
    pub fn log_to(mut self, log_to: LogTo) -> Self {
        self.log_to = log_to;
        self
    }

    /// Starts it with one more argument.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Keeps its data there.
    #[must_use]
    pub fn data_dir(mut self, path: &Path) -> Self {
        path.clone_into(&mut self.data_dir);
        self
    }

    /// Runs it in this network namespace.
    #[must_use]
    pub fn namespace(mut self, name: &str) -> Self {
        self.namespace = Some(name.to_owned());
        self
    }

    /// Starts it with `--config` and a `chronos.yaml` of this content.
    #[must_use]
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
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data_dir
    }

    /// The address of its API, where the setup says one.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.value(ADDRESS)?.parse().ok()
    }

    /// Where it listens for other nodes, where the setup says so.
    pub(crate) fn raft(&self) -> Option<SocketAddr> {
        self.value(RAFT)?.parse().ok()
    }

    fn value(&self, variable: &str) -> Option<&str> {
        let (_, value) = self.keys.iter().find(|(name, _)| name == variable)?;
        Some(value)
    }

    pub(crate) fn spawn(&self) -> Child {
        let binary = self.binary.path();
        let mut command = match (&self.namespace, self.open_files) {
            (None, None) => Command::new(binary),
            (None, Some(most)) => {
                // The shell becomes the server.
                let mut command = Command::new("/bin/sh");
                command.arg("-c").arg(format!("ulimit -n {most} && exec \"$0\" \"$@\"")).arg(binary);
                command
            }
            (Some(name), _) => {
                // `ip` becomes the server, so that what is sent to the process reaches it.
                let mut command = Command::new(IP);
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
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let stderr = match &self.log_to {
            LogTo::File(path) => Stdio::from(std::fs::File::create(path).unwrap()),
            LogTo::Test | LogTo::Nobody => Stdio::piped(),
            LogTo::Gone => {
                let (reader, writer) = std::io::pipe().unwrap();
                drop(reader);
                Stdio::from(writer)
            }
        };
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
        command.kill_on_drop(true).spawn().unwrap()
    }
}

/// The environment variable of a key.
fn variable_of(key: &str) -> String {
    format!("CHRONOS_{}", key.replace('.', "__").to_uppercase())
}

/// A start that was refused.
#[derive(Debug)]
pub struct Refused {
    /// The exit code.
    pub code: Option<i32>,
    /// All of standard error, where the test reads it.
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
