//! `chronos secret rotate-key`: has the first key of `security.encryption_keys` seal all that is on record.

use std::time::Duration;

use chronos_client::Client;
use chronos_client::api::{ClusterEncryption, SealingProgress};
use chronos_server::config::Config;

use super::api;

/// Between looks how far it has come.
const LOOK: Duration = Duration::from_secs(1);

/// Asks the node that the configuration describes, and waits: until all nodes have the key, and then until all is sealed by
/// it. `tell` is told what is waited for. Whoever ends this in between ends nothing but the waiting, once it has begun.
/// Answers with what to show.
///
/// # Errors
/// The node did not do it. The error is one sentence for the person at the terminal.
pub(crate) async fn run(config: &Config, lost: bool, mut tell: impl FnMut(&str)) -> Result<String, String> {
    let client = api::of_node(config, config.server.http.address)?;
    let mut said = String::new();
    let mut say = |line: String| {
        if line != said {
            tell(&line);
            said = line;
        }
    };
    let first = all_have_it(&client, &mut say).await?;
    let mut now = client.rotate_encryption_key(lost).await.map_err(|error| error.to_string())?;
    loop {
        match now.sealing {
            Some(SealingProgress { ended_at: Some(_), failed: 0, .. }) => {
                return Ok(format!("all is sealed by the key {first}, and no other key is needed"));
            }
            Some(SealingProgress { ended_at: Some(_), failed, .. }) if lost => {
                return Ok(format!(
                    "all that could be opened is sealed by the key {first}; {failed} values are lost, and have to be \
                     written anew"
                ));
            }
            Some(SealingProgress { ended_at: Some(_), failed, .. }) => {
                return Err(format!(
                    "{failed} values could not be opened and were left: the log of the leader says why, and the old keys \
                     are still needed"
                ));
            }
            Some(SealingProgress { at, sealed, .. }) => say(format!("{at}: {sealed} values sealed so far")),
            None => say("it begins".to_owned()),
        }
        tokio::time::sleep(LOOK).await;
        now = client.encryption().await.map_err(|error| error.to_string())?;
    }
}

/// Waits until all nodes have the key to change to. Answers with its id.
async fn all_have_it(client: &Client, say: &mut impl FnMut(String)) -> Result<String, String> {
    loop {
        let ClusterEncryption { first_key, nodes_without, .. } =
            client.encryption().await.map_err(|error| error.to_string())?;
        let first = first_key.ok_or(
            "security.encryption_keys of this node has no key; make one (openssl rand -base64 32), name its file there on \
             all nodes, and restart them",
        )?;
        if nodes_without.is_empty() {
            return Ok(first);
        }
        say(format!("waiting until {} has the key {first} too", nodes_without.join(", ")));
        tokio::time::sleep(LOOK).await;
    }
}
