//! What each kind of value takes, and how it says what it expected.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use chronos_http::{HostPattern, WebOrigin};
use chronos_seal::EncryptionKey;
use chronos_types::{
    DurationMs, HostPortError, KeyScope, MAX_KEY_PER_SECOND, Millis, NodeName, check_host_port,
    check_tag_key, clip, parse_duration, parse_rfc3339,
};
use chronos_webhook::{Mode, Network, Resolve, Rule};

use super::load::ConfigError;
use super::tree::Given;
use crate::telemetry::LogFormat;

type Read<T> = Result<T, ConfigError>;

/// For a key that has no default.
pub(super) fn some<T>(read: fn(Given<'_>) -> Read<T>) -> impl Fn(Given<'_>) -> Read<Option<T>> {
    move |given: Given<'_>| read(given).map(Some)
}

/// A whole number, without zeros in front: others take `010` for eight.
fn whole(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_plain = text == "0" || !text.starts_with('0');
    if is_number && is_plain { text.parse().ok() } else { None }
}

/// A whole number within bounds.
fn number(given: &Given<'_>, least: u64, most: u64) -> Read<u64> {
    let expected = format!("a whole number from {least} to {most}");
    let number = whole(given.text(&expected)?).filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| given.wrong(&expected))
}

pub(super) fn flag(given: Given<'_>) -> Read<bool> {
    match given.as_text() {
        Some("true" | "True" | "TRUE") => Ok(true),
        Some("false" | "False" | "FALSE") => Ok(false),
        _ => Err(given.wrong("true or false")),
    }
}

pub(super) fn duration(given: Given<'_>) -> Read<DurationMs> {
    let duration = parse_duration(given.text("a duration such as \"30s\"")?);
    let duration = duration.map_err(|error| given.refuse(error))?;
    if duration.as_millis() == 0 {
        return Err(given.wrong("more than nothing"));
    }
    Ok(duration)
}

/// A time.
pub(super) fn instant(given: Given<'_>) -> Read<Millis> {
    const EXPECTED: &str = "a time such as \"2027-01-31T00:00:00Z\"";
    let text = given.text(EXPECTED)?;
    parse_rfc3339(text)
        .map_err(|error| given.refuse(format_args!("{:?} {error}; expected {EXPECTED}", clip(text))))
}

/// Requests in a second.
pub(super) fn per_second(given: &Given<'_>) -> Read<u32> {
    let count = number(given, 1, MAX_KEY_PER_SECOND.into())?;
    u32::try_from(count).map_err(|_| given.wrong("a smaller number"))
}

/// An address of this machine to listen on. Where the host is a name, the C library looks it up.
pub(super) fn address(given: Given<'_>) -> Read<SocketAddr> {
    const EXPECTED: &str = "host:port, such as \"127.0.0.1:8080\"";
    let text = given.text(EXPECTED)?;
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let name = text.rsplit_once(':').filter(|(host, port)| is_name(host) && is_port(port));
    if name.is_none() {
        return Err(given.wrong(EXPECTED));
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "once, before anything is started, for an address of this machine"
    )]
    let found = text.to_socket_addrs().ok().and_then(|mut found| found.next());
    found.ok_or_else(|| {
        given.refuse(format_args!("{:?}: no address is found for the name; expected {EXPECTED}", clip(text)))
    })
}

/// Whether a host is a name. The C library would take `127.1`, `0x7f.1` and `010.0.0.1`, which is 8.0.0.1 to it, for
/// addresses.
fn is_name(host: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let is_number =
        last.starts_with("0x") || last.starts_with("0X") || last.bytes().all(|b| b.is_ascii_digit());
    !last.is_empty() && !is_number && host.bytes().all(known)
}

/// Port 0 is any that is free.
fn is_port(text: &str) -> bool {
    whole(text).is_some_and(|port| port <= u64::from(u16::MAX))
}

/// `host:port`, the host by name or by number. It is not looked up: others do, when they need it.
pub(super) fn host_port(given: Given<'_>) -> Read<String> {
    let text = given.text(HostPortError::EXPECTED)?;
    check_host_port(text).map_err(|error| given.refuse(error))?;
    Ok(text.to_owned())
}

pub(super) fn hosts_ports(given: Given<'_>) -> Read<Vec<String>> {
    let items = given.items("a list such as [\"chronos-1:7000\"]")?;
    items.into_iter().map(host_port).collect()
}

