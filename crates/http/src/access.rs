//! Who sends a request, and whether they may do what it asks for. One layer around all pages answers both: it puts the
//! [`Principal`] into the request, where `Caller` finds it.

mod roles;
mod shown;

use std::io;
use std::net::IpAddr;

use axum::body::{Body, HttpBody as _};
use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use chronos_engine::{Judged, Principal};
use chronos_types::{Role, Token};
use futures::{FutureExt as _, StreamExt as _, stream};

use crate::app::Shared;
use crate::caller::ClientAddress;
use crate::problem::ApiError;
use shown::Shown;

pub(crate) use roles::{Access, Roles};
pub(crate) use shown::SESSION;

/// What the layer works with.
pub(crate) struct Gate {
    pub app: Shared,
    pub roles: Roles,
}

/// What of a request says who sends it, and what they want.
struct Asked {
    access: Access,
    /// Whether it is about all of the cluster.
    is_of_all: bool,
    shown: Shown,
    address: Option<IpAddr>,
}

/// Lets a request through whose sender may do what it asks for. An answer that goes on ends with their key.
pub(crate) async fn check(
    gate: &Gate,
    mut request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    let principal = if gate.app.engine.keys.asks() {
        let asked = gate.asked(&request);
        match gate.admit(asked).await {
            Ok(principal) => principal,
            Err(refused) => return refused.into_response(),
        }
    } else {
        Principal::anybody()
    };
    request.extensions_mut().insert(principal.clone());
    let response = next(request).await;
    if principal.as_key().is_none() || response.body().size_hint().exact().is_some() {
        return response;
    }
    response.map(|body| until_ended(body, principal))
}

impl Gate {
    fn asked(&self, request: &Request) -> Asked {
        let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        let (access, is_of_all) = match path {
            None if request.uri().path() == self.app.metrics_path => (self.app.metrics_access(), true),
            path => {
                let method = request.method();
                (self.roles.needed(method, path), self.roles.is_of_all(method, path))
            }
        };
        let address = request.extensions().get::<ClientAddress>().map(|address| address.get());
        Asked { access, is_of_all, shown: Shown::of(request.headers()), address }
    }

    /// Who it is, where they may do it.
    async fn admit(&self, asked: Asked) -> Result<Principal, ApiError> {
        let Asked { access, is_of_all, shown, address } = asked;
        let needed = match access {
            // Also with a token that is bad: who it is does not matter.
            Access::Open => return Ok(Principal::nobody()),
            Access::Of(role) => role,
        };
        let denied = &self.app.metrics;
        let token = match shown {
            Shown::Token(token) => token,
            Shown::Nothing => {
                denied.denied("no_key");
                return Err(ApiError::no_key());
            }
            Shown::Unreadable => {
                denied.denied("no_key");
                return Err(ApiError::no_bearer());
            }
        };
        let principal = judged(&self.app, &token, address).await?;
        demand(&self.app, &principal, needed, address)?;
        if is_of_all && !principal.scope().is_all() {
            denied.denied("scope");
            return Err(ApiError::limited());
        }
        Ok(principal)
    }
}

/// Whether somebody may do what a role may.
pub(crate) fn demand(
    app: &Shared,
    principal: &Principal,
    needed: Role,
    address: Option<IpAddr>,
) -> Result<(), ApiError> {
    if principal.may(needed) {
        return Ok(());
    }
    app.metrics.denied("role");
    app.limits.refused_role.say(|| {
        let key = principal.as_key();
        tracing::warn!(
            key_id = key.map(|(id, _)| tracing::field::display(id)),
            key_name = key.map(|(_, name)| name.as_str()),
            address = address.map(tracing::field::display),
            needed = needed.as_str(),
            has = principal.role().as_str(),
            "a key asked for what its role may not do"
        );
    });
    Err(ApiError::forbidden(needed, principal.role()))
}

/// Who shows a token.
pub(crate) async fn judged(
    app: &Shared,
    token: &str,
    address: Option<IpAddr>,
) -> Result<Principal, ApiError> {
    let (reason, refused) = match app.engine.keys.judge(token, address).await {
        Judged::Good(principal) => return Ok(principal),
        Judged::TooOften(wait) => ("key_rate", ApiError::key_too_often(wait)),
        Judged::Bad => ("unknown_key", ApiError::bad_key()),
        Judged::TooManyFailures(wait) => ("failures", ApiError::too_many_failures(wait)),
    };
    app.metrics.denied(reason);
    if reason != "key_rate" {
        app.limits.failed_login.say(|| {
            // What it says of its id: of a token that was cut, nothing.
            let id = Token::parse(token).map(|token| token.id());
            tracing::warn!(
                key_id = id.map(tracing::field::display),
                address = address.map(tracing::field::display),
                "a client showed a key that is not good"
            );
        });
    }
    Err(refused)
}

/// A body that breaks off once whoever gets it may ask no more.
fn until_ended(body: Body, principal: Principal) -> Body {
    let (ended, data) = (principal.ended().boxed(), body.into_data_stream());
    let parts = stream::unfold((Some(ended), data), |(ended, mut data)| async move {
        let mut ended = ended?;
        tokio::select! {
            biased;
            () = &mut ended => {
                // The connection is cut, so that nobody takes this for the end.
                let why = axum::Error::new(io::Error::other("the key has ended"));
                Some((Err(why), (None, data)))
            }
            part = data.next() => part.map(|part| (part, (Some(ended), data))),
        }
    });
    Body::from_stream(parts)
}

/// The method by which a page is declared that answers another one too.
fn declared(method: &Method) -> Method {
    if *method == Method::HEAD { Method::GET } else { method.clone() }
}
