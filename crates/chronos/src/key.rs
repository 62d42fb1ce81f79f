//! `chronos key bootstrap`: makes a key while there is none to make it with.

use chronos_client::api::{CreatedKey, KeyRequest};
use chronos_server::config::{Auth, Config};

use super::api;

/// Has the node that the configuration describes make a key that may do all. Answers with it.
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
    api::of_node(config, config.server.http.address)?
        .create_key(&key)
        .await
        .map_err(|error| error.to_string())
}
