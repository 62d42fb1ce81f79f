//! `/session`: a browser turns a key into a cookie, so that no page has to keep the key.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chronos_api::{Session, SessionRequest};
use chronos_engine::{Begun, SESSION_LASTS_MS};
use chronos_types::Invalid;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{self, SESSION};
use crate::app::Shared;
use crate::body::JsonBody;
use crate::caller::{Asker, NoteHeader, Secured};
use crate::code::Code;
use crate::described::{BODY, Problems, WRITE};
use crate::problem::ApiError;
use crate::query::NoQuery;
use crate::respond;

/// Where sessions begin and end.
pub(crate) const PATH: &str = "/session";

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(begin, end))
}

/// Begin a session: a cookie that stands for a key, on every node. It ends with the key, and after 12 hours at most.
///
/// A key has 100 sessions at most; then its oldest one ends.
#[utoipa::path(
    post, path = "/session", tag = "keys", operation_id = "beginSession",
    security(()),
    params(NoteHeader),
    request_body = SessionRequest,
    responses(
        (status = 201, description = "The session; its token is the cookie `chronos_session`", body = Session),
        Problems<{
            BODY | WRITE | Code::NotFound.only() | Code::Unauthenticated.only() | Code::TooManyRequests.only()
        }>,
    )
)]
async fn begin(
    State(app): State<Shared>,
    _: NoQuery,
    secured: Secured,
    asker: Asker,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let JsonBody { value, idempotency: _, held: _held } = body;
    let token = SessionRequest::parse(&value)?;
    if !app.engine.keys.asks() {
        return Err(ApiError::no_sessions());
    }
    let Asker { principal: _, address, note } = asker;
    let principal = access::judged(&app, &token, address).await?;
    if principal.session().is_some() {
        // Else one session after the other would outlast the 12 hours.
        return Err(Invalid::one("token", "is that of a session; expected the token of a key").into());
    }
    let by = principal.by(address, note);
    let Begun { token, expires_at, principal } = app.engine.keys.begin_session(principal, &by).await?;
    let Some((id, name)) = principal.as_key() else { return Err(ApiError::internal()) };
    let session = Session::of(id, name, principal.role(), expires_at);
    let mut response = respond::json(StatusCode::CREATED, &session);
    set_cookie(&mut response, token.secret(), SESSION_LASTS_MS / 1_000, secured);
    respond::keep_nowhere(&mut response);
    Ok(response)
}

/// End the session of the request's cookie, on every node.
#[utoipa::path(
    delete, path = "/session", tag = "keys", operation_id = "endSession",
    security(("key" = ["viewer"])),
    params(NoteHeader),
    responses(
        (status = 204, description = "It has ended, or the request was made by none"),
        Problems<{ WRITE }>,
    )
)]
async fn end(
    State(app): State<Shared>,
    _: NoQuery,
    secured: Secured,
    asker: Asker,
) -> Result<Response, ApiError> {
    let Asker { principal, address, note } = asker;
    if let Some(id) = principal.session() {
        app.engine.keys.end_session(id, &principal.by(address, note)).await?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&mut response, "", 0, secured);
    Ok(response)
}

/// Sets the cookie for so many seconds. A browser that came in the clear would not send one that is `Secure`.
fn set_cookie(response: &mut Response, token: &str, seconds: i64, Secured(is_secured): Secured) {
    let secure = if is_secured { "; Secure" } else { "" };
    let text = format!("{SESSION}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    // Made of digits and letters, so it is always a good header value.
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
}
