//! Why nothing can be restored from a data directory.

use std::path::PathBuf;

use chronos_state::StateError;

use crate::error::ReplicaError;
use crate::log::error::LogError;
use crate::state::fault::StateFault;

/// Why nothing was salvaged.
#[derive(Debug, thiserror::Error)]
pub enum SalvageError {
    /// A file is missing.
    #[error("{from} is not the data directory of a node: it holds no {name}")]
    NoData {
        /// The directory.
        from: PathBuf,
        /// The file.
        name: &'static str,
    },
    /// The directory to restore from would be changed.
    #[error(
        "cluster.data_dir {data_dir} is, or lies in, the directory {from} that is to be restored from, which stays as it is: \
         set cluster.data_dir to another one, which holds no data"
    )]
    Within {
        /// The directory to restore from.
        from: PathBuf,
        /// The new data directory.
        data_dir: PathBuf,
    },
    /// Another process works on it.
    #[error("{0} cannot be restored from: a Chronos is running on it; stop that first")]
    InUse(PathBuf),
    /// What is in it is damaged, incomplete or newer.
    #[error("{from} cannot be restored from: {why}")]
    Unusable {
        /// The directory.
        from: PathBuf,
        /// The reason.
        why: String,
    },
    /// The new data directory cannot be used, or a file failed.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// There is data already.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Why a state and a log cannot be put together.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("its log.db names no node")]
    Nameless,
    #[error(
        "entry {0} is neither in its state.db nor in its log.db, and without it what follows cannot be applied; \
         take another node, or a backup"
    )]
    Hole(u64),
    #[error(transparent)]
    Apart(#[from] ReplicaError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    State(#[from] StateFault),
}
