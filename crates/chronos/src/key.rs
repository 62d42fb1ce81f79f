//! `chronos key bootstrap`: makes a key while there is none to make it with.

use std::time::Duration;

use chronos_client::Error;
use chronos_client::api::{CreatedKey, KeyRequest};
use chronos_server::config::{Auth, Config};
use tokio::time::Instant;

use super::api;

/// A node that was just started has found or joined its cluster within so long, and that has agreed on its version.
const BEGINS_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What a node answers until then.
const BEGINS: [&str; 3] = ["no_cluster", "no_leader", "cluster_version"];

/// Has the node that the configuration describes make a key that may do all. Answers with it. A node that was just started
/// is waited for.
///
/// # Errors
/// The node did not do it. The error is one sentence for the person at the terminal.
pub(crate) async fn bootstrap(config: &Config, name: &str) -> Result<CreatedKey, String> {
    if !matches!(config.auth, Some(Auth::Keys(_))) {
        return Err(
            "auth: this node asks nobody for a key; expected \"auth: {}\" in its configuration".to_owned()
        );
    }
    let key = KeyRequest { name: name.to_owned(), role: "admin".to_owned(), ..KeyRequest::default() };
    let api = api::of_node(config, config.server.http.address)?;
    let begun = Instant::now();
    loop {
        match api.create_key(&key).await {
            Ok(made) => return Ok(made),
            Err(error) if begins(&error) && begun.elapsed() < BEGINS_WITHIN => {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn begins(error: &Error) -> bool {
    error.problem().is_some_and(|problem| BEGINS.contains(&problem.code.as_str()))
}
