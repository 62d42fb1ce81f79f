//! `/facets`: what jobs have in common.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chronos_api::{Facet, Facets};
use chronos_engine::FacetOf;
use chronos_state::FacetCounts;
use chronos_types::{Invalid, clip};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::caller::Within;
use crate::described::{Problems, READ};
use crate::problem::ApiError;
use crate::query::Query;
use crate::respond;

/// What can be asked for, by name.
const NAMES: &[(&str, FacetOf)] =
    &[("tag", FacetOf::Tag), ("host", FacetOf::Host), ("timezone", FacetOf::Timezone), ("set", FacetOf::Set)];

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list))
}

/// List the commonest tags, hosts, time zones or sets of jobs, with how many jobs have each.
#[utoipa::path(
    get, path = "/api/v1/facets", tag = "jobs", operation_id = "listFacets",
    security(("key" = ["viewer"])),
    params(
        ("of" = String, Query, description = "Of what: `tag`, `host`, `timezone` or `set`", example = "tag"),
    ),
    responses(
        (status = 200, description = "The commonest hundred", body = Facets),
        Problems<{ READ }>,
    )
)]
async fn list(
    State(app): State<Shared>,
    Within(scope): Within,
    mut query: Query,
) -> Result<Response, ApiError> {
    let names: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
    let expected = format!("expected one of {}", names.join(", "));
    let given = query.take("of");
    query.finish()?;
    let given = given.ok_or_else(|| Invalid::one("of", format!("is missing; {expected}")))?;
    let found = NAMES.iter().find(|(name, _)| *name == given);
    let (name, of) = found.ok_or_else(|| {
        Invalid::one("of", format!("{:?} is nothing to count by; {expected}", clip(&given)))
    })?;
    let FacetCounts { facets, is_complete } = app.engine.facets.of(&scope, *of).await?;
    let facet = |chronos_state::Facet { key, value, jobs }: chronos_state::Facet| Facet { key, value, jobs };
    let facets = facets.into_iter().map(facet).collect();
    let answer = Facets { of: (*name).to_owned(), facets, complete: is_complete };
    Ok(respond::json(StatusCode::OK, &answer))
}