pub(super) fn max_voters(given: Given<'_>) -> Read<usize> {
    match given.as_text() {
        Some("1") => Ok(1),
        Some("3") => Ok(3),
        Some("5") => Ok(5),
        Some("7") => Ok(7),
        Some("9") => Ok(9),
        _ => Err(given.wrong("1, 3, 5, 7 or 9")),
    }
}

pub(super) fn node_id(given: Given<'_>) -> Read<NodeName> {
    let text = given.text("a name of 1 to 63 of letters, digits, '-', '_', '.' and ':', not '.' or '..'")?;
    NodeName::parse(text).map_err(|error| given.refuse(error))
}

pub(super) fn max_concurrent(given: Given<'_>) -> Read<usize> {
    let number = number(&given, 1, 100_000)?;
    usize::try_from(number).map_err(|_| given.wrong("a smaller number"))
}

pub(super) fn max_per_job(given: Given<'_>) -> Read<u64> {
    number(&given, 1, 1_000_000)
}

pub(super) fn min_per_job(given: Given<'_>) -> Read<u64> {
    number(&given, 0, 1_000_000)
}

/// `4KiB`, `65536` and the like; at most 64 KiB.
pub(super) fn response_body(given: Given<'_>) -> Read<usize> {
    let bytes = given.as_text().and_then(bytes).filter(|bytes| *bytes <= 65_536);
    let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok());
    bytes.ok_or_else(|| given.wrong("a size such as \"4KiB\", at most \"64KiB\""))
}

/// `10GiB` and the like; at least 1 MiB, which an empty state needs, and half of what SQLite takes into a file.
pub(super) fn max_bytes(given: Given<'_>) -> Read<u64> {
    let bytes = given.as_text().and_then(bytes).filter(|bytes| (1 << 20..=8 << 40).contains(bytes));
    bytes.ok_or_else(|| given.wrong("a size such as \"10GiB\", from \"1MiB\" to \"8TiB\""))
}

/// A size: whole bytes, or a whole number of a unit.
fn bytes(text: &str) -> Option<u64> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let scale = match unit.trim_start_matches(' ') {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1_u64 << 40,
        _ => return None,
    };
    whole(digits)?.checked_mul(scale)
}

pub(super) fn networks(given: Given<'_>) -> Read<Vec<Network>> {
    const EXPECTED: &str = "a list of address ranges such as [10.0.0.0/8]";
    let parse = |item: Given<'_>| {
        Network::parse(item.text("an address range such as \"10.0.0.0/8\"")?).map_err(|why| item.refuse(why))
    };
    given.items(EXPECTED)?.into_iter().map(parse).collect()
}

/// Address ranges, hosts and ports.
pub(super) fn rules(given: Given<'_>) -> Read<Vec<Rule>> {
    const EXPECTED: &str =
        "a list of address ranges, hosts and ports such as [10.0.0.0/8, \"*.example.com\", \":25\"]";
    let parse = |item: Given<'_>| Rule::parse(item.text(Rule::EXPECTED)?).map_err(|why| item.refuse(why));
    given.items(EXPECTED)?.into_iter().map(parse).collect()
}

pub(super) fn hosts(given: Given<'_>) -> Read<Vec<HostPattern>> {
    const EXPECTED: &str = "a list of names such as [chronos.example.com]";
    let parse = |item: Given<'_>| {
        HostPattern::parse(item.text("a name such as \"chronos.example.com\"")?)
            .map_err(|why| item.refuse(why))
    };
    given.items(EXPECTED)?.into_iter().map(parse).collect()
}

pub(super) fn origins(given: Given<'_>) -> Read<Vec<WebOrigin>> {
    const EXPECTED: &str = "a list of origins such as [\"https://ui.example.com\"]";
    let parse = |item: Given<'_>| {
        WebOrigin::parse(item.text("an origin such as \"https://ui.example.com\"")?)
            .map_err(|why| item.refuse(why))
    };
    given.items(EXPECTED)?.into_iter().map(parse).collect()
}

pub(super) fn egress_mode(given: Given<'_>) -> Read<Mode> {
    match given.as_text() {
        Some("open") => Ok(Mode::Open),
        Some("public") => Ok(Mode::Public),
        _ => Err(given.wrong("open or public")),
    }
}

pub(super) fn resolve(given: Given<'_>) -> Read<Resolve> {
    match given.as_text() {
        Some("local") => Ok(Resolve::Local),
        Some("remote") => Ok(Resolve::Remote),
        _ => Err(given.wrong("local or remote")),
    }
}

