//! The nodes: their configuration, their clocks and disks, and what a crash leaves of their files.

mod power;

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use chronos_server::Node;
use chronos_server::config::{Config, LogLimits};
use chronos_types::NodeName;
use turmoil::Sim;

use crate::run::Options;
use crate::world::{SimClock, SimDisk, env};

/// One node, up or down.
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) disk: Arc<SimDisk>,
    directory: PathBuf,
    /// Counts the starts of the node. Each start has a directory of its own, with the files as the crash before
    /// it left them.
    incarnation: Rc<Cell<u32>>,
}

impl Member {
    /// Adds a node to the simulation. It starts when the simulation does.
    pub(crate) fn add(sim: &mut Sim<'_>, number: usize, options: &Options, root: &Path) -> Self {
        let member = Self {
            name: format!("n{number}"),
            clock: Arc::default(),
            disk: Arc::default(),
            directory: root.join(format!("n{number}")),
            incarnation: Rc::default(),
        };
        let Self { name, clock, disk, directory, incarnation } = &member;
        let (name, clock, disk) = (name.clone(), Arc::clone(clock), Arc::clone(disk));
        let (directory, incarnation) = (directory.clone(), Rc::clone(incarnation));
        let (host, Options { nodes, bug, .. }) = (name.clone(), *options);
        sim.host(host, move || {
            let config = config(&name, number == 1, nodes, directory.join(incarnation.get().to_string()));
            let env = env(Arc::clone(&clock), Arc::clone(&disk), bug);
            async move {
                let node = Node::start(config, env).await?;
                Err(node.fault().await.into())
            }
        });
        member
    }

    /// The directory of the node's files now.
    pub(crate) fn files(&self) -> PathBuf {
        self.directory.join(self.incarnation.get().to_string())
    }

    /// Ends the node as `kill -9` does. Its next start gets a copy of its files, taken between two pieces of
    /// work. So nothing that the node still does while it is taken down can reach that copy. Of the bytes that
    /// were not durable, `keeps` percent stay: 100 is a killed process, and less is a machine without power.
    /// Returns how many bytes were lost.
    pub(crate) fn crash(&self, sim: &mut Sim<'_>, keeps: u64) -> io::Result<u64> {
        let from = self.files();
        self.incarnation.set(self.incarnation.get() + 1);
        copy(&from, &self.files())?;
        let lost = power::cut(&from, &self.files(), keeps)?;
        sim.crash(self.name.as_str());
        Ok(lost)
    }

    /// Loses all files of the node, which must be down.
    pub(crate) fn wipe(&self) {
        self.incarnation.set(self.incarnation.get() + 1);
    }
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

fn config(name: &str, founds: bool, count: usize, directory: PathBuf) -> Config {
    let mut config = Config::default();
    config.cluster.node_id = NodeName::parse(name).expect("a name");
    config.cluster.data_dir = directory;
    config.cluster.bootstrap = Some(founds);
    config.cluster.raft.address = Some(([0, 0, 0, 0], 7000).into());
    config.cluster.raft.advertise = Some(format!("{name}:7000"));
    config.cluster.raft.join = (1..=count).map(|number| format!("n{number}:7000")).collect();
    // The log is short, so that a node that was away for a while is sent the state.
    let hold_for = Duration::from_secs(2);
    config.cluster.raft.log =
        LogLimits { snapshot_entries: 50, keep_entries: 10, hold_for, ..LogLimits::default() };
    config.server.http.address = ([0, 0, 0, 0], 8080).into();
    config
}
