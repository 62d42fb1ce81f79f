//! How the document describes what is not done: the problems that an operation answers, and whether it lists them all.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::Response;
use chronos_api::BadField;
use serde_json::Value;
use utoipa::IntoResponses;
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{Content, OpenApi, PathItem, Ref, RefOr, Response as Described, ResponseBuilder};

use crate::code::{Code, Codes};

const EXAMPLES: &str = "#/components/examples/";

/// What every operation may answer.
const ALWAYS: Codes = Code::BadHost.only()
    | Code::ForeignOrigin.only()
    | Code::HostNotAllowed.only()
    | Code::HeadTooLarge.only()
    | Code::Internal.only();
/// Of a request that has parameters, or refuses them.
pub(crate) const QUERY: Codes = Code::Invalid.only();
/// Of one that may have a body.
pub(crate) const BODY: Codes = QUERY
    | Code::MalformedJson.only()
    | Code::BodyIncomplete.only()
    | Code::RequestTimeout.only()
    | Code::BodyTooLarge.only()
    | Code::UnsupportedMediaType.only()
    | Code::Busy.only();
/// Of one that takes an `Idempotency-Key`.
pub(crate) const KEY: Codes = BODY | Code::IdempotencyKeyReused.only();
/// Of one that asks the state.
pub(crate) const READ: Codes = QUERY
    | Code::NoCluster.only()
    | Code::NoLeader.only()
    | Code::OutcomeUnknown.only()
    | Code::DiskFull.only()
    | Code::Stopping.only()
    | Code::Busy.only()
    | Code::QueryTooLong.only();
/// Of one that changes the state.
pub(crate) const WRITE: Codes =
    READ | Code::WriteTooLarge.only() | Code::ClusterVersion.only() | Code::Unreadable.only();
/// Of one that makes the records longer.
pub(crate) const GROWTH: Codes = WRITE | Code::OverMaxBytes.only();
/// Of one under a job.
pub(crate) const JOB: Codes = Code::NotFound.only() | Code::JobNotFound.only();
/// Of one under an execution.
pub(crate) const EXECUTION: Codes = JOB | EXECUTION_ALONE;
/// Of one under an execution that is named without its job.
pub(crate) const EXECUTION_ALONE: Codes = Code::NotFound.only() | Code::ExecutionNotFound.only();
/// Of one that looks at `If-Match`.
pub(crate) const CONDITION: Codes = QUERY | Code::VersionMismatch.only() | Code::Conflict.only();
/// Of one that changes who is a member, or who leads.
pub(crate) const MEMBERSHIP: Codes = QUERY
    | Code::NodeNotFound.only()
    | Code::MembershipRefused.only()
    | Code::NoLeader.only()
    | Code::OutcomeUnknown.only();
/// Of one that starts a run.
pub(crate) const RUN: Codes = Code::Overlap.only() | Code::JobInvalid.only();

/// The answers of an operation that was not done, with these codes and those that every one may answer.
pub(crate) struct Problems<const CODES: Codes>;

impl<const CODES: Codes> IntoResponses for Problems<CODES> {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        // What a later release adds is a problem too.
        let other =
            ResponseBuilder::new().description("It was not done").content(MEDIA_TYPE, content()).build();
        answers(CODES | ALWAYS).chain([("default".to_owned(), other.into())]).collect()
    }
}

/// The answers with these codes, by their statuses.
fn answers(codes: Codes) -> impl Iterator<Item = (String, RefOr<Described>)> {
    let mut by_status = BTreeMap::<u16, Vec<Code>>::new();
    for code in Code::ALL.iter().filter(|code| codes & code.only() != 0) {
        by_status.entry(code.status().as_u16()).or_default().push(*code);
    }
    by_status.into_iter().map(|(status, codes)| (status.to_string(), answer(&codes).into()))
}

/// Has an operation list these codes too, beside those that it lists.
pub(crate) fn add(operation: &mut Operation, codes: Codes) {
    let is_of = |code: &Code, status: &str| codes & code.only() != 0 && code.status().as_str() == status;
    let all = answers(listed(operation) | codes);
    let changed = all.filter(|(status, _)| Code::ALL.iter().any(|code| is_of(code, status)));
    operation.responses.responses.extend(changed);
}

/// The codes that an operation lists.
fn listed(operation: &Operation) -> Codes {
    let mut codes = 0;
    for response in operation.responses.responses.values() {
        let RefOr::T(response) = response else { continue };
        let Some(RefOr::T(content)) = response.content.get(MEDIA_TYPE) else { continue };
        let is_in = |code: &&Code| content.examples.contains_key(code.as_str());
        codes |= Code::ALL.iter().filter(is_in).fold(0, |all, code| all | code.only());
    }
    codes
}

const MEDIA_TYPE: &str = "application/problem+json";

fn content() -> Content {
    Content::new(Some(Ref::from_schema_name("Problem")))
}

fn answer(codes: &[Code]) -> Described {
    let lines: Vec<_> = codes.iter().map(|code| format!("`{}`: {}.", code.as_str(), code.when())).collect();
    let mut content = content();
    for code in codes {
        let example = Ref::new(format!("{EXAMPLES}{}", code.as_str()));
        content.examples.insert(code.as_str().to_owned(), RefOr::Ref(example));
    }
    let answer = ResponseBuilder::new().description(lines.join("\n\n")).content(MEDIA_TYPE, content);
    let asks_for_key = codes.contains(&Code::Unauthenticated) || codes.contains(&Code::Forbidden);
    let is_for_now = codes.iter().all(|code| matches!(code.status().as_u16(), 429 | 503));
    if is_for_now {
        answer.header(header::RETRY_AFTER.as_str(), retry_after()).build()
    } else if asks_for_key {
        answer.header(header::WWW_AUTHENTICATE.as_str(), challenge()).build()
    } else {
        answer.build()
    }
}

