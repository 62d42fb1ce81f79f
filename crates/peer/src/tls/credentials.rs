//! The certificates of this node and of those it has connections with: they are read again when their files change, and a
//! connection ends with the certificate that it was made by.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use chronos_env::Env;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ServerConfig};
use tokio_util::sync::CancellationToken;

use super::identity::{host_of, names};
use super::{Material, PeerNames, PeerTls, Set, TlsError};
use crate::Service;

/// Between two looks at the files and at the certificates of open connections.
const LOOK: Duration = Duration::from_secs(5);

/// How this node shows who it is, and how it judges others. Cheap to clone; clones share what is in use.
#[derive(Clone)]
pub struct Credentials(Arc<Shared>);

struct Shared {
    files: PeerTls,
    env: Env,
    now: Mutex<(Material, Arc<Set>)>,
    /// Knows the members of the cluster, once this node answers others.
    members: OnceLock<Arc<dyn Service>>,
    open: Mutex<Connections>,
}

#[derive(Default)]
struct Connections {
    made: u64,
    here: HashMap<u64, (Certificate, CancellationToken)>,
}

/// What the other end of a connection has shown.
#[derive(Clone)]
struct Certificate {
    /// Its own comes first.
    chain: Vec<CertificateDer<'static>>,
    /// Whether it was called by this node.
    is_called: bool,
}

/// The certificate of an open connection. It is judged again and again for as long as this is kept.
pub(crate) struct Shown {
    credentials: Credentials,
    number: u64,
    certificate: CertificateDer<'static>,
    ends: CancellationToken,
}

impl Credentials {
    /// Reads the files.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub fn read(files: PeerTls, env: Env) -> Result<Self, TlsError> {
        let material = files.read()?;
        let set = Arc::new(files.set_up(&material)?);
        let (now, open) = (Mutex::new((material, set)), Mutex::default());
        Ok(Self(Arc::new(Shared { files, env, now, members: OnceLock::new(), open })))
    }

    /// Uses what is in the files from then on whenever that changes, and ends connections whose certificates are not valid
    /// any more. What cannot be used is passed over, with a line in the log. A loop: it does not end.
    pub async fn follow(self) {
        let mut complaint: Option<TlsError> = None;
        loop {
            tokio::time::sleep(LOOK).await;
            let this = self.clone();
            let looked = self.0.env.blocking(move || this.look()).await;
            match &looked {
                Ok(true) => tracing::info!("the certificates for other nodes were replaced"),
                Ok(false) => {}
                // Once for each of them: while the files are replaced, they may not fit for a moment.
                Err(error) if complaint.as_ref() != Some(error) => {
                    tracing::warn!(
                        %error,
                        "this node keeps its certificates for other nodes, since their files cannot be used"
                    );
                }
                Err(_) => {}
            }
            complaint = looked.err();
        }
    }

    /// Whether there is something new. Connections are judged in any case.
    pub(crate) fn look(&self) -> Result<bool, TlsError> {
        let renewed = self.renew();
        self.judge();
        renewed
    }

    fn renew(&self) -> Result<bool, TlsError> {
        let found = self.0.files.read()?;
        if self.now().0 == found {
            return Ok(false);
        }
        let set = Arc::new(self.0.files.set_up(&found)?);
        *self.now() = (found, set);
        Ok(true)
    }

    /// Ends the connections whose certificates are not valid any more.
    fn judge(&self) {
        let (set, now) = (self.set(), self.time());
        let open: Vec<_> = self.open().here.values().cloned().collect();
        for (certificate, ends) in open {
            if let Err(error) = certificate.judge(&set, now) {
                tracing::warn!(%error, "a connection with another node is closed: its certificate is not valid any more");
                ends.cancel();
            }
        }
    }

    /// Knows the members from now on.
    pub(crate) fn know(&self, members: Arc<dyn Service>) {
        // A second time nothing is new.
        let _ = self.0.members.set(members);
    }

    pub(crate) fn client(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.set().client)
    }

    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.set().server)
    }

    /// The other end of a new connection has shown these.
    ///
    /// # Errors
    /// They are not valid any more, as the authorities may have changed since.
    pub(crate) fn shown(
        &self,
        chain: Option<&[CertificateDer<'static>]>,
        is_called: bool,
    ) -> Result<Shown, String> {
        let certificate = Certificate { chain: chain.unwrap_or_default().to_vec(), is_called };
        certificate.judge(&self.set(), self.time())?;
        let own = certificate.chain.first().cloned().ok_or("it has shown no certificate")?;
        let ends = CancellationToken::new();
        let mut open = self.open();
        open.made += 1;
        let number = open.made;
        open.here.insert(number, (certificate, ends.clone()));
        Ok(Shown { credentials: self.clone(), number, certificate: own, ends })
    }

    fn set(&self) -> Arc<Set> {
        Arc::clone(&self.now().1)
    }

    fn time(&self) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_micros(u64::try_from(self.0.env.now_us()).unwrap_or(0)))
    }

    fn now(&self) -> MutexGuard<'_, (Material, Arc<Set>)> {
        self.0.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> MutexGuard<'_, Connections> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("files", &self.0.files).finish_non_exhaustive()
    }
}

