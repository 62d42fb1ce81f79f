//! The `chronos` binary: a node, and the command line.

mod api;
mod clock;
mod dev;
mod key;
mod rotate;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;

use chronos_env::Env;
use chronos_server::config::{self, Config, Loaded};
use chronos_server::telemetry::{self, Lines};
use chronos_server::{Node, StartError};
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Parser, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A fire allocates some hundred small pieces, which another thread frees. With glibc's allocator this took
/// a fifth of the time under load.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long work on blocking threads may take when everything else has ended. It may hang in a file system, and
/// nothing depends on it any more.
const LAST_WORK: Duration = Duration::from_secs(1);

/// Fires HTTP webhooks on time.
#[derive(Parser)]
#[command(name = "chronos", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a node.
    Server {
        /// The configuration file. Without one, every key has its default.
        #[arg(long, env = "CHRONOS_CONFIG", value_name = "FILE", value_parser = file_path())]
        config: Option<PathBuf>,
        /// Leave the cluster when stopped, for a node that will not come back.
        #[arg(long)]
        leave: bool,
    },
    /// Manages a cluster and its data.
    Cluster {
        #[command(subcommand)]
        command: ClusterCommand,
    },
    /// Manages keys of the API.
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Manages the keys that credentials and secrets are sealed by.
    Secret {
        #[command(subcommand)]
        command: SecretCommand,
    },
    /// Runs a node on loopback with a receiver and two example jobs, and shows each call.
    Dev {
        /// The configuration file. Without one, every key has its default.
        #[arg(long, env = "CHRONOS_CONFIG", value_name = "FILE", value_parser = file_path())]
        config: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
enum SecretCommand {
    /// Has the first key of `security.encryption_keys` seal all that is on record. Waits until all nodes have that key, and
    /// until it is done. Once it is, no other key is needed.
    RotateKey {
        /// All other keys are lost. What they have sealed is given up: it has to be written anew.
        #[arg(long)]
        lost: bool,
        /// The configuration file of a node on this machine, which is asked.
        #[arg(long, env = "CHRONOS_CONFIG", value_name = "FILE", value_parser = file_path())]
        config: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
enum ClusterCommand {
    /// Makes a new cluster of this node alone, from a backup (`GET /api/v1/cluster/backup`) or, when a
    /// majority is gone for good, from the data directory of a node that is left. This node's own data
    /// directory (`cluster.data_dir`) must hold no data.
    Restore {
        /// The backup, or the data directory of a stopped node. It is only read.
        from: PathBuf,
        /// The configuration file. Without one, every key has its default.
        #[arg(long, env = "CHRONOS_CONFIG", value_name = "FILE", value_parser = file_path())]
        config: Option<PathBuf>,
    },
    /// Shows the time that the cluster goes by, or says what is to be thought of it, after a clock was wrong.
    Clock {
        /// What you say of the time. Without it, the time is shown.
        say: Option<clock::Say>,
        /// The configuration file of a node on this machine, which is asked.
        #[arg(long, env = "CHRONOS_CONFIG", value_name = "FILE", value_parser = file_path())]
        config: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
enum KeyCommand {
    /// Makes a key that may do all, on the machine of a running node and as its user: the first one, or one more when all
    /// others are lost. Its token is all that is written to standard output.
    ///
    /// Example: TOKEN=$(chronos key bootstrap --config chronos.yaml)
    Bootstrap {
        /// What people call the key.
        #[arg(long, default_value = "bootstrap")]
        name: String,
        /// The configuration file of the node on this machine.
        #[arg(long, env = "CHRONOS_CONFIG", value_name = "FILE", value_parser = file_path())]
        config: Option<PathBuf>,
    },
}

/// Takes the path of a file. An empty one is nobody's wish, and an empty variable is easily set.
fn file_path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(|path: OsString| {
        if path.is_empty() {
            return Err("expected the path of a file, in --config or CHRONOS_CONFIG");
        }
        Ok(PathBuf::from(path))
    })
}

pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let lines = match Lines::stderr() {
        Ok(lines) => lines,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "chronos: no threads: {error}");
            return ExitCode::from(2);
        }
    };
    let done = match cli.command {
        Command::Server { config, leave } => run(config.as_deref(), Run::Server { leave }, &lines),
        Command::Dev { config } => run(config.as_deref(), Run::Example, &lines),
        Command::Cluster { command: ClusterCommand::Restore { from, config } } => {
            restore(&from, config.as_deref())
        }
        Command::Cluster { command: ClusterCommand::Clock { say, config } } => {
            say_of_time(say, config.as_deref())
        }
        Command::Key { command: KeyCommand::Bootstrap { name, config } } => {
            bootstrap_key(&name, config.as_deref())
        }
        Command::Secret { command: SecretCommand::RotateKey { lost, config } } => {
            rotate_key(lost, config.as_deref())
        }
    };
    let (said, code) = match done {
        Ok(()) => (None, ExitCode::SUCCESS),
        Err(Failure::Start(message)) => (Some(message), ExitCode::from(2)),
        Err(Failure::Refused(message)) => (Some(message), ExitCode::FAILURE),
        Err(Failure::Fault(message)) => (Some(format!("stopped: {message}")), ExitCode::FAILURE),
    };
    if let Some(said) = said {
        lines.put(format!("chronos: {said}\n").as_bytes());
    }
    lines.flush(telemetry::LAST_LINES);
    code
}

enum Failure {
    /// The start failed, and the operator can correct the cause.
    Start(String),
    /// The node that was asked did not do it.
    Refused(String),
    /// Something broke while the node ran.
    Fault(String),
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::Start(error.to_string())
    }
}

