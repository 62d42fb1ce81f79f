//! Where other nodes reach this one, if any do, and how it reaches them.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use chronos_env::{Env, Listener};
use chronos_peer::{Caller, Credentials, HttpTransport, PeerTls, Service, TlsError, Transport};
use tokio_util::sync::CancellationToken;

use super::error::StartError;
use super::parts::cannot_listen;
use crate::config::{Cluster, RaftTls};

/// How this node and others reach each other. Nobody answers them before [`Peers::serve`].
pub(super) struct Peers {
    /// The port that is open to others. A cluster of one has none, unless an address is configured.
    listener: Option<Box<dyn Listener>>,
    /// The certificates, where this node and others show any.
    pub(super) credentials: Option<Credentials>,
    /// Where others reach it; empty where it listens for none.
    pub(super) advertise: String,
    /// Where it listens for them, if it does.
    pub(super) address: Option<SocketAddr>,
    /// How this node reaches others.
    pub(super) transport: Arc<dyn Transport>,
    /// As which node it calls them.
    pub(super) caller: Caller,
}

impl Peers {
    /// Takes the port, if there is to be one, and reads the certificates.
    pub(super) async fn open(config: &Cluster, env: &Env) -> Result<Self, StartError> {
        let files = match &config.raft.tls {
            None | Some(RaftTls::None) => None,
            Some(RaftTls::Files(files)) => Some(PeerTls {
                cert_file: files.cert_file.clone(),
                key_file: files.key_file.clone(),
                ca_file: files.ca_file.clone(),
                names: files.peer_names,
            }),
        };
        let credentials =
            files.map(|files| Credentials::read(files, env.clone())).transpose().map_err(bad_file)?;
        let (listener, address) = match config.raft.address {
            None => (None, None),
            Some(address) => {
                let (listener, address) = listen(address, env).await?;
                (Some(listener), Some(address))
            }
        };
        let own = address.map(|address| address.to_string());
        let advertise = config.raft.advertise.clone().or(own).unwrap_or_default();
        let caller = Caller {
            node: config.node_id.to_string(),
            address: advertise.clone(),
            cluster: Arc::new(OnceLock::new()),
        };
        let transport = HttpTransport::new(credentials.clone(), caller.clone(), env.clone());
        Ok(Self { listener, credentials, advertise, address, transport: Arc::new(transport), caller })
    }

    /// Answers other nodes until `stop`, on at most `most` connections. None where this node listens for none.
    pub(super) fn serve(
        self,
        service: Arc<dyn Service>,
        most: usize,
        stop: CancellationToken,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        let Self { listener, credentials, caller, .. } = self;
        Some(chronos_peer::serve(listener?, credentials, caller, service, most, stop))
    }
}

async fn listen(address: SocketAddr, env: &Env) -> Result<(Box<dyn Listener>, SocketAddr), StartError> {
    let cannot = |error| cannot_listen("cluster.raft.address", address, &error);
    let listener = env.listen(&address.to_string()).await.map_err(cannot)?;
    let address = listener.local_address().map_err(cannot)?;
    Ok((listener, address))
}

fn bad_file(error: TlsError) -> StartError {
    StartError(format!("cluster.raft.tls.{}: {}", error.key, error.problem))
}
