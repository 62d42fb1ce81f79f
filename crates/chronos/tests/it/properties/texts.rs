//! Which texts a field takes, how they read back, and which it refuses. The description says only that it is a text.

use jiff::Timestamp;

use crate::support::*;

/// A field that is a text, by its path. `*` stands for a key of the user's.
struct Takes {
    at: &'static str,
    /// It takes these, and they read back as they were written.
    as_is: &'static [&'static str],
    /// It takes these, and they read back in another way.
    rewritten: &'static [(&'static str, &'static str)],
    refused: &'static [&'static str],
}

/// Names are given out by the tests, since no two jobs share one.
const TEXTS: &[Takes] = &[
    Takes { at: "name", as_is: &["job"], rewritten: &[], refused: &["", "a b", "ä", "a/b"] },
    Takes {
        at: "description",
        as_is: &["", "Nightly", "\"ünï\" \\ 備份 😀\r\n\t{{.JobID}} [redacted] null"],
        rewritten: &[],
        refused: &[],
    },
    Takes {
        at: "schedule",
        as_is: &[
            "0 9 * * MON-FRI",
            "30 4 1,15 * 5",
            "0 0 0 L * ?",
            "  0 0 29 2 *\t",
            "@daily",
            "@every 90m",
            "@every 876000h",
            NEVER,
        ],
        rewritten: &[],
        refused: &[
            "",
            "* * * *",
            "61 * * * *",
            "0 0 30 2 *",
            "@every 1ms",
            "@at tomorrow",
            "@sometimes",
            "ä",
        ],
    },
    Takes {
        at: "timezone",
        as_is: &["UTC", "Europe/Berlin", "america/new_york", "Etc/GMT+12"],
        rewritten: &[],
        refused: &["", "Mars/Olympus", "CET-1CEST"],
    },
    Takes { at: "timeout", as_is: TIMEOUTS, rewritten: SPANS, refused: NO_TIMEOUTS },
    Takes {
        at: "concurrency",
        as_is: &["forbid", "allow", "replace", "queue"],
        rewritten: &[],
        refused: &["", "Forbid", "never"],
    },
    Takes {
        at: "missed_runs",
        as_is: &["execute_one", "execute_all", "ignore"],
        rewritten: &[],
        refused: &["", "all"],
    },
    Takes { at: "jitter", as_is: &["0s", "3s", "876000h"], rewritten: SPANS, refused: NO_DURATIONS },
    Takes {
        at: "start_at",
        as_is: &[],
        rewritten: &[
            ("2030-01-01T00:00:00Z", "2030-01-01T00:00:00Z"),
            ("2016-12-31t23:59:60z", "2017-01-01T00:00:00Z"),
            ("2031-06-01T12:00:00.2504999+02:00", "2031-06-01T10:00:00.250Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
        ],
        refused: NO_TIMES,
    },
    Takes {
        at: "end_at",
        as_is: &[],
        rewritten: &[
            ("2200-01-01T00:00:00-05:30", "2200-01-01T05:30:00Z"),
            ("2999-01-01t00:00:00.001z", "2999-01-01T00:00:00.001Z"),
            ("9999-12-30T22:00:00.999Z", "9999-12-30T22:00:00.999Z"),
        ],
        refused: NO_TIMES,
    },
    Takes { at: "tags.*", as_is: &["", "billing", "\"ü\" 😀"], rewritten: &[], refused: &["a\nb"] },
    Takes {
        at: "webhook.url",
        // All of one origin, since no stored secret moves to another.
        as_is: &[
            "http://127.0.0.1:9/",
            "HTTP://0X7F.0.0.1:9",
            "http://0x7f.1:9/ä/../b?ö=ü&{{.JobID}}",
            "http://2130706433:9/%zz",
        ],
        rewritten: &[],
        refused: &[
            "",
            "nowhere",
            "ftp://h/",
            "http://h/#f",
            "http://h:65536/",
            "http://{{h}}/",
            "http://u:p@h/",
        ],
    },
    Takes {
        at: "webhook.method",
        as_is: &["GET", "POST", "OPTIONS"],
        rewritten: &[("put", "PUT"), ("Delete", "DELETE")],
        refused: &["", "FETCH", "GET "],
    },
    Takes {
        at: "webhook.headers.*",
        as_is: &["1", "", "two words", "tab\tinside"],
        rewritten: &[],
        refused: &["line\nbreak", "hunter\u{1}"],
    },
    Takes {
        at: "webhook.body",
        as_is: &["", "text", "{\"a\": {{.Attempt}}}", "{{ not ours }} ünï \u{0}"],
        rewritten: &[],
        refused: &["{{.Nope}}"],
    },
    Takes { at: "webhook.timeout", as_is: TIMEOUTS, rewritten: SPANS, refused: NO_TIMEOUTS },
    Takes { at: "webhook.auth.token", as_is: &[], rewritten: SECRETS, refused: &[] },
    Takes { at: "webhook.auth.username", as_is: &["u", "ünï"], rewritten: &[], refused: &[] },
    Takes { at: "webhook.auth.password", as_is: &[], rewritten: SECRETS, refused: &[] },
    Takes { at: "webhook.auth.api_key", as_is: &[], rewritten: SECRETS, refused: &[] },
    Takes { at: "webhook.auth.header", as_is: &["X-Key", "Authorization"], rewritten: &[], refused: &[] },
    Takes {
        at: "webhook.auth.token_url",
        as_is: &["https://login.example/token", "HTTP://127.0.0.1:9/ä?tenant=a"],
        rewritten: &[],
        refused: &[],
    },
    Takes { at: "webhook.auth.client_id", as_is: &["chronos", "ünï & co"], rewritten: &[], refused: &[] },
    Takes { at: "webhook.auth.client_secret", as_is: &[], rewritten: SECRETS, refused: &[] },
    Takes { at: "webhook.auth.scope", as_is: &["read", "read api:run/1"], rewritten: &[], refused: &[] },
    Takes { at: "webhook.auth.parameters.*", as_is: &["", "a&b=ü {x}"], rewritten: &[], refused: &[] },
    Takes { at: "webhook.auth.client_auth_method", as_is: &["basic", "post"], rewritten: &[], refused: &[] },
    Takes {
        at: "retry_policy.initial_interval",
        as_is: &["0s", "1ms", "1m"],
        rewritten: SPANS,
        refused: NO_DURATIONS,
    },
    Takes {
        at: "retry_policy.max_interval",
        as_is: &["24h", "876000h"],
        rewritten: &[],
        refused: NO_DURATIONS,
    },
];

const TIMEOUTS: &[&str] = &["1ms", "30s", "1h30m", "24h"];
/// Of at least a millisecond, and no more than a minute and a half.
const SPANS: &[(&str, &str)] =
    &[("90s", "1m30s"), ("+.5m", "30s"), ("1500us", "2ms"), ("1ns", "1ms"), ("0.0015s", "2ms")];
const NO_DURATIONS: &[&str] = &["", "30", "-1s", "1d", "soon", "876001h"];
const NO_TIMEOUTS: &[&str] = &["", "30", "-1s", "1d", "soon", "0s", "25h"];
const NO_TIMES: &[&str] = &["", "tomorrow", "2030-01-01", "2030-01-01 00:00:00Z", "10000-01-01T00:00:00Z"];
const REDACTED: &str = "[redacted]";
const SECRETS: &[(&str, &str)] = &[("hunter2", REDACTED), ("with blanks, {braces} and \"quotes\"", REDACTED)];

/// Keys of a map, by its path: the names are different in any case. Behind them, keys that are refused.
const KEYS: &[(&str, &[&str], &[&str])] = &[
    ("tags", &["a", "team:x", "A.b_c-1"], &["", "a b", "ä"]),
    (
        "webhook.headers",
        &["X-A", "x-b-C", "Content-Type", "Authorization", "Cookie"],
        &["", "a b", "Connection"],
    ),
    ("webhook.auth.parameters", &["audience", "resource", "X.y_z-1"], &["", "a b", "scope"]),
];

/// Headers whose values are secret wherever they stand.
const SECRET_HEADERS: &[&str] = &["Authorization", "Cookie"];

fn of(path: &str) -> &'static Takes {
    let found = TEXTS.iter().find(|takes| takes.at == wildcard(path));
    found.unwrap_or_else(|| panic!("{path} is a text; say here which texts it takes"))
}

