//! Reads JSON strictly. Malformed text is refused with its line and column. So is a key that is given
//! twice, of which a usual reader would silently drop one.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Why a text is not JSON. The message has the line and the column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(String);

/// Reads one JSON value.
///
/// # Errors
/// The bytes are not UTF-8 or not JSON, or an object has a key twice.
pub fn parse_json(bytes: &[u8]) -> Result<Value, JsonError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| JsonError(format!("not UTF-8 after byte {}", error.valid_up_to())))?;
    if text.trim().is_empty() {
        return Err(JsonError("the body is empty; expected a JSON object".into()));
    }
    let strict: Strict = serde_json::from_str(text).map_err(|error| JsonError(error.to_string()))?;
    Ok(strict.0)
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut out = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if out.contains_key(&key) {
                return Err(A::Error::custom(format!("the key {key:?} is given twice")));
            }
            let Strict(value) = map.next_value()?;
            out.insert(key, value);
        }
        Ok(Value::Object(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        for (text, say) in [
            (&b""[..], "empty"),
            (b"{\n  \"a\": }", "at line 2 column 8"),
            (b"{\"a\": 1} x", "at line 1 column 10"),
            (b"{\"a\": 1, \"a\": 2}", "\"a\" is given twice at line 1 column 12"),
            (b"{\"a\": {\"b\": 1, \"b\": 2}}", "\"b\" is given twice"),
            (b"\xff\xfe", "not UTF-8 after byte 0"),
            (b"[1e999]", "out of range"),
        ] {
            let error = parse_json(text).expect_err("bad").to_string();
            assert!(error.contains(say), "{error}");
        }
        assert!(parse_json("[".repeat(10_000).as_bytes()).is_err());
    }

    #[test]
    fn what_is_json_is_read_as_serde_json_reads_it() {
        let text = r#"{"z": [1, -2, 2.5, null, true, "x\u00e4\n"], "a": {}}"#;
        let value = parse_json(text.as_bytes()).expect("good");
        assert_eq!(value, serde_json::from_str::<Value>(text).expect("good"));
        assert!(value.to_string().starts_with("{\"z\""), "keys keep their order");
    }
}