/// What kind of node to run.
#[derive(Clone, Copy, PartialEq)]
enum Run {
    /// As configured.
    Server { leave: bool },
    /// With a receiver and example jobs.
    Example,
}

fn run(file: Option<&Path>, kind: Run, lines: &Lines) -> Result<(), Failure> {
    let loaded = configuration(file)?;
    let warning = loaded.warning();
    let mut config = loaded.config;
    if kind == Run::Example {
        // People read the logs, and an example must never be open to a network.
        config.logging.format = telemetry::LogFormat::Pretty;
        if !config.server.http.address.ip().is_loopback() {
            let address = config.server.http.address;
            return Err(Failure::Start(format!(
                "server.http.address: {address}: chronos dev listens on loopback only"
            )));
        }
    }
    telemetry::init_logs(config.logging.level, config.logging.format, lines);
    if let Some(warning) = warning {
        tracing::warn!("{warning}");
    }
    let no_threads = |error| Failure::Start(format!("no threads: {error}"));
    // By default tokio reads a variable of the environment, and panics where it is no number.
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    try_threads(workers + 1).map_err(no_threads)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .global_queue_interval(8)
        .worker_threads(workers)
        .thread_keep_alive(Duration::MAX)
        .build()
        .map_err(no_threads)?;
    // While there is one thread for blocking work, further work waits where no other can be started.
    runtime.spawn_blocking(|| ());
    let done = runtime.block_on(serve(config, kind));
    runtime.shutdown_timeout(LAST_WORK);
    done
}

/// Whether so many threads can be started. Where one of its own cannot, tokio panics instead of saying so.
fn try_threads(count: usize) -> std::io::Result<()> {
    let all_started = Mutex::new(());
    let held = all_started.lock();
    std::thread::scope(|scope| {
        let begun = (0..count).try_for_each(|_| {
            let wait = || drop(all_started.lock());
            std::thread::Builder::new().spawn_scoped(scope, wait).map(drop)
        });
        drop(held);
        begun
    })
}

/// The configuration, from a file and the environment.
fn configuration(file: Option<&Path>) -> Result<Loaded, Failure> {
    config::load(file, std::env::vars_os()).map_err(|error| Failure::Start(error.to_string()))
}