/// The path with `*` in place of a user's key.
fn wildcard(path: &str) -> String {
    let map = KEYS.iter().find(|(map, ..)| path.strip_prefix(map).is_some_and(|rest| rest.starts_with('.')));
    map.map_or_else(|| path.to_owned(), |(map, ..)| format!("{map}.*"))
}

/// The texts that a field takes.
pub fn taken(path: &str) -> Vec<String> {
    let Takes { as_is, rewritten, .. } = of(path);
    as_is.iter().chain(rewritten.iter().map(|(written, _)| written)).map(|text| (*text).to_owned()).collect()
}

/// Texts that it refuses.
pub fn refused(path: &str) -> &'static [&'static str] {
    of(path).refused
}

/// Keys that a map takes, and keys that it refuses.
pub fn keys(path: &str) -> (&'static [&'static str], &'static [&'static str]) {
    let found = KEYS.iter().find(|(map, ..)| *map == path);
    let (_, taken, refused) = found.unwrap_or_else(|| panic!("{path} has keys; say here which it takes"));
    (taken, refused)
}

/// Numbers that are taken beside those that the description tells of.
pub fn numbers(path: &str) -> Vec<Value> {
    match path {
        "webhook.success_codes[]" => vec![json!(200), json!(404), json!(599)],
        // A reader of JSON that is quick rather than exact gets these wrong in the last digit.
        "retry_policy.multiplier" => vec![json!(51.248178375505404), json!(97.45365320034685)],
        "retry_policy.jitter" => vec![json!(0.1), json!(0.3642756893612387)],
        _ => Vec::new(),
    }
}

/// Whether the value of a field is never shown.
pub fn is_secret(path: &str) -> bool {
    let header = path.strip_prefix("webhook.headers.");
    header.is_some_and(|name| SECRET_HEADERS.contains(&name))
        || ["token", "password", "api_key", "client_secret"]
            .iter()
            .any(|name| path == format!("webhook.auth.{name}"))
}

/// Whether a text that was written reads back as it should.
pub fn reads_back(path: &str, written: &str, read: &str) -> bool {
    if is_secret(path) {
        return read == REDACTED;
    }
    let rewritten = of(path).rewritten.iter().find(|(text, _)| *text == written);
    let expected = rewritten.map_or(written, |(_, expected)| *expected);
    let instant = |text: &str| text.parse::<Timestamp>().unwrap_or_else(|error| panic!("{path}: {error}"));
    match path {
        "start_at" | "end_at" => instant(expected) == instant(read),
        _ => expected == read,
    }
}
