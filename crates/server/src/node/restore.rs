//! Makes a new cluster from what another one left: a backup, or the data directory of one of its nodes.

use std::path::Path;

use chronos_env::path_error;
use chronos_replica::{Replayed, Salvaged};
use chronos_state::backup::{self, Counts};
use chronos_types::format_rfc3339;

use super::data_dir;
use super::error::StartError;
use crate::config::{Cluster, Config};

/// Makes the data directory of a node that of a new cluster, from a backup or from the data directory of a node
/// that is stopped. Answers with what was done, for people.
///
/// # Errors
/// What it is to be made from is damaged, in use or from a newer Chronos, or there is data in the
/// directory. Nothing is changed then.
pub fn restore(config: &Config, from: &Path) -> Result<String, StartError> {
    let Cluster { node_id, data_dir, .. } = &config.cluster;
    data_dir::check(data_dir)?;
    // SQLite would take such a name for a URL, and open another file.
    let is_url = from.as_os_str().as_encoded_bytes().starts_with(b"file:");
    let from = if is_url { Path::new(".").join(from) } else { from.to_owned() };
    let from = from.as_path();
    if let Err(error) = std::fs::metadata(from) {
        let why = path_error(from, &error);
        return Err(StartError(format!("{why}; expected a backup, or the data directory of a stopped node")));
    }
    let failed = |error: &dyn std::fmt::Display| StartError(error.to_string());
    let done = |Counts { jobs, executions }, at| {
        let (at, data_dir) = (format_rfc3339(at), data_dir.display());
        format!(
            "{jobs} jobs and {executions} executions, as of {at}, are in {data_dir}; start the node {node_id}, \
             and it is a new cluster"
        )
    };
    if !from.is_dir() {
        let info = backup::restore(from, data_dir, node_id).map_err(|error| failed(&error))?;
        return Ok(done(Counts { jobs: info.jobs, executions: info.executions }, info.at));
    }
    let Salvaged { counts, replayed } =
        chronos_replica::salvage(from, data_dir, node_id).map_err(|error| failed(&error))?;
    let Replayed { node, entries, end, at } = replayed;
    let done = done(counts, at);
    Ok(format!("{done}\n{entries} entries of the log of {node} were replayed; it ends with {end}"))
}