/// The same for a command that has no log: a warning goes to standard error.
fn configuration_of_command(file: Option<&Path>) -> Result<Config, Failure> {
    let loaded = configuration(file)?;
    if let Some(warning) = loaded.warning() {
        // Whoever closed it does not want it.
        let _ = writeln!(std::io::stderr(), "warning: {warning}");
    }
    Ok(loaded.config)
}

fn restore(from: &Path, config: Option<&Path>) -> Result<(), Failure> {
    let restored = chronos_server::restore(&configuration_of_command(config)?, from)?;
    // It is done, whether or not somebody reads that it is.
    let _ = writeln!(std::io::stdout(), "{restored}");
    Ok(())
}

fn say_of_time(say: Option<clock::Say>, config: Option<&Path>) -> Result<(), Failure> {
    let config = configuration_of_command(config)?;
    let shown = asking()?.block_on(clock::run(&config, say)).map_err(Failure::Refused)?;
    // Whoever closed the output does not want it.
    let _ = writeln!(std::io::stdout(), "{shown}");
    Ok(())
}

fn bootstrap_key(name: &str, config: Option<&Path>) -> Result<(), Failure> {
    let config = configuration_of_command(config)?;
    let made = asking()?.block_on(key::bootstrap(&config, name)).map_err(Failure::Refused)?;
    let id = &made.key.id;
    let _ = writeln!(std::io::stderr(), "key {id} may do all; its token is shown this once:");
    writeln!(std::io::stdout(), "{}", made.token).map_err(|error| {
        Failure::Refused(format!("the token of key {id} could not be written, so revoke it: {error}"))
    })
}

/// What a command asks a node by.
fn asking() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::Start(format!("no threads: {error}")))
}

fn rotate_key(lost: bool, config: Option<&Path>) -> Result<(), Failure> {
    let config = configuration_of_command(config)?;
    // Whoever closed the output does not want it.
    let tell = |line: &str| drop(writeln!(std::io::stderr(), "{line}"));
    let shown = asking()?.block_on(rotate::run(&config, lost, tell)).map_err(Failure::Refused)?;
    let _ = writeln!(std::io::stdout(), "{shown}");
    Ok(())
}

async fn serve(config: Config, kind: Run) -> Result<(), Failure> {
    // This comes before anything starts, so that an early signal stops the node in order, too.
    let stop = asked_to_stop(kind)?;
    let node = Node::start(config.clone(), Env::real()).await?;
    let example = async {
        if kind == Run::Example
            && let Err(message) = dev::begin(node.address(), &config).await
        {
            return Failure::Start(message);
        }
        std::future::pending().await
    };
    let fault = tokio::select! {
        failure = example => return Err(failure),
        fault = node.fault() => Some(fault),
        () = stop => None,
    };
    match fault {
        Some(message) => Err(Failure::Fault(message)),
        None => {
            if kind == (Run::Server { leave: true }) {
                return node.leave().await.map_err(|error| Failure::Fault(error.to_string()));
            }
            node.stop().await;
            Ok(())
        }
    }
}

/// Listens for SIGTERM and Ctrl-C from now on. The future resolves at the first of them. A second Ctrl-C
/// ends the process at once.
///
/// SIGHUP is passed over, and the log says so once. To many a daemon it means to read its configuration again. A
/// node goes by its configuration from its start to its end: most keys cannot change under what runs by them, and
/// a file that is bad would be found when nobody looks. But `chronos dev` ends with its terminal.
fn asked_to_stop(kind: Run) -> Result<impl Future<Output = ()>, Failure> {
    let failed = |error| Failure::Start(format!("signals cannot be listened for: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = hung_up(&mut hangup, kind) => {}
        }
        tokio::spawn(async move {
            let _ = interrupt.recv().await;
            std::process::exit(130);
        });
    })
}

/// Resolves where a hang-up ends the process.
async fn hung_up(hangup: &mut Signal, kind: Run) {
    let _ = hangup.recv().await;
    if kind == Run::Example {
        return;
    }
    tracing::warn!("SIGHUP changes nothing: the configuration is read at the start only; restart the node");
    std::future::pending().await
}
