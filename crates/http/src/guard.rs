//! Which requests are let in before anybody asks who sends them: what stands between a web page and a node that it can
//! reach, on loopback too.
//!
//! A page of another site can have a browser send requests here, and a page whose name an attacker points at this address
//! can read the answers. So the host that a request names must be one that the node is known by (`authority`), and what a
//! browser says of where a request comes from must be the node itself (`origin`), or an origin that the configuration
//! names (`cors`). A program that is no browser sends none of this, and is let in.

mod authority;
mod cors;
mod origin;
mod proxies;

use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chronos_env::Seldom;
use chronos_types::clip;
use chronos_webhook::Network;

use crate::health;
use crate::problem::ApiError;

pub use authority::HostPattern;
pub use origin::WebOrigin;

/// What the configuration says of who is let in.
#[derive(Debug, Default)]
pub struct Guard {
    /// Names of this node in URLs, beside `localhost`. An address is always taken.
    pub allowed_hosts: Vec<HostPattern>,
    /// Origins whose pages may call the API.
    pub cors_origins: Vec<WebOrigin>,
    /// Proxies that say which client a request is of.
    pub trusted_proxies: Vec<Network>,
    /// Tells of what was refused.
    pub complaint: Seldom,
}

/// Lets a request in, or says why not.
pub(crate) async fn check(
    guard: &Guard,
    mut request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    proxies::resolve(&mut request, &guard.trusted_proxies);
    let mut response = match guard.admit(&request) {
        Ok(Some(origin)) => {
            cors::without_cookies(&mut request);
            let mut response = match cors::preflight(&request) {
                Some(answer) => answer,
                None => next(request).await,
            };
            cors::permit(&mut response, origin);
            response
        }
        Ok(None) => next(request).await,
        Err(refused) => {
            let method = request.method().as_str();
            guard.complaint.say(|| {
                tracing::warn!(
                    method = &*clip(method),
                    path = &*clip(request.uri().path()),
                    reason = refused.detail(),
                    "a request was refused before it was looked at"
                );
            });
            refused.into_response()
        }
    };
    if !guard.cors_origins.is_empty() {
        response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
    }
    response
}

/// Says to browsers of each answer that it is what its header says, and is for pages of this node alone.
pub(crate) fn mark(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    response
}

impl Guard {
    /// Whether a request is let in; with its origin where that is another one, of `cors_origins`.
    fn admit(&self, request: &Request) -> Result<Option<HeaderValue>, ApiError> {
        // Whatever watches over the node calls it by any name, and hears nothing that is worth hiding.
        if health::PATHS.contains(&request.uri().path()) {
            return Ok(None);
        }
        let authority = authority::of(request).map_err(ApiError::bad_host)?;
        if !authority.host.is_served(&self.allowed_hosts) {
            return Err(ApiError::host_not_allowed(&authority.host.to_string()));
        }
        let Some(whence) = origin::foreign(request, &authority) else { return Ok(None) };
        match cors::listed(request.headers(), &self.cors_origins) {
            Some(origin) => Ok(Some(origin)),
            None => Err(ApiError::foreign_origin(&whence)),
        }
    }
}
