//! `/secrets`: named secrets. What is written there is never read back.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chronos_api::{Secret, SecretFacts, SecretInput, SecretPage, SecretUse, Total};
use chronos_engine::{UsedSecret, WrittenSecret};
use chronos_types::SecretName;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::body::JsonBody;
use crate::caller::{Caller, NoteHeader};
use crate::code::Code;
use crate::described::{BODY, Problems, READ, WRITE};
use crate::page::PageText;
use crate::params::Params;
use crate::problem::ApiError;
use crate::query::{Consistent, Fresh, NoQuery, Paging, Query};
use crate::respond;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get, put, delete))
}

/// Under a secret.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "the document is made of it")]
struct SecretPath {
    /// The secret's name: 1 to 63 letters, digits, `-` and `_`
    #[param(example = "slack")]
    name: String,
}

/// List the secrets, in the order of their names, without their values.
#[utoipa::path(
    get, path = "/api/v1/secrets", tag = "secrets", operation_id = "listSecrets",
    security(("key" = ["admin"])),
    params(Paging),
    responses(
        (status = 200, description = "A page of secrets", body = SecretPage),
        Problems<{ READ }>,
    )
)]
async fn list(State(app): State<Shared>, mut query: Query) -> Result<Response, ApiError> {
    let binding = query.binding("secrets", "");
    let page = query.page(&binding);
    query.finish()?;
    let text = PageText::new("secrets", binding, |row: &UsedSecret| {
        let shown = shown(row);
        Secret { used_by: SecretUse { jobs: None, ..shown.used_by }, ..shown }
    });
    Ok(respond::ready(StatusCode::OK, app.engine.secrets.page(page, text).await?))
}

/// Get a secret, without its value: where it may go, and which jobs name it.
#[utoipa::path(
    get, path = "/api/v1/secrets/{name}", tag = "secrets", operation_id = "getSecret",
    security(("key" = ["admin"])),
    params(
        SecretPath,
        Fresh,
    ),
    responses(
        (status = 200, description = "The secret", body = Secret),
        Problems<{ READ | Code::NotFound.only() | Code::SecretNotFound.only() }>,
    )
)]
async fn get(
    State(app): State<Shared>,
    Params(name): Params<String>,
    Consistent(consistency): Consistent,
) -> Result<Response, ApiError> {
    Ok(respond::json(StatusCode::OK, &shown(&app.engine.secrets.find(&name, consistency).await?)))
}

/// Create a secret, or give it another value, other hosts or another description. Runs from then on are made with it.
/// Where all is as it was, nothing is changed.
#[utoipa::path(
    put, path = "/api/v1/secrets/{name}", tag = "secrets", operation_id = "writeSecret",
    security(("key" = ["admin"])),
    params(
        SecretPath,
        NoteHeader,
    ),
    request_body = SecretInput,
    responses(
        (status = 200, description = "The secret, which was there", body = Secret),
        (status = 201, description = "The secret, which is new", body = Secret),
        Problems<{ BODY | WRITE | Code::NotFound.only() | Code::SecretNotFound.only() | Code::TooManySecrets.only() }>,
    )
)]
async fn put(
    State(app): State<Shared>,
    Params(name): Params<String>,
    _: NoQuery,
    Caller(by): Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let (name, written) = match (SecretName::parse(&name), SecretInput::parse(&body.value)) {
        (Ok(name), Ok(written)) => (name, written),
        (name, written) => {
            let mut invalid = written.err().unwrap_or_default();
            if let Err(error) = name {
                invalid.add("name", error);
            }
            return Err(invalid.into());
        }
    };
    let chronos_api::WrittenSecret { value, hosts, scope, description } = written;
    let written = WrittenSecret { value, hosts, scope, description };
    let (row, is_new) = app.engine.secrets.put(&name, &by, &written).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(respond::json(status, &shown(&row)))
}

/// Delete a secret that no job names.
#[utoipa::path(
    delete, path = "/api/v1/secrets/{name}", tag = "secrets", operation_id = "deleteSecret",
    security(("key" = ["admin"])),
    params(
        SecretPath,
        NoteHeader,
    ),
    responses(
        (status = 204, description = "It is deleted"),
        Problems<{ WRITE | Code::NotFound.only() | Code::SecretNotFound.only() | Code::SecretInUse.only() }>,
    )
)]
async fn delete(
    State(app): State<Shared>,
    Params(name): Params<String>,
    _: NoQuery,
    Caller(by): Caller,
) -> Result<Response, ApiError> {
    app.engine.secrets.delete(&name, &by).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn shown((row, uses): &UsedSecret) -> Secret {
    let facts = SecretFacts {
        name: &row.name,
        version: row.version,
        description: &row.description,
        hosts: &row.hosts,
        scope: &row.scope,
        sealed: row.value.key().is_some(),
        times: (row.created_at, row.updated_at),
        by: row.by.as_ref(),
    };
    let total = Total { count: uses.total.count, exact: uses.total.exact };
    Secret::of(&facts, SecretUse { total, jobs: Some(uses.jobs.clone()) })
}
