//! The files that say how names are looked up. They are read again when they change.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::time::Instant;

use super::NameFiles;
use super::config::Config;
use super::hosts::Hosts;
use super::limits::Limits;
use super::servers::Servers;

/// How much of a file is read. The largest hosts files, lists of what is to be blocked, have some megabytes.
const MAX_BYTES: u64 = 8 << 20;

/// What the files say.
pub(super) struct World {
    pub hosts: Hosts,
    pub servers: Arc<Servers>,
}

/// The files, and what they said when they were last read.
pub(super) struct Files {
    limits: Limits,
    port: u16,
    hosts: Watched,
    resolv_conf: Watched,
    looked: Option<Instant>,
    world: Arc<World>,
}

impl Files {
    /// They are read with the first [`Files::look`].
    pub(super) fn new(files: NameFiles, limits: Limits) -> Self {
        let NameFiles { hosts, resolv_conf, port } = files;
        let servers = Arc::new(Servers::new(&Config::parse(b"", port), limits));
        Self {
            limits,
            port,
            hosts: Watched::new(hosts),
            resolv_conf: Watched::new(resolv_conf),
            looked: None,
            world: Arc::new(World { hosts: Hosts::default(), servers }),
        }
    }

    /// What the files say now, and whether the name servers changed. It looks at the files at most every
    /// [`Limits::look`].
    pub(super) fn look(&mut self, now: Instant) -> (Arc<World>, bool) {
        let is_first = self.looked.is_none();
        if self.looked.is_some_and(|looked| now.duration_since(looked) < self.limits.look) {
            return (Arc::clone(&self.world), false);
        }
        self.looked = Some(now);
        let (hosts, resolv_conf) = (self.hosts.changed(), self.resolv_conf.changed());
        let changed = resolv_conf.is_some();
        if hosts.is_some() || changed {
            let hosts = match hosts {
                Some(bytes) => Hosts::parse(&bytes),
                None => self.world.hosts.clone(),
            };
            let servers = match resolv_conf {
                Some(bytes) => Arc::new(Servers::new(&Config::parse(&bytes, self.port), self.limits)),
                None => Arc::clone(&self.world.servers),
            };
            self.world = Arc::new(World { hosts, servers });
        }
        (Arc::clone(&self.world), changed && !is_first)
    }
}

/// A file, and which version of it was read.
struct Watched {
    path: PathBuf,
    read: Option<Version>,
}

/// Which version of a file it is. An editor changes at least one of these.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Missing,
    There { device: u64, inode: u64, bytes: u64, modified: (i64, i64), changed: (i64, i64) },
}

impl Watched {
    fn new(path: PathBuf) -> Self {
        Self { path, read: None }
    }

    /// The file's content if it is not what was read before. A missing file is an empty one. One that cannot be read
    /// counts as unchanged, since it may be for want of descriptors.
    fn changed(&mut self) -> Option<Vec<u8>> {
        let (version, bytes) = match self.read() {
            Ok(Some(new)) => new,
            Ok(None) => return None,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if self.read == Some(Version::Missing) {
                    return None;
                }
                (Version::Missing, Vec::new())
            }
            Err(error) => {
                tracing::debug!(file = %self.path.display(), %error, "not read; what it said before holds");
                return None;
            }
        };
        self.read = Some(version);
        Some(bytes)
    }

    fn read(&self) -> io::Result<Option<(Version, Vec<u8>)>> {
        let version = Version::of(&std::fs::metadata(&self.path)?);
        if self.read == Some(version) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        File::open(&self.path)?.take(MAX_BYTES).read_to_end(&mut bytes)?;
        Ok(Some((version, bytes)))
    }
}

impl Version {
    fn of(file: &Metadata) -> Self {
        Self::There {
            device: file.dev(),
            inode: file.ino(),
            bytes: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }
}
