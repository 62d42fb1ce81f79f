//! Keys of the API and sessions, as clients see them.

use chronos_types::{Invalid, KeyId, KeyName, KeyScope, MAX_KEY_PER_SECOND, Role, clip, format_rfc3339};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::WrittenTime;
use crate::actor::Actor;
use crate::fields::{Fields, names_of};

/// A key that is to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyRequest {
    /// What people call it: it is shown with all that the key does. 1 to 100 bytes of text without control characters.
    #[schema(min_length = 1, max_length = 100, example = "deploy")]
    pub name: String,
    /// What it may do: `viewer`, `operator`, `editor` or `admin`. Each may also do what those before it may.
    #[schema(example = "editor")]
    pub role: String,
    /// When it ends by itself: a time to come (RFC 3339). Without one it lasts until it is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// At most so many requests a second, to each node. Without it there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100_000, example = 50)]
    pub per_second: Option<u32>,
    /// What it is limited to: values of the tag that `security.scope_tag` names, at most 32. It sees the jobs that carry one
    /// of them, and what comes of those; all else is as if it were not there. Without it the key sees all. An admin has
    /// none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 32, example = json!(["billing"]))]
    pub scope: Vec<String>,
}

/// A key that is to be made, once that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyWanted {
    /// What people call it.
    pub name: KeyName,
    /// What it may do.
    pub role: Role,
    /// When it ends by itself.
    pub expires_at: Option<WrittenTime>,
    /// At most so many requests a second.
    pub per_second: Option<u32>,
    /// What it is limited to; all where there is none.
    pub scope: Option<KeyScope>,
}

impl KeyRequest {
    /// Reads the request.
    ///
    /// # Errors
    /// Every bad field. Whether the end is to come is not known here.
    pub fn parse(value: &Value) -> Result<KeyWanted, Invalid> {
        let mut invalid = Invalid::default();
        let Some(fields) = Fields::open(value, "", &mut invalid) else { return Err(invalid) };
        fields.only(names_of!(KeyRequest { name, role, expires_at, per_second, scope }), &[], &mut invalid);
        fields.require("name", "1 to 100 bytes of text", &mut invalid);
        fields.require("role", "one of viewer, operator, editor, admin", &mut invalid);
        let name = fields.parsed("name", KeyName::parse, &mut invalid);
        let role = fields.parsed("role", Role::parse, &mut invalid);
        let expires_at = fields.instant("expires_at", &mut invalid).map(|at| {
            let text = fields.get("expires_at").and_then(Value::as_str).unwrap_or_default().to_owned();
            WrittenTime { text, at }
        });
        let per_second = fields.whole("per_second", 1, MAX_KEY_PER_SECOND.into(), &mut invalid);
        let per_second = per_second.and_then(|count| u32::try_from(count).ok());
        let scope = scope(&fields, &mut invalid);
        match (name, role) {
            (Some(name), Some(role)) if invalid.is_empty() => {
                Ok(KeyWanted { name, role, expires_at, per_second, scope })
            }
            _ => Err(invalid),
        }
    }
}

/// The jobs that something is limited to, by the values of the tag that is the scope.
pub(crate) fn scope(fields: &Fields<'_>, invalid: &mut Invalid) -> Option<KeyScope> {
    const EXPECTED: &str = "expected a list of values of the tag that is the scope";
    let given = fields.get("scope").filter(|given| !given.is_null())?;
    let texts = given.as_array().and_then(|values| {
        values.iter().map(|value| value.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
    });
    let scope = match texts {
        Some(texts) => KeyScope::parse(texts),
        None => Err(format!("{} is no list of texts; {EXPECTED}", clip(&given.to_string()))),
    };
    invalid.check("scope", scope).flatten()
}

/// A key. Its token is not kept, so nobody can read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Key {
    /// Identifier, which is no secret: it is a part of the token, or the beginning of its SHA-256 where the key is in a
    /// configuration.
    #[schema(example = "5f0c1e7a9b3d2468")]
    pub id: String,
    /// What people call it.
    #[schema(example = "deploy")]
    pub name: String,
    /// What it may do: `viewer`, `operator`, `editor` or `admin`.
    #[schema(example = "editor")]
    pub role: String,
    /// `active`, `expired` or `revoked`.
    #[schema(example = "active")]
    pub state: String,
    /// `api`, where it was made by the API, or `configuration`.
    #[schema(example = "api")]
    pub source: String,
    /// The nodes whose configurations have it. Those of all nodes should.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<String>,
    /// When it was made (RFC 3339); null of one of a configuration.
    #[schema(format = DateTime)]
    pub created_at: Option<String>,
    /// Who made it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<Actor>,
    /// When it ends by itself (RFC 3339).
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// At most so many requests a second, to each node; null for no limit.
    pub per_second: Option<u32>,
    /// What it is limited to: values of the tag that is the scope. It is left out where the key sees all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["billing"]))]
    pub scope: Vec<String>,
    /// The beginning of the hour in which it was used last (RFC 3339); null where it was not used yet. It may come
    /// some seconds late.
    #[schema(format = DateTime)]
    pub last_used: Option<String>,
    /// When it was revoked (RFC 3339), if it was.
    #[schema(format = DateTime)]
    pub revoked_at: Option<String>,
    /// Who revoked it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_by: Option<Actor>,
}