/// A secret. No error shows it.
pub(super) fn password(given: Given<'_>) -> Read<String> {
    let good = |text: &&str| !text.is_empty() && !text.contains(char::is_control);
    let text = given.as_text().filter(good);
    let text = text.ok_or_else(|| {
        given.refuse("\"[redacted]\" is empty or no password; expected a text without control characters")
    })?;
    Ok(text.to_owned())
}

pub(super) fn directory(given: Given<'_>) -> Read<PathBuf> {
    path_of(&given, "the path of a directory, such as \"/var/lib/chronos\"")
}

pub(super) fn file(given: Given<'_>) -> Read<PathBuf> {
    path_of(&given, "the path of a file, such as \"/etc/chronos/ca.crt\"")
}

/// The key of a tag.
pub(super) fn tag(given: Given<'_>) -> Read<String> {
    let text = given.text("the key of a tag, such as \"team\"")?;
    check_tag_key(text).map_err(|why| given.refuse(why))?;
    Ok(text.to_owned())
}

/// What a key is limited to.
pub(super) fn key_scope(given: &Given<'_>) -> Read<Option<KeyScope>> {
    let items = given.items("a list of values of the tag that is the scope, such as [billing]")?;
    let text = |item: &Given<'_>| item.text("a value of the tag that is the scope").map(str::to_owned);
    let texts = items.iter().map(text).collect::<Result<Vec<_>, _>>()?;
    KeyScope::parse(texts).map_err(|why| given.refuse(why))
}

/// Files, each of them once.
pub(super) fn files(given: Given<'_>) -> Read<Vec<PathBuf>> {
    // A key that stands there itself is not shown.
    let is_key = |given: &Given<'_>| given.as_text().is_some_and(|text| EncryptionKey::parse(text).is_ok());
    let refuse =
        |given: &Given<'_>| Err(given.refuse("is a key itself; expected a list of files that have one each"));
    if is_key(&given) {
        return refuse(&given);
    }
    let mut files = Vec::new();
    for item in given.items("a list of files such as [\"/etc/chronos/encryption.key\"]")? {
        if is_key(&item) {
            return refuse(&item);
        }
        let path = file(item.clone())?;
        if files.contains(&path) {
            return Err(item.wrong("each file once"));
        }
        files.push(path);
    }
    Ok(files)
}

/// A path is taken as it is. So what was meant otherwise would make or name a thing in the working directory, and is
/// refused.
fn path_of(given: &Given<'_>, expected: &str) -> Read<PathBuf> {
    let text = given.text(expected)?;
    let flaw = if text.is_empty() {
        "is empty"
    } else if text.contains(char::is_control) {
        "has a control character in it"
    } else if text.trim() != text {
        "begins or ends with a blank"
    } else if text == "~" || text.starts_with("~/") {
        "begins with ~, which only a shell replaces"
    } else if text.starts_with('$') {
        "begins with $, which only a shell replaces"
    } else if text.starts_with("file:") {
        // SQLite would open another file than the one that we make.
        "is a URL"
    } else {
        return Ok(text.into());
    };
    Err(given.refuse(format_args!("{:?} {flaw}; expected {expected}", clip(text))))
}

pub(super) fn path(given: Given<'_>) -> Read<String> {
    const EXPECTED: &str = "a free path such as \"/metrics\"";
    let text = given.text(EXPECTED)?;
    let good = |b: u8| b.is_ascii_alphanumeric() || b"/-_.".contains(&b);
    let taken = ["/health", "/ready"].contains(&text) || text.starts_with("/api");
    // A client takes these out of a path before it asks for it.
    let relative = text.split('/').any(|part| part == "." || part == "..");
    if text.len() < 2 || !text.starts_with('/') || !text.bytes().all(good) || taken || relative {
        return Err(given.wrong(EXPECTED));
    }
    Ok(text.to_owned())
}

pub(super) fn level(given: Given<'_>) -> Read<tracing::Level> {
    match given.as_text() {
        Some("error") => Ok(tracing::Level::ERROR),
        Some("warn") => Ok(tracing::Level::WARN),
        Some("info") => Ok(tracing::Level::INFO),
        Some("debug") => Ok(tracing::Level::DEBUG),
        Some("trace") => Ok(tracing::Level::TRACE),
        _ => Err(given.wrong("one of error, warn, info, debug, trace")),
    }
}

pub(super) fn format(given: Given<'_>) -> Read<LogFormat> {
    match given.as_text() {
        Some("json") => Ok(LogFormat::Json),
        Some("pretty") => Ok(LogFormat::Pretty),
        _ => Err(given.wrong("json or pretty")),
    }
}
