//! `/keys`: who may ask.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chronos_api::{Actor, CreatedKey, Key, KeyList, KeyRequest, KeyWanted};
use chronos_engine::{KeySource, ListedKey, MadeKey, NewKey};
use chronos_types::{Invalid, Millis, format_rfc3339};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::body::JsonBody;
use crate::caller::{Caller, NoteHeader};
use crate::code::Code;
use crate::described::{BODY, Problems, READ, WRITE};
use crate::params::Params;
use crate::problem::ApiError;
use crate::query::{Consistent, Fresh, NoQuery};
use crate::respond;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke))
}

/// Under a key.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "the document is made of it")]
struct KeyPath {
    /// The key's id
    #[param(example = "5f0c1e7a9b3d2468")]
    id: String,
}

/// List the keys: those that the API made, and those in the configurations of all nodes.
#[utoipa::path(
    get, path = "/api/v1/keys", tag = "keys", operation_id = "listKeys",
    security(("key" = ["admin"])),
    params(Fresh),
    responses(
        (status = 200, description = "All keys", body = KeyList),
        Problems<{ READ }>,
    )
)]
async fn list(State(app): State<Shared>, Consistent(consistency): Consistent) -> Result<Response, ApiError> {
    let now = app.engine.keys.now();
    let keys = app.engine.keys.list(consistency).await?.into_iter().map(|key| shown(key, now)).collect();
    Ok(respond::json(StatusCode::OK, &KeyList { keys }))
}

/// Create a key. Its token is in the answer, and nowhere else.
///
/// So a request is not repeated by itself: an `Idempotency-Key` is refused, since no answer with a token is kept.
#[utoipa::path(
    post, path = "/api/v1/keys", tag = "keys", operation_id = "createKey",
    security(("key" = ["admin"])),
    params(NoteHeader),
    request_body = KeyRequest,
    responses(
        (status = 201, description = "The key and its token; `Location` says where the key is", body = CreatedKey),
        Problems<{ BODY | WRITE | Code::TooManyKeys.only() | Code::KeyNotFound.only() }>,
    )
)]
async fn create(
    State(app): State<Shared>,
    _: NoQuery,
    Caller(by): Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let JsonBody { value, idempotency, held: _held } = body;
    let KeyWanted { name, role, expires_at, per_second, scope } = KeyRequest::parse(&value)?;
    if idempotency.is_some() {
        let why = "is given; expected none, since no answer with a token is kept to be repeated";
        return Err(Invalid::one("Idempotency-Key", why).into());
    }
    let expires_at = expires_at.map(|time| chronos_engine::Asked { text: time.text, value: time.at });
    let keys = &app.engine.keys;
    let new = NewKey { name, role, expires_at, per_second, scope };
    let MadeKey { token, key } = keys.create(&by, new).await?;
    let key = shown(key, keys.now());
    let place = format!("/api/v1/keys/{}", key.id);
    let created = CreatedKey { token: token.secret().to_owned(), key };
    let mut response = respond::json(StatusCode::CREATED, &created);
    respond::locate(&mut response, &place);
    respond::keep_nowhere(&mut response);
    Ok(response)
}

/// Revoke a key for good. Its sessions, its event streams and the operations that it asked for end within a second, on
/// every node.
///
/// A key of a configuration is denied from then on, whatever the configurations say.
#[utoipa::path(
    delete, path = "/api/v1/keys/{id}", tag = "keys", operation_id = "revokeKey",
    security(("key" = ["admin"])),
    params(KeyPath, NoteHeader),
    responses(
        (status = 200, description = "The key; one that was revoked before stays as it is", body = Key),
        Problems<{ WRITE | Code::NotFound.only() | Code::KeyNotFound.only() | Code::TooManyKeys.only() }>,
    )
)]
async fn revoke(
    State(app): State<Shared>,
    Params(id): Params<String>,
    _: NoQuery,
    Caller(by): Caller,
) -> Result<Response, ApiError> {
    let key = app.engine.keys.revoke(&by, &id).await?;
    Ok(respond::json(StatusCode::OK, &shown(key, app.engine.keys.now())))
}

/// A key as clients see it.
fn shown(key: ListedKey, now: Millis) -> Key {
    let ListedKey {
        id,
        name,
        role,
        source,
        created_at,
        created_by,
        expires_at,
        per_second,
        scope,
        last_used,
        revoked_at,
        revoked_by,
    } = key;
    let (source, nodes) = match source {
        KeySource::Api => ("api", Vec::new()),
        KeySource::Configuration(nodes) => {
            ("configuration", nodes.iter().map(|node| node.as_str().to_owned()).collect())
        }
    };
    let state = match (revoked_at, expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(at)) if at <= now => "expired",
        (None, _) => "active",
    };
    Key {
        id: id.to_string(),
        name: name.as_str().to_owned(),
        role: role.as_str().to_owned(),
        state: state.to_owned(),
        source: source.to_owned(),
        nodes,
        created_at: created_at.map(format_rfc3339),
        created_by: created_by.map(|by| Actor::from(&by.actor)),
        expires_at: expires_at.map(format_rfc3339),
        per_second,
        scope,
        last_used: last_used.map(format_rfc3339),
        revoked_at: revoked_at.map(format_rfc3339),
        revoked_by: revoked_by.map(|by| Actor::from(&by.actor)),
    }
}