/// A key that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedKey {
    /// The token: a secret. It is told this once, and kept nowhere. A client sends it as `Authorization: Bearer ...`.
    #[schema(
        example = "chr_5f0c1e7a9b3d2468_0000000000000000000000000000000000000000000000000000000000000000_1b6fdc5f"
    )]
    pub token: String,
    /// The key.
    pub key: Key,
}

/// All keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyList {
    /// Those that the API made, the oldest first, and behind them those of configurations. Of those that are over, the
    /// oldest are forgotten where there are more than 1,000 keys.
    pub keys: Vec<Key>,
}

/// The key that a session is to stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionRequest {
    /// The token of the key.
    #[schema(
        example = "chr_5f0c1e7a9b3d2468_0000000000000000000000000000000000000000000000000000000000000000_1b6fdc5f"
    )]
    pub token: String,
}

impl SessionRequest {
    /// Reads the request: the token, which no message quotes.
    ///
    /// # Errors
    /// Every bad field.
    pub fn parse(value: &Value) -> Result<String, Invalid> {
        let mut invalid = Invalid::default();
        let Some(fields) = Fields::open(value, "", &mut invalid) else { return Err(invalid) };
        fields.only(names_of!(SessionRequest { token }), &[], &mut invalid);
        fields.require("token", "the token of a key", &mut invalid);
        let token = fields.secret("token", &mut invalid).map(str::to_owned);
        invalid.into_result()?;
        token.ok_or_else(|| Invalid::one("token", "is missing; expected the token of a key"))
    }
}

/// A session of a browser. Its token is a cookie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// The key that it stands for.
    #[schema(example = "5f0c1e7a9b3d2468")]
    pub key_id: String,
    /// What people call the key.
    #[schema(example = "deploy")]
    pub key_name: String,
    /// What it may do.
    #[schema(example = "editor")]
    pub role: String,
    /// When it ends by itself (RFC 3339): with its key, and after 12 hours at most.
    #[schema(format = DateTime)]
    pub expires_at: String,
}

impl Session {
    /// A session of a key.
    #[must_use]
    pub fn of(id: KeyId, name: &KeyName, role: Role, expires_at: i64) -> Self {
        Self {
            key_id: id.to_string(),
            key_name: name.as_str().to_owned(),
            role: role.as_str().to_owned(),
            expires_at: format_rfc3339(expires_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_has_a_name_and_a_role() {
        let wanted = KeyRequest::parse(&json!({"name": "ci", "role": "editor"})).expect("a key");
        assert_eq!((wanted.name.as_str(), wanted.role), ("ci", Role::Editor));
        assert_eq!((wanted.expires_at, wanted.per_second, wanted.scope), (None, None, None));
        let limited = json!({"name": "ci", "role": "editor", "scope": ["web", "ops"]});
        let scope = KeyRequest::parse(&limited).expect("a key").scope.expect("a scope");
        assert_eq!(scope.0.into_iter().collect::<Vec<_>>(), ["ops", "web"]);
        let whole =
            json!({"name": "ci", "role": "viewer", "expires_at": "1970-01-01T00:00:01Z", "per_second": 5});
        let wanted = KeyRequest::parse(&whole).expect("a key");
        assert_eq!((wanted.expires_at.map(|time| time.at), wanted.per_second), (Some(1_000), Some(5)));
        for (bad, field) in [
            (json!({"role": "editor"}), "name"),
            (json!({"name": "ci"}), "role"),
            (json!({"name": "ci", "role": "root"}), "role"),
            (json!({"name": "ci", "role": "viewer", "per_second": 0}), "per_second"),
            (json!({"name": "ci", "role": "viewer", "expires_at": "soon"}), "expires_at"),
            (json!({"name": "ci", "role": "viewer", "scope": "x"}), "scope"),
            (json!({"name": "ci", "role": "viewer", "scope": ["a", "a"]}), "scope"),
            (json!({"name": "ci", "role": "viewer", "scope": [1]}), "scope"),
            (json!({"name": "ci", "role": "viewer", "scopes": ["x"]}), "scopes"),
            (json!([]), ""),
        ] {
            let refused = KeyRequest::parse(&bad).expect_err("refused");
            assert_eq!(refused.fields()[0].field, field, "{bad}");
        }
    }

    #[test]
    fn no_message_quotes_a_token() {
        assert_eq!(SessionRequest::parse(&json!({"token": "chr_x"})).as_deref(), Ok("chr_x"));
        for bad in [json!({}), json!({"token": 12_345_678}), json!({"token": ["12345678"]})] {
            let refused = SessionRequest::parse(&bad).expect_err("refused").to_string();
            assert!(refused.contains("token") && !refused.contains("12345678"), "{refused}");
        }
    }
}