impl Certificate {
    fn judge(&self, set: &Set, now: UnixTime) -> Result<(), String> {
        let (own, between) = self.chain.split_first().ok_or("it has shown no certificate")?;
        let judged = if self.is_called {
            // Names are judged elsewhere, so any will do.
            let name = ServerName::from(IpAddr::from(Ipv4Addr::LOCALHOST));
            set.called.verify_server_cert(own, between, &name, &[], now).map(drop)
        } else {
            set.callers.verify_client_cert(own, between, now).map(drop)
        };
        judged.map_err(|error| error.to_string())
    }
}

impl Shown {
    /// Resolves when the certificate is not valid any more.
    pub(crate) fn ends(&self) -> CancellationToken {
        self.ends.clone()
    }

    /// Whether it is a node of this name that calls. `claimed` is where it says that others reach it, which counts while the
    /// cluster does not know the node.
    ///
    /// # Errors
    /// The certificate names somebody else; for people.
    pub(crate) fn check_caller(&self, node: &str, claimed: Option<&str>) -> Result<(), String> {
        let Shared { files, members, .. } = &*self.credentials.0;
        if files.names == PeerNames::Any || names(&self.certificate, node) {
            return Ok(());
        }
        let known = members.get().and_then(|members| members.address_of(node));
        let Some(host) = known.as_deref().or(claimed).map(host_of) else {
            return Err(format!("the certificate of the caller does not name {node}; {WHAT_TO_DO}"));
        };
        if names(&self.certificate, host) {
            return Ok(());
        }
        Err(format!(
            "the certificate of the caller names neither {node} nor {host}, where that node is; {WHAT_TO_DO}"
        ))
    }

    /// Whether the node at this address was reached.
    ///
    /// # Errors
    /// The certificate names somebody else; for people.
    pub(crate) fn check_called(&self, address: &str) -> Result<(), String> {
        let Shared { files, members, .. } = &*self.credentials.0;
        let host = host_of(address);
        if files.names == PeerNames::Any || names(&self.certificate, host) {
            return Ok(());
        }
        let known = members.get().and_then(|members| members.node_at(address));
        match known {
            Some(node) if names(&self.certificate, &node) => Ok(()),
            Some(node) => {
                Err(format!("its certificate names neither {host} nor {node}, which is there; {WHAT_TO_DO}"))
            }
            None => Err(format!("its certificate does not name {host}; {WHAT_TO_DO}")),
        }
    }
}

/// For the operator.
const WHAT_TO_DO: &str =
    "expected a certificate with that name, or cluster.raft.tls.peer_names: any where names are not to count";

impl Drop for Shown {
    fn drop(&mut self) {
        self.credentials.open().here.remove(&self.number);
    }
}
