//! Where other nodes reach this one, and how it reaches them.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use chronos_env::{Env, Listener};
use chronos_peer::{Caller, HttpTransport, PeerTls, Service, TlsError, Transport};
use tokio_util::sync::CancellationToken;

use super::error::StartError;
use crate::config::{Cluster, RaftTls};

/// A port that is open to other nodes. Nobody answers there before [`PeerListener::serve`].
pub(super) struct PeerListener {
    listener: Box<dyn Listener>,
    tls: Option<PeerTls>,
    /// Where others reach it.
    pub(super) advertise: String,
    /// How this node reaches others.
    pub(super) transport: Arc<dyn Transport>,
    /// As which node it calls them.
    pub(super) caller: Caller,
}

impl PeerListener {
    /// Takes the port, and reads the certificates.
    pub(super) async fn open(config: &Cluster, env: &Env) -> Result<Self, StartError> {
        let tls = match &config.raft.tls {
            None | Some(RaftTls::None) => None,
            Some(RaftTls::Files(files)) => Some(PeerTls {
                cert_file: files.cert_file.clone(),
                key_file: files.key_file.clone(),
                ca_file: files.ca_file.clone(),
            }),
        };
        let caller = Caller { node: config.node_id.to_string(), cluster: Arc::new(OnceLock::new()) };
        let transport = HttpTransport::new(tls.as_ref(), caller.clone(), env.clone()).map_err(bad_file)?;
        let address = config.raft.address;
        let cannot = |error| StartError(format!("cluster.raft.address: cannot listen on {address}: {error}"));
        let listener = env.listen(&address.to_string()).await.map_err(cannot)?;
        let advertise = match &config.raft.advertise {
            Some(advertise) => advertise.clone(),
            None => listener.local_address().map_err(cannot)?.to_string(),
        };
        Ok(Self { listener, tls, advertise, transport: Arc::new(transport), caller })
    }

    /// Answers other nodes until `stop`, on at most `most` connections.
    pub(super) fn serve(
        self,
        service: Arc<dyn Service>,
        most: usize,
        stop: CancellationToken,
    ) -> Result<impl Future<Output = ()> + Send + use<>, StartError> {
        let Self { listener, tls, caller, .. } = self;
        chronos_peer::serve(listener, tls.as_ref(), caller, service, most, stop).map_err(bad_file)
    }
}

fn bad_file(error: TlsError) -> StartError {
    StartError(format!("cluster.raft.tls.{}: {}", error.key, error.problem))
}
