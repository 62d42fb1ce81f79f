//! The nodes: their configuration, their clocks, disks and links, and what a crash leaves of their files.

mod power;
mod process;

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use chronos_env::{Bug, Env};
use chronos_server::Node;
use chronos_server::config::{ComparePace, Config, HostPattern, LogLimits};
use chronos_types::NodeName;
use tokio::sync::Notify;
use turmoil::Sim;

use crate::client;
use crate::run::Options;
use crate::web::PORT;
use crate::world::{Card, Link, Names, SimClock, SimDisk, SimNet, TICK, env};
use process::{Ended, Process};

/// One node, up or down.
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) disk: Arc<SimDisk>,
    pub(crate) link: Arc<Link>,
    role: Role,
    /// How many nodes found the cluster.
    nodes: usize,
    bug: Option<Bug>,
    names: Names,
    directory: PathBuf,
    /// Counts the starts of the node. Each start has a directory of its own, with the files as the end before
    /// it left them.
    incarnation: u32,
    /// Where the node's host takes the card of each start.
    card: Rc<RefCell<Option<Card>>>,
    running: Option<Running>,
}

/// How a node becomes a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Founder,
    Joins,
    /// It waits until it is invited.
    Guest,
}

struct Running {
    process: Process,
    stop: Arc<Notify>,
    is_stopping: bool,
    pause: Option<Pause>,
}

/// A pause of a process.
#[derive(Clone, Copy, Debug)]
struct Pause {
    /// Whether the whole machine is suspended. Then the monotonic clock does not go on either.
    suspended: bool,
    asleep: Duration,
}

/// What came of a step of a node.
pub(crate) enum Step {
    /// It goes on, or it was down before.
    GoesOn,
    /// It was stopped, and all is in order.
    Stopped,
    /// It could not start, because its disk is full. Whoever supervises it tries again.
    NoSpace,
}

impl Member {
    /// Adds a node to the simulation, which is down.
    pub(crate) fn add(
        sim: &mut Sim<'_>,
        number: usize,
        role: Role,
        options: &Options,
        names: Names,
        root: &Path,
    ) -> Self {
        let card = Rc::<RefCell<Option<Card>>>::default();
        let (name, served) = (format!("n{number}"), Rc::clone(&card));
        sim.host(name.as_str(), move || {
            let card = served.borrow_mut().take();
            async move {
                match card {
                    Some(card) => card.serve().await,
                    None => std::future::pending().await,
                }
            }
        });
        Self {
            clock: Arc::default(),
            disk: Arc::default(),
            link: Arc::default(),
            role,
            nodes: options.nodes,
            bug: options.bug,
            names,
            directory: root.join(&name),
            incarnation: 0,
            card,
            running: None,
            name,
        }
    }

    /// The directory of the node's files now.
    pub(crate) fn files(&self) -> PathBuf {
        self.directory.join(self.incarnation.to_string())
    }

