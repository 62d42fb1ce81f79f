//! The nodes: their configuration, their clocks and disks, and what a crash leaves of their files.

mod power;

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

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
    /// Counts its starts: each has a directory of its own, as the crash before left it.
    life: Rc<Cell<u32>>,
}

impl Member {
    /// Adds a node to the simulation; it starts with it.
    pub(crate) fn add(sim: &mut Sim<'_>, number: usize, options: &Options, root: &Path) -> Self {
        let member = Self {
            name: format!("n{number}"),
            clock: Arc::default(),
            disk: Arc::default(),
            directory: root.join(format!("n{number}")),
            life: Rc::default(),
        };
        let Self { name, clock, disk, directory, life } = &member;
        let (name, clock, disk) = (name.clone(), Arc::clone(clock), Arc::clone(disk));
        let (directory, life) = (directory.clone(), Rc::clone(life));
        let (host, Options { nodes, bug, .. }) = (name.clone(), *options);
        sim.host(host, move || {
            let config = config(&name, number == 1, nodes, directory.join(life.get().to_string()));
            let env = env(Arc::clone(&clock), Arc::clone(&disk), bug);
            async move {
                let node = Node::start(config, env).await?;
                Err(node.fault().await.into())
            }
        });
        member
    }

    /// Where its files are now.
    pub(crate) fn files(&self) -> PathBuf {
        self.directory.join(self.life.get().to_string())
    }

    /// Ends it as `kill -9` does: its files stay as they are between two pieces of work, and what it
    /// does while it is taken down reaches nobody's files but those it leaves behind. Where its machine
    /// ends, it keeps so many percent of what was not durable; says how many bytes it lost.
    pub(crate) fn crash(&self, sim: &mut Sim<'_>, keeps: u64) -> io::Result<u64> {
        let from = self.files();
        self.life.set(self.life.get() + 1);
        copy(&from, &self.files())?;
        let lost = power::cut(&from, &self.files(), keeps)?;
        sim.crash(self.name.as_str());
        Ok(lost)
    }

    /// Loses all its files, while it is down.
    pub(crate) fn wipe(&self) {
        self.life.set(self.life.get() + 1);
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
        // The index of a write-ahead log is memory; it is made anew from the log.
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
    config.cluster.raft.address = ([0, 0, 0, 0], 7000).into();
    config.cluster.raft.advertise = Some(format!("{name}:7000"));
    config.cluster.raft.join = (1..=count).map(|number| format!("n{number}:7000")).collect();
    // Short, so that who was away for a while is sent the state.
    config.cluster.raft.log = LogLimits { snapshot_entries: 50, keep_entries: 10 };
    config.server.http.address = ([0, 0, 0, 0], 8080).into();
    config
}
