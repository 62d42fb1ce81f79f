//! What every refusal says: the field, the value and what was expected.

use super::texts;
use crate::support::*;

/// Longer values are told by their length.
const SHOWN: usize = 128;

/// Judges the problem that a request with this body was answered with. Answers the fields that it names.
#[track_caller]
pub fn judge(reply: &Reply, sent: &Value) -> Vec<String> {
    let fields = reply.bad_fields();
    for error in reply.json()["errors"].as_array().unwrap() {
        let (field, message) = (error["field"].as_str().unwrap(), error["message"].as_str().unwrap());
        if let Err(lack) = says_all(sent, field, message) {
            panic!("{}: {field}: {message}\n{lack}; sent: {sent:#}", reply.asked);
        }
    }
    fields
}

fn says_all(sent: &Value, field: &str, message: &str) -> Result<(), String> {
    if field.is_empty() {
        return Err("it names no field".into());
    }
    if !message.contains("expected ") {
        return Err("it does not say what was expected".into());
    }
    let Some(found) = find(sent, field).filter(|found| !found.is_null()) else {
        let is_told = ["is missing", "is null", "it was omitted"].iter().any(|word| message.contains(word));
        return if is_told { Ok(()) } else { Err("there is no such field in what was sent".into()) };
    };
    if let (true, Some(secret)) = (may_be_secret(field), found.as_str()) {
        let is_told = secret.len() > 3 && secret != "[redacted]" && message.contains(secret);
        return if is_told { Err("it shows what may be a secret".into()) } else { Ok(()) };
    }
    let key = field.rsplit('.').next().unwrap_or(field);
    if names(found, message) || message.starts_with("unknown ") || message.contains(&format!("{key:?}")) {
        Ok(())
    } else {
        Err("it does not say which value is meant".into())
    }
}

/// A user's own header may carry anything, and what follows a colon in a user's name is the password. Where an object
/// is expected that holds such fields, a text may be one of them.
fn may_be_secret(field: &str) -> bool {
    let holds_secrets = ["webhook", "webhook.headers", "webhook.auth", "webhook.auth.username"];
    texts::is_secret(field) || field.starts_with("webhook.headers.") || holds_secrets.contains(&field)
}

/// What stands at the path of a field. A key of a user's may have dots of its own.
fn find<'v>(value: &'v Value, field: &str) -> Option<&'v Value> {
    if field.is_empty() {
        return Some(value);
    }
    if let Some((index, rest)) = field.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return find(value.get(index.parse::<usize>().ok()?)?, rest.strip_prefix('.').unwrap_or(rest));
    }
    value.as_object()?.iter().find_map(|(key, value)| {
        let rest = field.strip_prefix(key.as_str())?;
        match rest.strip_prefix('.') {
            Some(inside) => find(value, inside),
            None if rest.is_empty() || rest.starts_with('[') => find(value, rest),
            None => None,
        }
    })
}

/// Whether a message names this value.
fn names(value: &Value, message: &str) -> bool {
    match value {
        Value::Null => message.contains("null"),
        Value::Bool(value) => message.contains(&value.to_string()) || message.contains("a boolean"),
        Value::Number(number) => names_number(number, message) || message.contains("a number"),
        Value::String(text) => names_text(text, message),
        Value::Array(items) => {
            ["an array", "is JSON", "has "].iter().any(|kind| message.contains(kind))
                || items.iter().any(|item| names(item, message))
        }
        Value::Object(fields) => {
            ["an object", "is JSON", "there are "].iter().any(|kind| message.contains(kind))
                || fields.keys().any(|key| message.contains(&format!("{key:?}")))
        }
    }
}

/// Whether a message names a number, in one way to write it or another (`1e300`, `1e+300`).
fn names_number(number: &serde_json::Number, message: &str) -> bool {
    let is_it = |word: &str| word.parse().is_ok_and(|found: f64| Some(found) == number.as_f64());
    message.contains(&number.to_string()) || message.split_whitespace().any(is_it)
}

/// Whether a message quotes a text, the part of it that is wrong, or how long it is.
fn names_text(text: &str, message: &str) -> bool {
    if text.is_empty() {
        return message.contains("\"\"") || message.contains("is empty") || message.contains("has 0 ");
    }
    let is_quoted = |quote: char| {
        let mut pieces = message.split(quote).skip(1).step_by(2);
        pieces.any(|piece: &str| !piece.is_empty() && text.contains(piece.trim_end_matches('…')))
    };
    message.contains(&format!("{text:?}"))
        || message.contains(text)
        || message.contains("[redacted]")
        || text.len() > SHOWN && (message.contains("has ") || message.contains("too long"))
        || text.chars().any(char::is_control) && message.contains("control character")
        || is_quoted('"')
        || is_quoted('\'')
}
