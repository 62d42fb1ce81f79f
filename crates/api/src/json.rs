//! Reads JSON strictly. Malformed text is refused with its line and column. So is a key that is given
//! twice, of which a usual reader would silently drop one, and what is nested deeper than any input of ours.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Values in one text, those inside others too. The largest job has some hundreds; a mebibyte of `[[],[],...` has
/// hundreds of thousands, and takes thirty times its length in memory.
const MAX_VALUES: usize = 10_000;
/// Values inside each other, the outermost included. A job has four. `serde_json` would end at 128 by itself, and
/// say so in its own words.
const MAX_DEPTH: usize = 32;

/// Why a text is not JSON. The message has the line and the column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(String);

/// Reads one JSON value.
///
/// # Errors
/// The bytes are not UTF-8 or not JSON, an object has a key twice, there are more than 10,000 values, or more than
/// 32 inside each other.
pub fn parse_json(bytes: &[u8]) -> Result<Value, JsonError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| JsonError(format!("not UTF-8 after byte {}", error.valid_up_to())))?;
    // RFC 8259, section 8.1: what some editors put before a text is not of the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(JsonError("the body is empty; expected a JSON object".into()));
    }
    let left = Cell::new(MAX_VALUES);
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Strict { left: &left, depth: 0 }.deserialize(&mut reader);
    value.and_then(|value| reader.end().map(|()| value)).map_err(|error| JsonError(error.to_string()))
}

/// Reads one value, and counts it among those that are left.
#[derive(Clone, Copy)]
struct Strict<'a> {
    left: &'a Cell<usize>,
    /// Values that it is inside of.
    depth: usize,
}

impl Strict<'_> {
    /// For a value inside the one that is read.
    fn inside(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let too_many = || D::Error::custom(format!("more than {MAX_VALUES} values"));
        self.left.set(self.left.get().checked_sub(1).ok_or_else(too_many)?);
        if self.depth == MAX_DEPTH {
            return Err(D::Error::custom(format!("more than {MAX_DEPTH} values inside each other")));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
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
        while let Some(item) = seq.next_element_seed(self.inside())? {
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
            out.insert(key, map.next_value_seed(self.inside())?);
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
            (b"\xef\xbb\xbf", "empty"),
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
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse_json(nested(32).as_bytes()).is_ok());
        for deep in [nested(33), "[".repeat(10_000), "{\"a\":".repeat(10_000)] {
            let error = parse_json(deep.as_bytes()).expect_err("too deep").to_string();
            assert!(error.starts_with("more than 32 values inside each other at line 1"), "{error}");
        }
        let values = |count: usize| format!("[{}0]", "0,".repeat(count - 2));
        assert!(parse_json(values(10_000).as_bytes()).is_ok());
        let error = parse_json(values(10_001).as_bytes()).expect_err("too many").to_string();
        assert!(error.starts_with("more than 10000 values at line 1 column"), "{error}");
    }

    #[test]
    fn what_is_json_is_read_as_serde_json_reads_it() {
        let text = r#"{"z": [1, -2, 2.5, null, true, "x\u00e4\n"], "a": {}}"#;
        let value = parse_json(text.as_bytes()).expect("good");
        assert_eq!(value, serde_json::from_str::<Value>(text).expect("good"));
        assert!(value.to_string().starts_with("{\"z\""), "keys keep their order");
        assert_eq!(parse_json(format!("\u{feff}{text}").as_bytes()), Ok(value), "with a byte order mark");
    }
}