    pub(crate) fn is_up(&self) -> bool {
        self.running.is_some()
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.is_stopping)
    }

    /// Starts the node, which must be down, on the files that it has.
    pub(crate) fn start(&mut self, sim: &mut Sim<'_>) -> io::Result<()> {
        let (net, card) = SimNet::new(Arc::clone(&self.names), Arc::clone(&self.link));
        *self.card.borrow_mut() = Some(card);
        sim.bounce(self.name.as_str());
        let config = config(&self.name, self.role, self.nodes, self.files());
        let env = env(Arc::clone(&self.clock), Arc::clone(&self.disk), net, self.bug);
        let stop = Arc::<Notify>::default();
        let process = Process::start(&self.disk, run(config, env, Arc::clone(&stop)))?;
        self.running = Some(Running { process, stop, is_stopping: false, pause: None });
        Ok(())
    }

    /// Drives the node for one step, which begins at `since`, unless it is paused.
    ///
    /// # Errors
    /// It ended of itself.
    pub(crate) fn step(&mut self, since: Duration) -> Result<Step, String> {
        let _node = tracing::info_span!("node", name = self.name).entered();
        let Some(Running { process, pause, .. }) = &mut self.running else { return Ok(Step::GoesOn) };
        if let Some(pause) = pause {
            pause.asleep += TICK;
            return Ok(Step::GoesOn);
        }
        let Some(ended) = process.step(since) else { return Ok(Step::GoesOn) };
        self.end(since);
        match ended {
            Ok(()) => Ok(Step::Stopped),
            Err(Ended::NoStart(_)) if self.disk.has_no_space() => Ok(Step::NoSpace),
            Err(Ended::NoStart(error)) => Err(format!("{} did not start: {error}", self.name)),
            Err(Ended::Fault(error)) => Err(format!("{} ended of itself: {error}", self.name)),
        }
    }

    /// Pauses the node's process, or its machine. Returns false where it is down or paused already.
    pub(crate) fn pause(&mut self, suspended: bool) -> bool {
        let running = self.running.as_mut().filter(|running| running.pause.is_none());
        running.map(|running| running.pause = Some(Pause { suspended, asleep: Duration::ZERO })).is_some()
    }

    /// Ends the pause, if there is one.
    pub(crate) fn resume(&mut self, since: Duration) {
        let Some(running) = &mut self.running else { return };
        if let Some(Pause { suspended: false, asleep }) = running.pause.take() {
            running.process.catch_up(since, asleep);
        }
    }

    /// Asks the node to stop in order. Returns false where it is down or stops already.
    pub(crate) fn stop(&mut self) -> bool {
        let running = self.running.as_mut().filter(|running| !running.is_stopping);
        let Some(running) = running else { return false };
        running.is_stopping = true;
        running.stop.notify_one();
        true
    }

    /// Ends the node as `kill -9` does. Its next start gets a copy of its files, taken between two pieces of
    /// work, or in the middle of one that hangs. So nothing that the node still does while it is taken down can
    /// reach that copy. Of the bytes that were not durable, `keeps` percent stay: 100 is a killed process, and less
    /// is a machine without power.
    pub(crate) fn crash(&mut self, sim: &mut Sim<'_>, keeps: u64) -> io::Result<Left> {
        let from = self.files();
        self.incarnation += 1;
        copy(&from, &self.files())?;
        let lost = power::cut(&from, &self.files(), keeps)?;
        let torn = self.end(sim.elapsed());
        sim.crash(self.name.as_str());
        Ok(Left { lost, torn })
    }

    /// Loses all files of the node, which must be down.
    pub(crate) fn wipe(&mut self) {
        self.incarnation += 1;
    }

    /// The process is gone. Returns how many pieces of work it left half done.
    fn end(&mut self, since: Duration) -> u64 {
        if let Some(running) = self.running.take() {
            running.process.kill(since);
        }
        self.disk.give_up()
    }
}

/// What a crash left.
pub(crate) struct Left {
    /// How many bytes were lost that were not durable.
    pub(crate) lost: u64,
    /// How many pieces of work were half done.
    pub(crate) torn: u64,
}

/// The life of a process: it serves until it is asked to stop.
async fn run(config: Config, env: Env, stop: Arc<Notify>) -> Result<(), Ended> {
    let node = Node::start(config, env).await.map_err(|error| Ended::NoStart(error.to_string()))?;
    tokio::select! {
        biased;
        fault = node.fault() => return Err(Ended::Fault(fault)),
        () = stop.notified() => {}
    }
    node.stop().await;
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    if !from.exists() {
        return Ok(());
    }
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        // The index of a write-ahead log is shared memory. SQLite makes it anew from the log.
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to.join(name))?;
        } else if !name.to_string_lossy().ends_with("-shm") {
            std::fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}

fn config(name: &str, role: Role, nodes: usize, directory: PathBuf) -> Config {
    let mut config = Config::default();
    config.cluster.node_id = NodeName::parse(name).expect("a name");
    config.cluster.data_dir = directory;
    config.cluster.bootstrap = Some(role == Role::Founder);
    // The guest is a learner, until a voter is removed.
    config.cluster.max_voters = nodes;
    config.cluster.raft.address = Some(([0, 0, 0, 0], 7000).into());
    config.cluster.raft.advertise = Some(format!("{name}:7000"));
    if role != Role::Guest {
        config.cluster.raft.join = (1..=nodes).map(|number| format!("n{number}:7000")).collect();
    }
    // The log is short, so that a node that was away for a while is sent the state.
    let hold_for = Duration::from_secs(2);
    config.cluster.raft.log =
        LogLimits { snapshot_entries: 50, keep_entries: 10, hold_for, ..LogLimits::default() };
    // A run is as long as the rest between two comparisons of the states is otherwise.
    config.cluster.raft.compare = ComparePace { step: Duration::from_secs(1), rest: Duration::from_secs(2) };
    config.server.http.address = ([0, 0, 0, 0], PORT).into();
    config.security.allowed_hosts = vec![HostPattern::parse(name).expect("a name")];
    client::settings(&mut config);
    config
}
