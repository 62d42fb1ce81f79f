//! What a head says, in tables.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use proptest::{collection::vec, sample::select};

use super::*;

/// What matters to the reader of a head, and some more.
static PARTS: [&str; 16] = [
    "HTTP/1.1 200",
    "HTTP/1.0 ",
    "\r\n",
    "\n",
    "\r",
    " ",
    "\t",
    ":",
    ",",
    "5",
    "Content-Length",
    "Transfer-Encoding",
    "chunked",
    "Connection: close",
    "é",
    "\0",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, rng_seed: RngSeed::Fixed(13), ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_is_a_head_or_refused_and_looked_for_once(parts in vec(select(&PARTS[..]), 0..20)) {
        for begun in ["", "HTTP/1.1 200\r\n"] {
            let text = begun.to_owned() + &parts.concat();
            let mut from = 0;
            let found = (0..=text.len()).find_map(|come| {
                let found = end(&text.as_bytes()[..come], from);
                from = come.saturating_sub(2);
                found
            });
            prop_assert_eq!(found, end(text.as_bytes(), 0));
            for come in 0..=text.len() {
                let head = parse(&text.as_bytes()[..come], false);
                prop_assert!(come <= begun.len() || begun.is_empty() || head.is_ok());
            }
        }
    }
}

fn head(text: &str) -> Head {
    parse(text.as_bytes(), false).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// The head of a 200 with these fields.
fn ok(fields: &str) -> Head {
    head(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n"))
}

#[test]
fn a_head_ends_with_an_empty_line() {
    for (text, length) in [
        ("HTTP/1.1 200 OK\r\n\r\nbody", 19),
        ("HTTP/1.1 200 OK\n\nbody", 17),
        ("HTTP/1.1 200 OK\r\nA: b\r\n\r\n\r\n", 25),
        ("HTTP/1.1 200 OK\nA: b\n\r\nbody", 23),
    ] {
        // However it arrives: what was looked at is not looked at again.
        let mut from = 0;
        let found = (0..=text.len()).find_map(|come| {
            let found = end(&text.as_bytes()[..come], from);
            from = come.saturating_sub(2);
            found
        });
        assert_eq!(found, Some(length), "{text:?}");
    }
    assert_eq!(end(b"HTTP/1.1 200 OK\r\nA: b\r\n", 0), None);
    assert_eq!(end(b"", 0), None);
}

#[test]
fn a_status_line_is_read_as_common_clients_read_it() {
    for (line, code, is_1_1) in [
        ("HTTP/1.1 200 OK", 200, true),
        ("HTTP/1.1 200", 200, true),
        ("HTTP/1.1 200 ", 200, true),
        ("HTTP/1.1  404  Not Here", 404, true),
        ("HTTP/1.1 200OK", 200, true),
        ("HTTP/1.1 200 \u{e9}\u{1}", 200, true),
        ("http/1.1 200 ok", 200, true),
        ("HTTP/1.0 500 Oh", 500, false),
        ("HTTP/1.2 200 OK", 200, true),
        ("HTTP/2 200", 200, false),
        ("HTTP/2.0 200 OK", 200, false),
        ("HTTP/1.1 999 ?", 999, true),
    ] {
        let found =
            status(format!("{line}\r\n").as_bytes(), 0).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(found.map(|(status, is_1_1)| (status.as_u16(), is_1_1)), Some((code, is_1_1)), "{line:?}");
        // Nothing is said against it while it comes.
        for come in 0..=line.len() {
            assert!(
                matches!(status(&line.as_bytes()[..come], come.saturating_sub(2)), Ok(None)),
                "{line:?} to {come}"
            );
        }
    }
    for bad in [
        "HTTP/0.9 200 OK",
        "HTTP/1.1 099 Low",
        "HTTP/1.1 20",
        "HTTP/1.1 2000 Long",
        "HTTP/1.1 -20 Minus",
        "HTTP/1.x 200 OK",
        "HTTP/1.1",
        "HTTP 200 OK",
        "HTTP/9.9 200 OK",
        "ICY 200 OK",
        "SSH-2.0-OpenSSH_9.2",
        "<html>",
        "HTT",
    ] {
        let error = status(format!("{bad}\r\n").as_bytes(), 0).expect_err(bad).to_string();
        assert_eq!(error, format!("what came is no HTTP response: {bad:?}"));
    }
    // Nobody waits for the rest of that line.
    assert!(status(b"SSH-", 0).is_err() && status(b"\x15\x03\x01", 0).is_err());
}

#[test]
fn the_end_of_the_body_is_what_the_fields_say_or_where_the_connection_ends() {
    let length = Framing::Length;
    for (fields, framing) in [
        ("", Framing::ToEnd),
        ("Content-Length: 5\r\n", length(5)),
        ("content-length:5\r\n", length(5)),
        ("Content-Length : 5\r\n", length(5)),
        ("Content-Length:\r\n 5\r\n", length(5)),
        ("Content-Length: 5\r\nContent-Length: 05\r\n", length(5)),
        ("Content-Length: 5, 5\r\n", length(5)),
        ("Content-Length: +5\r\n", length(5)),
        ("Content-Length: 5 bytes\r\n", length(5)),
        ("Content-Length: 0\r\n", length(0)),
        ("Content-Length: 9223372036854775807\r\n", length(i64::MAX.cast_unsigned())),
        ("Content-Length: 9223372036854775808\r\n", Framing::ToEnd),
        ("Content-Length: 18446744073709551616\r\n", Framing::ToEnd),
        ("Transfer-Encoding: chunked\r\n", Framing::chunked()),
        ("Transfer-Encoding:\r\n\tchunked\r\n", Framing::chunked()),
        ("Transfer-Encoding: gzip, Chunked\r\n", Framing::chunked()),
        ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", Framing::chunked()),
        ("Transfer-Encoding: chunked;q=1\r\n", Framing::chunked()),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Framing::chunked()),
        ("Transfer-Encoding: chunked\r\nContent-Length: x\r\n", Framing::chunked()),
        ("Transfer-Encoding: identity\r\nContent-Length: 5\r\n", length(5)),
        ("Transfer-Encoding: gzip\r\nContent-Length: 5\r\n", Framing::ToEnd),
        ("X\u{1}: \u{0}\u{7}\r\n\u{ff}\u{fe}\r\nno colon\r\n: no name\r\nContent-Length: 5\r\n", length(5)),
        (" Content-Length: 7\r\nContent-Length: 5\r\n", length(5)),
    ] {
        assert_eq!(ok(fields).framing, Ok(framing), "{fields:?}");
    }
    let old = head("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(old.framing, Ok(Framing::chunked()));
    for (fields, why) in [
        ("Content-Length: 5\r\nContent-Length: 6\r\n", "its Content-Length is both 5 and 6"),
        ("Content-Length: 5, 6\r\n", "its Content-Length is both 5 and 6"),
        ("Content-Length: -1\r\n", "its Content-Length is \"-1\""),
        ("Content-Length: five\r\n", "its Content-Length is \"five\""),
        ("Content-Length:\r\n", "its Content-Length is \"\""),
        ("Content-Length: 5 6\r\n", "its Content-Length is \"5 6\""),
    ] {
        assert_eq!(ok(fields).framing, Err(why.to_owned()), "{fields:?}");
    }
}

#[test]
fn some_responses_never_have_a_body() {
    for code in [100, 103, 204, 304] {
        let head = head(&format!("HTTP/1.1 {code} X\r\nContent-Length: 5\r\n\r\n"));
        assert_eq!(head.framing, Ok(Framing::Length(0)), "{code}");
    }
    let to_head = parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true).expect("a head");
    assert_eq!(to_head.framing, Ok(Framing::Length(0)));
}

#[test]
fn a_connection_is_kept_for_as_long_as_the_target_says_and_4_s_where_it_says_nothing() {
    let s = Duration::from_secs;
    for (fields, keep) in [
        ("", Some(s(4))),
        ("Keep-Alive: timeout=5\r\n", Some(s(4))),
        ("Keep-Alive: timeout=20, max=1000\r\n", Some(s(19))),
        ("keep-alive: Timeout=\"20\"\r\n", Some(s(19))),
        ("Keep-Alive: timeout=3600\r\n", Some(s(50))),
        ("Keep-Alive: timeout=18446744073709551615\r\n", Some(s(50))),
        ("Keep-Alive: timeout=1\r\n", None),
        ("Keep-Alive: timeout=0\r\n", None),
        ("Keep-Alive: timeout=20, max=0\r\n", None),
        ("Keep-Alive: timeout=soon\r\n", Some(s(4))),
        ("Connection: close\r\n", None),
        ("Connection: Keep-Alive, Close\r\n", None),
        ("Connection: keep-alive\r\nConnection: close\r\n", None),
        ("no colon\r\n", None),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", None),
    ] {
        assert_eq!(ok(fields).keep, keep, "{fields:?}");
    }
    let old = |fields: &str| head(&format!("HTTP/1.0 200 OK\r\n{fields}\r\n")).keep;
    assert_eq!(old(""), None);
    assert_eq!(old("Connection: keep-alive\r\n"), Some(s(4)));
    assert_eq!(old("Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n"), None);
    assert_eq!(head("HTTP/1.1 101 Switching\r\n\r\n").keep, None);
    let empty = |fields: &str| head(&format!("HTTP/1.1 204 No\r\n{fields}\r\n")).keep;
    assert_eq!((empty(""), empty("Content-Length: 0\r\n")), (Some(s(4)), Some(s(4))));
    for fields in ["Content-Length: 5\r\n", "Content-Length: x\r\n", "Transfer-Encoding: chunked\r\n"] {
        assert_eq!(empty(fields), None, "{fields:?}");
    }
}

#[test]
fn other_fields_are_read_in_any_case_and_once() {
    let found = ok("LOCATION: /a\r\nRetry-after:  7 \r\ndate: D\r\nContent-Encoding: br\r\n\
        Transfer-Encoding: gzip\r\n");
    assert_eq!(found.location.as_deref(), Some(&b"/a"[..]));
    assert_eq!(found.retry_after.as_deref(), Some(&b"7"[..]));
    assert_eq!(found.date.as_deref(), Some(&b"D"[..]));
    assert_eq!(found.coding.as_deref(), Some("br, gzip"));
    let many = ok(&format!("Content-Encoding: {}\r\n", "gzip,".repeat(10_000))).coding.expect("a coding");
    assert!(many.starts_with("gzip, gzip") && many.len() < 600, "{}", many.len());
    assert_eq!(ok("Content-Encoding: identity\r\n").coding, None);
    assert!(!found.is_ambiguous);
    assert!(!ok("Location: /a\r\nLocation: /a\r\n").is_ambiguous);
    assert!(ok("Location: /a\r\nLocation: /b\r\n").is_ambiguous);
    assert_eq!(ok("Location:\r\nLocation: /b\r\n").location.as_deref(), Some(&b"/b"[..]));
}
