//! Reads JSON strictly. Malformed text is refused with its line and column. So is a key that is given
//! twice, of which a usual reader would silently drop one, and what is nested deeper than any input of ours.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
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
    let text = text_of(bytes)?;
    let left = Cell::new(MAX_VALUES);
    whole(text, |reader| Strict { left: &left, depth: 0 }.deserialize(reader))
}

/// The text of a body.
fn text_of(bytes: &[u8]) -> Result<&str, JsonError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| JsonError(format!("not UTF-8 after byte {}", error.valid_up_to())))?;
    // RFC 8259, section 8.1: what some editors put before a text is not of the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(JsonError("the body is empty; expected a JSON object".into()));
    }
    Ok(text)
}

/// Reads a text to its end.
fn whole<'t, T>(
    text: &'t str,
    read: impl FnOnce(&mut Reader<'t>) -> Result<T, serde_json::Error>,
) -> Result<T, JsonError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = read(&mut reader);
    value.and_then(|value| reader.end().map(|()| value)).map_err(|error| JsonError(error.to_string()))
}

type Reader<'t> = serde_json::Deserializer<serde_json::de::StrRead<'t>>;

/// An object with a list that may be long.
#[derive(Debug)]
pub(crate) struct WithList<'t> {
    /// The object without the list; or whatever stands in its place.
    pub rest: Value,
    /// The items of the list as they are written, each of them JSON that is not looked at yet.
    pub list: Option<Vec<&'t str>>,
    /// Whether the list has more items.
    pub has_more: bool,
}

/// Reads one JSON object of which the field `name` may have a long list. `most` of its items are found, and are not
/// read: whoever reads one gives it to [`parse_json`]. So a long list takes no memory.
///
/// # Errors
/// As of [`parse_json`]; what its limits count is all but the list.
pub(crate) fn parse_with_list<'t>(
    bytes: &'t [u8],
    name: &str,
    most: usize,
) -> Result<WithList<'t>, JsonError> {
    let text = text_of(bytes)?;
    if !text.trim_start().starts_with('{') {
        let rest = parse_json(bytes)?;
        return Ok(WithList { rest, list: None, has_more: false });
    }
    let left = Cell::new(MAX_VALUES - 1);
    let outer = Outer { name, rest: Strict { left: &left, depth: 0 } };
    let (mut rest, found) = whole(text, |reader| reader.deserialize_map(outer))?;
    let (mut list, mut has_more) = (None, false);
    match found {
        Some(found) if found.starts_with('[') => {
            let items;
            (items, has_more) = whole(found, |reader| reader.deserialize_seq(Items { most }))?;
            list = Some(items);
        }
        Some(found) => {
            rest.insert(name.to_owned(), parse_json(found.as_bytes())?);
        }
        None => {}
    }
    Ok(WithList { rest: Value::Object(rest), list, has_more })
}

/// Reads an object, and one of its fields as it is written.
struct Outer<'a> {
    name: &'a str,
    /// Reads the others.
    rest: Strict<'a>,
}

impl<'de> Visitor<'de> for Outer<'_> {
    type Value = (Map<String, Value>, Option<&'de str>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut rest, mut list) = (Map::new(), None);
        while let Some(key) = map.next_key::<String>()? {
            let is_list = key == self.name;
            if rest.contains_key(&key) || is_list && list.is_some() {
                return Err(A::Error::custom(format!("the key {key:?} is given twice")));
            }
            if is_list {
                list = Some(map.next_value::<&'de RawValue>()?.get());
            } else {
                rest.insert(key, map.next_value_seed(self.rest.inside())?);
            }
        }
        Ok((rest, list))
    }
}

/// Finds the items of a list, as they are written.
struct Items {
    most: usize,
}

impl<'de> Visitor<'de> for Items {
    type Value = (Vec<&'de str>, bool);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while items.len() < self.most {
            match seq.next_element::<&'de RawValue>()? {
                Some(item) => items.push(item.get()),
                None => return Ok((items, false)),
            }
        }
        let mut has_more = false;
        while seq.next_element::<IgnoredAny>()?.is_some() {
            has_more = true;
        }
        Ok((items, has_more))
    }
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
    fn a_long_list_is_found_and_not_read() {
        let read =
            |text: &'static str| parse_with_list(text.as_bytes(), "jobs", 2).map_err(|e| e.to_string());
        let found = read(r#" {"jobs": [ {"a": [1]} , "x"], "set": "s"} "#).expect("good");
        assert_eq!((found.list, found.has_more), (Some(vec![r#"{"a": [1]}"#, "\"x\""]), false));
        assert_eq!(found.rest, serde_json::json!({"set": "s"}));
        let found = read(r#"{"jobs": [1, 2, 3]}"#).expect("good");
        assert_eq!((found.list, found.has_more), (Some(vec!["1", "2"]), true));
        for (text, rest) in [
            (r#"{"jobs": "x"}"#, serde_json::json!({"jobs": "x"})),
            ("{}", serde_json::json!({})),
            ("[1]", serde_json::json!([1])),
        ] {
            let found = read(text).expect("good");
            assert_eq!((found.rest, found.list), (rest, None), "{text}");
        }
        for (text, say) in [
            (r#"{"jobs": [], "jobs": []}"#, "the key \"jobs\" is given twice"),
            (r#"{"set": 1, "set": 2}"#, "the key \"set\" is given twice"),
            (r#"{"jobs": [1,]}"#, "at line 1"),
            (r#"{"jobs": [1] x"#, "at line 1"),
            (r#"{"jobs": []} x"#, "at line 1 column 14"),
        ] {
            let error = read(text).expect_err("bad");
            assert!(error.contains(say), "{text}: {error}");
        }
        let deep = format!("{{\"jobs\": [], \"set\": {}1{}}}", "[".repeat(40), "]".repeat(40));
        assert!(
            parse_with_list(deep.as_bytes(), "jobs", 2).expect_err("too deep").to_string().contains("32")
        );
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