fn challenge() -> utoipa::openapi::header::Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
        .description(Some("How to show a key (RFC 6750, section 3)"))
        .example(Some("Bearer realm=\"chronos\"".into()))
        .build()
}

fn retry_after() -> utoipa::openapi::header::Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::Integer).build()))
        .description(Some("Seconds after which to ask again"))
        .example(Some(1.into()))
        .build()
}

/// Has a body that may be left out be just that: a generated client sends it where it is given. Of one that may be null
/// too, the clients in Python send the word that it was not given.
pub(crate) fn leave_out_bodies(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        let PathItem { get, put, post, delete, patch, .. } = item;
        for operation in [get, put, post, delete, patch].into_iter().flatten() {
            let Some(RefOr::T(body)) = &mut operation.request_body else { continue };
            for content in body.content.values_mut() {
                let RefOr::T(content) = content else { continue };
                let Some(RefOr::T(Schema::OneOf(either))) = &content.schema else { continue };
                if let Some(named) = either.items.iter().find(|item| matches!(item, RefOr::Ref(_))) {
                    content.schema = Some(named.clone());
                }
            }
        }
    }
}

/// An example of each code, which the answers refer to.
pub(crate) fn examples() -> BTreeMap<String, RefOr<Example>> {
    let example = |code: &Code| {
        let mut problem = code.problem(code.example().to_owned());
        if let (Code::Invalid, Some((field, message))) = (*code, code.example().split_once(": ")) {
            problem.errors = vec![BadField { field: field.to_owned(), message: message.to_owned() }];
        }
        let value = serde_json::to_value(problem).unwrap_or(Value::Null);
        let example = ExampleBuilder::new().summary(code.when()).value(Some(value)).build();
        (code.as_str().to_owned(), example.into())
    };
    Code::ALL.iter().map(example).collect()
}

/// The problems that each operation lists.
pub(crate) struct Listed(HashMap<(Method, String), Codes>);

impl Listed {
    /// Reads them from the document.
    pub(crate) fn of(document: &OpenApi) -> Self {
        let mut codes = HashMap::new();
        for (path, item) in &document.paths.paths {
            let PathItem { get, put, post, delete, patch, .. } = item;
            let operations = [
                (Method::GET, get),
                (Method::PUT, put),
                (Method::POST, post),
                (Method::DELETE, delete),
                (Method::PATCH, patch),
            ];
            for (method, operation) in operations {
                let Some(operation) = operation else { continue };
                codes.insert((method, path.clone()), listed(operation));
            }
        }
        Self(codes)
    }

    /// Whether an operation lists a code. What is no operation of the document says nothing.
    pub(crate) fn has(&self, method: &Method, path: &str, code: Code) -> bool {
        let method = if method == Method::HEAD { Method::GET } else { method.clone() };
        self.0.get(&(method, path.to_owned())).is_none_or(|codes| codes & code.only() != 0)
    }
}

/// Panics where an answer has a code that its operation does not list. Debug builds look, so each test that meets a
/// problem is also one of the document.
pub(crate) async fn check(State(listed): State<Arc<Listed>>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    if let (Some(path), Some(code)) = (path, response.extensions().get::<Code>()) {
        let path = path.as_str();
        assert!(listed.has(&method, path, *code), "{method} {path} does not list {:?}", code.as_str());
    }
    response
}

#[cfg(test)]
mod tests {
    use utoipa::openapi::path::{HttpMethod, OperationBuilder};
    use utoipa::openapi::{InfoBuilder, PathsBuilder, ResponsesBuilder};

    use super::*;

    #[test]
    fn an_operation_answers_the_codes_that_it_lists_and_no_others() {
        let answers = ResponsesBuilder::new().responses_from_into_responses::<Problems<{ JOB | RUN }>>();
        let operation = OperationBuilder::new().responses(answers.build()).build();
        let paths = PathsBuilder::new().path("/jobs/{job}", PathItem::new(HttpMethod::Get, operation));
        let listed = Listed::of(&OpenApi::new(InfoBuilder::new().build(), paths));
        for (method, path, code, is_listed) in [
            (Method::GET, "/jobs/{job}", Code::JobNotFound, true),
            (Method::HEAD, "/jobs/{job}", Code::JobNotFound, true),
            (Method::GET, "/jobs/{job}", Code::Overlap, true),
            (Method::GET, "/jobs/{job}", Code::Internal, true),
            (Method::GET, "/jobs/{job}", Code::NameTaken, false),
            (Method::HEAD, "/jobs/{job}", Code::NameTaken, false),
            // Of what the document does not have, nothing is said.
            (Method::PUT, "/jobs/{job}", Code::MethodNotAllowed, true),
            (Method::GET, "/api/docs/{*file}", Code::NotFound, true),
        ] {
            assert_eq!(listed.has(&method, path, code), is_listed, "{method} {path} {}", code.as_str());
        }
    }

    #[test]
    fn each_code_has_a_place_of_its_own_in_a_set() {
        assert_eq!(
            Code::ALL.iter().fold(0, |all: Codes, code| all | code.only()).count_ones() as usize,
            Code::ALL.len()
        );
        let statuses: Vec<_> = Code::ALL.iter().map(|code| code.status()).collect();
        assert!(statuses.is_sorted(), "{statuses:?}");
    }
}
