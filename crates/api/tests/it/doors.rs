//! One grammar for durations and one for times: a text means the same wherever it is written, or it is
//! refused with the same reason.

use chronos_api::{AddNodeRequest, JobInput, PreviewRequest};
use chronos_schedule::{Schedule, Zone};
use chronos_types::{FieldError, Invalid, JobSpec};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};

/// The schedules of a real node.
fn check(schedule: Option<&str>, _: Option<&str>) -> Vec<FieldError> {
    let error = schedule.and_then(|text| Schedule::parse(text).err());
    let field = |message| FieldError { field: "schedule".to_owned(), message };
    error.map(|error| field(error.to_string())).into_iter().collect()
}

/// A job with this field. An error is the message about it.
fn job(field: &str, value: &str) -> Result<JobSpec, String> {
    let mut job = json!({"name": "a", "schedule": "@hourly", "webhook": {"url": "http://h/"}});
    job[field] = json!(value);
    JobInput::parse(&job, None, &check).map_err(|invalid| only(&invalid, field))
}

fn only(invalid: &Invalid, field: &str) -> String {
    let [error] = invalid.fields() else { panic!("{invalid}") };
    assert_eq!(error.field, field);
    error.message.clone()
}

/// The instant that each field has which takes a time.
fn instants(text: &str) -> [(&'static str, Result<i64, String>); 4] {
    let preview: Value = json!({"schedule": "@hourly", "after": text});
    let after = PreviewRequest::parse(&preview, &check).map_err(|invalid| only(&invalid, "after"));
    let at = job("schedule", &format!("@at {text}"));
    [
        ("start_at", job("start_at", text).map(|spec| spec.start_at.expect("given"))),
        ("end_at", job("end_at", text).map(|spec| spec.end_at.expect("given"))),
        ("after", after.map(|request| request.after.expect("given"))),
        ("@at", at.map(|spec| Schedule::parse(&spec.schedule).expect("checked").as_once().expect("@at"))),
    ]
}

/// The milliseconds of a field that takes any duration, and the seconds of `@every`.
fn durations(text: &str) -> (Result<u64, String>, Result<u64, String>) {
    let period = |spec: JobSpec| {
        let schedule = Schedule::parse(&spec.schedule).expect("checked");
        schedule.next_after(&Zone::utc(), 0, 0).expect("a run").unsigned_abs() / 1_000
    };
    let jitter = job("jitter", text).map(|spec| spec.jitter.as_millis());
    (jitter, job("schedule", &format!("@every {text}")).map(period))
}

#[test]
fn a_time_is_the_same_instant_in_every_field() {
    for (text, expected) in [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t01:00:00.0019999+01:00", 1),
        ("1969-12-31T23:59:59.9999z", -1),
        ("2026-11-23T10:00:00-05:30", 1_795_447_800_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000),
        ("2016-12-31T15:59:60.25-08:00", 1_483_228_800_250),
        ("2026-11-23T10:00:00.0000000000000000000000Z", 1_795_428_000_000),
        ("0000-01-01T00:00:00Z", -62_167_219_200_000),
        ("9999-12-31T00:00:00+23:59", 253_402_128_060_000),
        ("9999-12-30T22:00:00.999Z", 253_402_207_200_999),
        ("9999-12-31T23:59:59.9999Z", 253_402_300_799_999),
    ] {
        for (field, found) in instants(text) {
            assert_eq!(found, Ok(expected), "{field}: {text}");
        }
    }
}

#[test]
fn a_time_is_refused_with_the_same_words_in_every_field() {
    let shape = "is not written as YYYY-MM-DDTHH:MM:SS with Z or an offset";
    for (text, why) in [
        ("2026-11-23 10:00:00Z", shape),
        ("2026-11-23T10:00Z", shape),
        ("2026-11-23T10:00:00+01", shape),
        ("2026-11-23T10:00:00+0100", shape),
        ("2026-11-23T10:00:00.Z", shape),
        ("2026-11-23T10:00:00Z[UTC]", shape),
        ("-000001-11-23T10:00:00Z", shape),
        ("2026-11-23T10:00:00", "lacks an offset (Z, or such as +01:00)"),
        ("2026-11-23T10:00:00+24:00", "has an offset that does not exist"),
        ("2026-02-29T10:00:00Z", "has a date that does not exist"),
        ("2026-11-23T10:00:60Z", "has a time of day that does not exist"),
        ("2026-11-23T23:59:60+01:00", "has a time of day that does not exist"),
        ("2026-11-23T24:00:00Z", "has a time of day that does not exist"),
        ("0000-01-01T00:00:00+00:01", "is beyond the calendar"),
        ("9999-12-31T23:59:59-00:01", "is beyond the calendar"),
        ("9999-12-31T23:59:60Z", "is beyond the calendar"),
    ] {
        let expected = format!("{text:?} {why}; expected an RFC 3339 time such as \"2026-11-23T10:00:00Z\"");
        for (field, found) in instants(text) {
            let message = found.expect_err(text);
            assert_eq!(message.strip_prefix("@at: ").unwrap_or(&message), expected, "{field}");
        }
    }
}

#[test]
fn a_duration_is_the_same_in_every_field() {
    let zeros = format!("{0}1.{0}s", "0".repeat(30));
    for (text, ms, seconds) in [
        ("1s", 1_000, Ok(1)),
        ("+5s", 5_000, Ok(5)),
        ("1h30m", 5_400_000, Ok(5_400)),
        ("30s1h", 3_630_000, Ok(3_630)),
        (".5h", 1_800_000, Ok(1_800)),
        ("1.h", 3_600_000, Ok(3_600)),
        ("1000000us", 1_000, Ok(1)),
        ("1000000\u{b5}s", 1_000, Ok(1)),
        ("1000000\u{3bc}s", 1_000, Ok(1)),
        (zeros.as_str(), 1_000, Ok(1)),
        ("876000h", 3_153_600_000_000, Ok(3_153_600_000)),
        ("0", 0, Err("is shorter than a second")),
        ("500ms", 500, Err("is shorter than a second")),
        ("0.9ns", 1, Err("is shorter than a second")),
        ("1.5s", 1_500, Err("is not a whole number of seconds")),
        ("1s1ns", 1_001, Err("is not a whole number of seconds")),
        ("0.3333333333333333333h", 1_200_000, Err("is not a whole number of seconds")),
        ("1.00000000000000000000000000001s", 1_001, Err("is not a whole number of seconds")),
    ] {
        let (jitter, every) = durations(text);
        assert_eq!(jitter, Ok(ms), "{text}");
        match (every, seconds) {
            (Err(message), Err(why)) => assert!(message.contains(&format!("{text:?} {why};")), "{message}"),
            (every, seconds) => assert_eq!(every.ok(), seconds.ok(), "{text}"),
        }
    }
    // Beyond a hundred years, `@every` alone goes on, as far as Go's own type reaches.
    let (jitter, every) = durations("2562047h47m16s");
    assert!(jitter.expect_err("too long").contains("is too long; expected at most 876000h"));
    assert_eq!(every, Ok(9_223_372_036));
}

#[test]
fn a_duration_is_refused_with_the_same_words_in_every_field() {
    let endless = format!("{}h", "9".repeat(70));
    for (text, why) in [
        ("-5s", "is negative"),
        ("-0", "is negative"),
        ("s", "is not a duration"),
        (".s", "is not a duration"),
        ("1.2.3s", "is not a duration"),
        ("90", "has a number without a unit"),
        ("1h30", "has a number without a unit"),
        ("1s0", "has a number without a unit"),
        ("1d", "has the unknown unit \"d\" (the units are h, m, s, ms, us and ns)"),
        ("1 h", "has the unknown unit \" h\" (the units are h, m, s, ms, us and ns)"),
        ("1S", "has the unknown unit \"S\" (the units are h, m, s, ms, us and ns)"),
        ("2562047h47m17s", "long"),
        (endless.as_str(), "long"),
    ] {
        let (jitter, every) = durations(text);
        for message in [jitter.expect_err(text), every.expect_err(text)] {
            assert!(message.contains(&format!("{text:?} ")) && message.contains(why), "{message}");
            assert!(message.contains("expected a duration") || why == "long", "{message}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(11), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_time_is_taken_by_one_field_alone(
        text in "[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,12})?([Zz]|[-+][0-2][0-9]:?[0-6][0-9])?"
    ) {
        let [(_, first), others @ ..] = instants(&text);
        for (field, found) in others {
            prop_assert_eq!(found.as_ref().ok(), first.as_ref().ok(), "{}", field);
        }
    }

    #[test]
    fn what_every_takes_is_taken_everywhere_and_the_same(text in "[+-]?([0-9]{0,6}\\.?[0-9]{0,3}(h|m|s|ms|us|µs|ns|d)){1,4}") {
        let (jitter, every) = durations(&text);
        if let Ok(seconds) = every {
            prop_assert_eq!(jitter, Ok(seconds * 1_000));
        } else if let Ok(ms) = jitter {
            let message = every.expect_err("refused");
            prop_assert!(
                message.contains("is shorter than a second") || message.contains("is not a whole number"),
                "{} ms: {}", ms, message
            );
        }
    }
}

#[test]
fn the_address_of_a_node_is_what_the_configuration_takes() {
    let refused = |address: &str| AddNodeRequest::parse(&json!({"raft_address": address})).err();
    for address in ["chronos-4:7000", "10.0.0.4:7000", "[::1]:7000"] {
        assert_eq!(refused(address), None, "{address}");
    }
    for address in ["::1:7000", "a:b:7000", "chronos-4:+7000", "chronos-4:0", ""] {
        let error = only(&refused(address).expect(address), "raft_address");
        assert_eq!(error, format!("{address:?}; expected host:port, such as \"chronos-1:7000\""));
    }
}
