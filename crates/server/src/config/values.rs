//! What each kind of value takes, and how it says what it expected.

use std::net::{SocketAddr, ToSocketAddrs};

use chronos_types::{DurationMs, HostPortError, NodeName, check_host_port, parse_duration};
use chronos_webhook::Network;
use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;

use crate::telemetry::LogFormat;

/// A text, or an error that shows what stands there instead.
fn text<'de, D: Deserializer<'de>>(deserializer: D, expected: &str) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(text),
        other => Err(D::Error::custom(format!("{other} is not a text; expected {expected}"))),
    }
}

/// A whole number within bounds.
fn number<'de, D: Deserializer<'de>>(deserializer: D, least: u64, most: u64) -> Result<u64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    match value.as_u64() {
        Some(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(D::Error::custom(format!("{value}; expected a whole number from {least} to {most}"))),
    }
}

pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DurationMs, D::Error> {
    let text = text(deserializer, "a duration such as \"30s\"")?;
    let duration = parse_duration(&text).map_err(D::Error::custom)?;
    if duration.as_millis() == 0 {
        return Err(D::Error::custom(format!("{text:?}; expected more than nothing")));
    }
    Ok(duration)
}

pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let expected = "expected host:port, such as \"127.0.0.1:8080\"";
    let text = text(deserializer, "host:port, such as \"127.0.0.1:8080\"")?;
    #[expect(
        clippy::disallowed_methods,
        reason = "once, before anything is started, for an address of this machine"
    )]
    let mut found = text.to_socket_addrs().map_err(|_| D::Error::custom(format!("{text:?}; {expected}")))?;
    found.next().ok_or_else(|| D::Error::custom(format!("{text:?} has no address; {expected}")))
}

/// `host:port`, the host by name or by number. It is not looked up: others do, when they need it.
pub(super) fn host_port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = text(deserializer, HostPortError::EXPECTED)?;
    check_host_port(&text).map_err(D::Error::custom)?;
    Ok(Some(text))
}

pub(super) fn hosts_ports<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let wrong = || D::Error::custom(format!("{value}; expected a list such as [\"chronos-1:7000\"]"));
    let items = value.as_array().ok_or_else(wrong)?;
    let parse = |item: &Value| {
        let text = item.as_str().ok_or_else(wrong)?;
        check_host_port(text).map_err(D::Error::custom)?;
        Ok(text.to_owned())
    };
    items.iter().map(parse).collect()
}

pub(super) fn max_voters<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let odd = |number: &u64| number % 2 == 1;
    let value = Value::deserialize(deserializer)?;
    let number = value.as_u64().filter(|number| (1..=9).contains(number)).filter(odd);
    let number = number.ok_or_else(|| D::Error::custom(format!("{value}; expected 1, 3, 5, 7 or 9")))?;
    usize::try_from(number).map_err(D::Error::custom)
}

pub(super) fn node_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NodeName, D::Error> {
    NodeName::parse(&text(deserializer, "a name")?).map_err(D::Error::custom)
}

pub(super) fn max_concurrent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    usize::try_from(number(deserializer, 1, 100_000)?).map_err(D::Error::custom)
}

pub(super) fn max_per_job<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    number(deserializer, 1, 1_000_000)
}

pub(super) fn min_per_job<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    number(deserializer, 0, 1_000_000)
}

/// `4KiB`, `65536` and the like; at most 64 KiB.
pub(super) fn response_body<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let value = Value::deserialize(deserializer)?;
    match bytes(&value) {
        Some(bytes @ 0..=65_536) => usize::try_from(bytes).map_err(D::Error::custom),
        _ => Err(D::Error::custom(format!("{value}; expected a size such as \"4KiB\", at most \"64KiB\""))),
    }
}

/// `10GiB` and the like; at least 1 MiB, which an empty state needs.
pub(super) fn max_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    match bytes(&value) {
        Some(bytes @ 0x10_0000..) => Ok(bytes),
        _ => Err(D::Error::custom(format!("{value}; expected a size such as \"10GiB\", at least \"1MiB\""))),
    }
}

/// A size: whole bytes, or a whole number of a unit.
fn bytes(value: &Value) -> Option<u64> {
    let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let (digits, unit) = shown.split_at(shown.find(|c: char| !c.is_ascii_digit()).unwrap_or(shown.len()));
    let scale = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1_u64 << 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(scale)
}

pub(super) fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Network>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let wrong =
        || D::Error::custom(format!("{value}; expected a list of address ranges such as [10.0.0.0/8]"));
    let items = value.as_array().ok_or_else(wrong)?;
    let parse = |item: &Value| Network::parse(item.as_str().ok_or_else(wrong)?).map_err(D::Error::custom);
    items.iter().map(parse).collect()
}

pub(super) fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = text(deserializer, "a path such as \"/metrics\"")?;
    let good = |b: u8| b.is_ascii_alphanumeric() || b"/-_.".contains(&b);
    let taken = ["/health", "/ready"].contains(&text.as_str()) || text.starts_with("/api");
    if text.len() < 2 || !text.starts_with('/') || !text.bytes().all(good) || taken {
        return Err(D::Error::custom(format!("{text:?}; expected a free path such as \"/metrics\"")));
    }
    Ok(text)
}

pub(super) fn level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<tracing::Level, D::Error> {
    let text = text(deserializer, "a level")?;
    match text.as_str() {
        "error" => Ok(tracing::Level::ERROR),
        "warn" => Ok(tracing::Level::WARN),
        "info" => Ok(tracing::Level::INFO),
        "debug" => Ok(tracing::Level::DEBUG),
        "trace" => Ok(tracing::Level::TRACE),
        _ => Err(D::Error::custom(format!("{text:?}; expected one of error, warn, info, debug, trace"))),
    }
}

pub(super) fn format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LogFormat, D::Error> {
    let text = text(deserializer, "json or pretty")?;
    match text.as_str() {
        "json" => Ok(LogFormat::Json),
        "pretty" => Ok(LogFormat::Pretty),
        _ => Err(D::Error::custom(format!("{text:?}; expected json or pretty"))),
    }
}
