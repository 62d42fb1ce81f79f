//! What no single key can say.

use chronos_types::DurationMs;

use super::choices::{Auth, RaftTls};
use super::keys::{Config, Raft};
use super::load::ConfigError;
use super::tree::Tree;

/// The longest path of a data directory, in bytes. SQLite opens no file whose path has more than 512.
const MAX_DATA_DIR: usize = 400;

pub(super) fn check(config: &Config, tree: &Tree) -> Result<(), ConfigError> {
    let raft = &config.cluster.raft;
    if raft.election_timeout.as_millis() < 5 * raft.heartbeat_interval.as_millis() {
        return Err(tree.refuse(
            "cluster.raft.election_timeout",
            format_args!(
                "{} is less than five heartbeat intervals of {}",
                raft.election_timeout, raft.heartbeat_interval
            ),
        ));
    }
    // A follower that waits longer for a leader than it may fire without one would stop firing at each change of
    // the leader.
    let patience = DurationMs::from_millis(raft.election_timeout.as_millis() * 6 / 5);
    if config.cluster.reassign_after < patience {
        return Err(tree.refuse(
            "cluster.reassign_after",
            format_args!(
                "{} is less than {patience}, for which a node may wait for a leader; expected at least six fifths of \
                 cluster.raft.election_timeout ({})",
                config.cluster.reassign_after, raft.election_timeout
            ),
        ));
    }
    data_dir(config, tree)?;
    scopes(config, tree)?;
    match raft.address {
        None => alone(config, tree)?,
        Some(_) => reachable(raft, tree)?,
    }
    let address = config.server.http.address;
    if config.auth.is_none() && !address.ip().is_loopback() {
        return Err(tree.refuse(
            "server.http.address",
            format_args!(
                "{address} can be reached from other machines and the API asks nobody who they are; expected a \
                 loopback address, \"auth: {{}}\" to ask for keys, or \"auth: none\" to say that this is meant"
            ),
        ));
    }
    Ok(())
}

/// A key may be limited where a tag is the scope, unless it is an admin's.
fn scopes(config: &Config, tree: &Tree) -> Result<(), ConfigError> {
    let Some(Auth::Keys(keys)) = &config.auth else { return Ok(()) };
    for key in keys {
        let Some(scope) = &key.scope else { continue };
        if let Err(why) = scope.check(key.role, config.security.scope_tag.as_deref()) {
            return Err(
                tree.refuse("auth.api_keys", format_args!("the scope of {:?}: {why}", key.name.as_str()))
            );
        }
    }
    Ok(())
}

fn data_dir(config: &Config, tree: &Tree) -> Result<(), ConfigError> {
    let path = &config.cluster.data_dir;
    let length = std::path::absolute(path).map_or(0, |path| path.as_os_str().len());
    if length <= MAX_DATA_DIR {
        return Ok(());
    }
    let shown = path.to_string_lossy();
    Err(tree.refuse(
        "cluster.data_dir",
        format_args!(
            "{:?} has {length} bytes from the root on; expected a path of at most {MAX_DATA_DIR}",
            chronos_types::clip(&shown)
        ),
    ))
}

/// A node without `cluster.raft.address` opens no port for others. So it is a cluster of one, and what is about
/// others would be in vain.
fn alone(config: &Config, tree: &Tree) -> Result<(), ConfigError> {
    let Raft { advertise, join, tls, .. } = &config.cluster.raft;
    let vain = if !join.is_empty() {
        Some(("cluster.raft.join", format!("{join:?}")))
    } else if let Some(advertise) = advertise {
        Some(("cluster.raft.advertise", format!("{advertise:?}")))
    } else if let Some(RaftTls::Files(files)) = tls {
        Some(("cluster.raft.tls", format!("{{cert_file: {:?}, ...}}", files.cert_file)))
    } else if config.cluster.bootstrap == Some(false) {
        Some(("cluster.bootstrap", "false".to_owned()))
    } else {
        None
    };
    let Some((key, value)) = vain else { return Ok(()) };
    Err(tree.refuse(
        key,
        format_args!(
            "{value}, but this node listens for no others; expected cluster.raft.address, such as \"127.0.0.1:7000\", \
             beside it"
        ),
    ))
}

fn reachable(raft: &Raft, tree: &Tree) -> Result<(), ConfigError> {
    let Some(address) = raft.address else { return Ok(()) };
    if raft.tls.is_none() && !address.ip().is_loopback() {
        return Err(tree.refuse(
            "cluster.raft.address",
            format_args!(
                "{address} can be reached from other machines and no certificates say who may speak to it; expected \
                 cluster.raft.tls, a loopback address, or \"tls: none\" to say that this is meant"
            ),
        ));
    }
    if raft.advertise.is_none() && address.ip().is_unspecified() {
        return Err(tree.refuse(
            "cluster.raft.advertise",
            format_args!(
                "{address} is no address that others could call; expected host:port, such as \"chronos-1:7000\""
            ),
        ));
    }
    Ok(())
}
