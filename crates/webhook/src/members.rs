//! Where the members of the cluster listen for each other. No webhook may go there: whoever speaks to that port may be
//! taken for a node.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use chronos_env::Env;

use super::egress::meant;

/// What asks for the members.
type Ask = Box<dyn Fn() -> Vec<String> + Send + Sync>;

/// The members, once they are known. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Members(Arc<OnceLock<Known>>);

struct Known {
    /// Where this node listens, if it does.
    own: Option<SocketAddr>,
    /// The addresses of all members as of now, `host:port`.
    all: Ask,
}

impl Members {
    /// From now on they are known. It is told once.
    pub(crate) fn know(
        &self,
        own: Option<SocketAddr>,
        all: impl Fn() -> Vec<String> + Send + Sync + 'static,
    ) {
        let _ = self.0.set(Known { own, all: Box::new(all) });
    }

    /// Whether one of them listens at an address. A name is looked up only where the ports are the same. One that is not
    /// found has no address now.
    pub(crate) async fn listen_at(&self, address: SocketAddr, env: &Env) -> bool {
        let Some(known) = self.0.get() else { return false };
        let forms = meant(address.ip());
        if let Some(own) = known.own.filter(|own| own.port() == address.port()) {
            for form in &forms {
                if listens(own, *form, env).await {
                    return true;
                }
            }
        }
        for member in (known.all)() {
            let Some((host, port)) = member.rsplit_once(':') else { continue };
            if port.parse::<u16>() != Ok(address.port()) {
                continue;
            }
            let found = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
                Ok(literal) => vec![SocketAddr::new(literal, address.port())],
                Err(_) => env.lookup(&member).await.unwrap_or_default(),
            };
            if found.iter().any(|found| forms.contains(&found.ip().to_canonical())) {
                return true;
            }
        }
        false
    }
}

/// Whether who listens at `own` is reached at an address of the same port. Who listens at all addresses is reached at
/// each one that is this machine's, which shows in that one can listen there.
async fn listens(own: SocketAddr, address: IpAddr, env: &Env) -> bool {
    if !own.ip().is_unspecified() {
        return own.ip().to_canonical() == address;
    }
    address.is_loopback() || env.listen(&SocketAddr::new(address, 0).to_string()).await.is_ok()
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Members").field("own", &self.0.get().map(|known| known.own)).finish_non_exhaustive()
    }
}
