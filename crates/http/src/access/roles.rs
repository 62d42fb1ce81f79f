//! [`Roles`]: who may ask for which page. A page declares it with its path: `security(("key" = ["viewer"]))`, and
//! `security(())` where it is open. What declares nothing is for admins alone.

use std::collections::{HashMap, HashSet};

use axum::http::Method;
use chronos_types::Role;
use serde_json::Value;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{OpenApi, PathItem};

use super::{SESSION, declared};
use crate::code::Code;
use crate::{described, session};

/// The name of the scheme by which a program shows a key.
const KEY: &str = "key";

/// What whoever asks for a page must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody.
    Open,
    /// A key of this role, or of one behind it.
    Of(Role),
}

/// Pages with these tags are about all of the cluster: no key that is limited may ask for them, but for sessions.
const OF_ALL: [&str; 4] = ["cluster", "keys", "secrets", "audit"];

/// Who may ask for which page, and which pages no key may that is limited.
#[derive(Debug, Default)]
pub(crate) struct Roles(HashMap<(Method, String), Access>, HashSet<(Method, String)>);

impl Roles {
    /// What the pages of the document declare. In the document, each then says it in full: how a client shows who it is,
    /// and what it is answered where it does not.
    pub(crate) fn of(document: &mut OpenApi) -> Self {
        let (mut roles, mut of_all) = (HashMap::new(), HashSet::new());
        for (path, item) in &mut document.paths.paths {
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
                let Some(access) = access(operation) else { continue };
                let tags = operation.tags.iter().flatten();
                if tags.clone().any(|tag| OF_ALL.contains(&tag.as_str())) && path != session::PATH {
                    of_all.insert((method.clone(), path.clone()));
                }
                if let Access::Of(role) = access {
                    describe(operation, role);
                }
                roles.insert((method, path.clone()), access);
            }
        }
        let schemes = &mut document.components.get_or_insert_default().security_schemes;
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
            "A key of the API, for programs: `Authorization: Bearer chr_...`. Where nobody is asked who they are \
             (`auth: none`, or a node on loopback without `auth`), none is needed.",
        ));
        schemes.insert(KEY.to_owned(), SecurityScheme::Http(bearer.build()).into());
        let cookie =
            ApiKeyValue::with_description(SESSION, "A session, for browsers: `POST /session` begins one.");
        schemes.insert("session".to_owned(), SecurityScheme::ApiKey(ApiKey::Cookie(cookie)).into());
        Self(roles, of_all)
    }

    /// A page that is not in the document and that anybody may read.
    pub(crate) fn open(&mut self, path: &str) {
        self.0.insert((Method::GET, path.to_owned()), Access::Open);
    }

    /// The methods of a page stand at another path, too, but for those that it has of its own.
    pub(crate) fn same(&mut self, path: &str, as_at: &str) {
        let known: Vec<_> = self.0.iter().filter(|((_, at), _)| at == as_at).collect();
        let more: Vec<_> = known.into_iter().map(|((method, _), access)| (method.clone(), *access)).collect();
        for (method, access) in more {
            self.0.entry((method, path.to_owned())).or_insert(access);
        }
    }

    /// Whether a page is about all of the cluster, so that no key may ask for it that is limited. What declares no role is.
    pub(super) fn is_of_all(&self, method: &Method, path: Option<&str>) -> bool {
        let Some(path) = path else { return false };
        let page = (declared(method), path.to_owned());
        self.1.contains(&page) || !self.0.contains_key(&page)
    }

    /// What a request needs. One for what is no page at all needs the least: so strangers do not hear what there is.
    pub(super) fn needed(&self, method: &Method, path: Option<&str>) -> Access {
        let Some(path) = path else { return Access::Of(Role::Viewer) };
        let known = self.0.get(&(declared(method), path.to_owned()));
        known.copied().unwrap_or(Access::Of(Role::Admin))
    }
}

/// What an operation declares, if it declares anything.
fn access(operation: &Operation) -> Option<Access> {
    // The fields of a requirement can be read in this way alone.
    let declared = serde_json::to_value(operation.security.as_ref()?.first()?).ok()?;
    if declared.as_object().is_some_and(serde_json::Map::is_empty) {
        return Some(Access::Open);
    }
    let role = declared.get(KEY)?.get(0).and_then(Value::as_str)?;
    Role::parse(role).ok().map(Access::Of)
}

/// Says in the document what a role means for an operation.
fn describe(operation: &mut Operation, role: Role) {
    let by = |scheme: &str| SecurityRequirement::new(scheme, [role.as_str()]);
    operation.security = Some(vec![by(KEY), by("session")]);
    let codes = Code::Unauthenticated.only() | Code::Forbidden.only() | Code::TooManyRequests.only();
    described::add(operation, codes);
}

#[cfg(test)]
mod tests {
    use utoipa::openapi::path::{HttpMethod, OperationBuilder};
    use utoipa::openapi::{InfoBuilder, PathsBuilder, ResponsesBuilder};

    use super::*;
    use crate::described::{Listed, Problems};

    fn operation(security: Option<SecurityRequirement>) -> Operation {
        let answers = ResponsesBuilder::new().responses_from_into_responses::<Problems<0>>().build();
        let operation = OperationBuilder::new().responses(answers);
        match security {
            Some(security) => operation.security(security).build(),
            None => operation.build(),
        }
    }

    #[test]
    fn a_page_needs_what_it_declares_and_one_that_declares_nothing_needs_an_admin() {
        let editor = operation(Some(SecurityRequirement::new("key", ["editor"])));
        let mut item = PathItem::new(HttpMethod::Put, editor);
        item.get = Some(operation(Some(SecurityRequirement::default())));
        item.delete = Some(operation(None));
        let paths = PathsBuilder::new().path("/a", item);
        let mut document = OpenApi::new(InfoBuilder::new().build(), paths);
        let mut roles = Roles::of(&mut document);
        roles.same("/a/b", "/a");
        for path in ["/a", "/a/b"] {
            for (method, expected) in [
                (Method::GET, Access::Open),
                (Method::HEAD, Access::Open),
                (Method::PUT, Access::Of(Role::Editor)),
                (Method::DELETE, Access::Of(Role::Admin)),
                (Method::OPTIONS, Access::Of(Role::Admin)),
            ] {
                assert_eq!(roles.needed(&method, Some(path)), expected, "{method} {path}");
            }
        }
        assert_eq!(roles.needed(&Method::GET, Some("/other")), Access::Of(Role::Admin));
        assert_eq!(roles.needed(&Method::GET, None), Access::Of(Role::Viewer));
        let put = document.paths.paths["/a"].put.as_ref().expect("an operation");
        assert_eq!(put.security.as_ref().map(Vec::len), Some(2));
        let listed = Listed::of(&document);
        // Who sends it from elsewhere gets 403 too.
        for code in [Code::Unauthenticated, Code::ForeignOrigin, Code::Forbidden, Code::TooManyRequests] {
            assert!(listed.has(&Method::PUT, "/a", code), "{}", code.as_str());
            assert_eq!(
                listed.has(&Method::GET, "/a", code),
                code == Code::ForeignOrigin,
                "{}",
                code.as_str()
            );
        }
    }
}
