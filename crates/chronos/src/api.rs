//! A client of the node that a configuration describes, on the same machine.

mod trust;

use std::net::SocketAddr;

use chronos_client::{Client, Tcp};
use chronos_server::config::{Auth, Config, Tls};

use trust::PinnedTls;

/// A client of the node that runs by this configuration and whose API is at `address`, for whoever may read its data directory.
///
/// # Errors
/// The certificate or the token of the node cannot be read. The error is one sentence for the person at the terminal.
pub(crate) fn of_node(config: &Config, address: SocketAddr) -> Result<Client, String> {
    let client = client(address, config.server.http.tls.as_ref())?;
    match config.auth {
        // Whoever may read the data directory may do all.
        Some(Auth::Keys(_)) => {
            let token = chronos_server::local_token(&config.cluster.data_dir)?;
            client.token(&token).map_err(|error| error.to_string())
        }
        Some(Auth::None) | None => Ok(client),
    }
}

/// A client of the node whose API is at `address`. `tls` has the node's own certificate, where it serves HTTPS.
///
/// # Errors
/// The certificate cannot be read. The error is one sentence for the person at the terminal.
fn client(address: SocketAddr, tls: Option<&Tls>) -> Result<Client, String> {
    let client = match tls {
        None => Client::new(address.to_string(), Tcp),
        Some(tls) => Client::new(address.to_string(), PinnedTls::from_file(&tls.cert_file)?),
    };
    client.map_err(|error| error.to_string())
}
