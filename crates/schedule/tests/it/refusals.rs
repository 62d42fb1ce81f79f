//! What is refused, and that the message names the field, the value and what was expected.

use chronos_schedule::Schedule;

#[track_caller]
fn refused(text: &str, parts: &[&str]) {
    let error = Schedule::parse(text).expect_err(text).to_string();
    for part in parts {
        assert!(error.contains(part), "{text:?}: {error}\nlacks {part:?}");
    }
}

#[test]
fn fields_out_of_range_or_out_of_grammar() {
    refused("60 * * * *", &["minute: \"60\" is out of range; expected 0-59"]);
    refused("60 * * * * *", &["second: \"60\" is out of range; expected 0-59"]);
    refused("0 24 * * *", &["hour: \"24\" is out of range; expected 0-23"]);
    refused("0 0 0 * *", &["day-of-month: \"0\" is out of range; expected 1-31"]);
    refused("0 0 32 * *", &["day-of-month: \"32\" is out of range"]);
    refused("0 0 * 0 *", &["month: \"0\" is out of range; expected 1-12, JAN-DEC"]);
    refused("0 0 * 13 *", &["month: \"13\""]);
    refused("0 0 * * 8", &["day-of-week: \"8\" is out of range; expected 0-7 (0 and 7 are Sunday), SUN-SAT"]);
    refused("99999999999999999999 * * * *", &["minute", "is out of range"]);
    refused("-1 * * * *", &["minute: \"-1\" lacks a value"]);
    refused("+1 * * * *", &["minute: \"+1\" is not a number"]);
    refused("1.5 * * * *", &["minute: \"1.5\" is not a number"]);
    refused("x * * * *", &["minute: \"x\" is not a number"]);
    refused("jan * * * *", &["minute: \"jan\" is not a number"]);
    refused("0 0 * mon *", &["month: \"mon\" is not a number or a three-letter name"]);
    refused("0 0 * * monday", &["day-of-week: \"monday\""]);
    refused("0 0 * * jan", &["day-of-week: \"jan\""]);
    refused("H * * * *", &["minute: \"H\""]);
    refused("** * * * *", &["minute: \"**\""]);
    refused("*5 * * * *", &["minute: \"*5\""]);
    refused("*-5 * * * *", &["minute: \"*-5\""]);
    refused("\u{1b}[31m * * * *", &["minute", "\\u{1b}"]);
    refused("0 9 * * *\n", &["day-of-week: \"*\\n\""]);
}

#[test]
fn ranges_steps_and_lists() {
    refused("5-2 * * * *", &["minute: \"5-2\" is a reversed range; expected 0-59"]);
    refused("0 0 * * fri-mon", &["day-of-week: \"fri-mon\" is a reversed range"]);
    refused("0 0 * * 5-0", &["day-of-week: \"5-0\" is a reversed range"]);
    refused("0 0 * dec-jan *", &["month: \"dec-jan\" is a reversed range"]);
    refused("1-60 * * * *", &["minute: \"1-60\" is out of range"]);
    refused("1- * * * *", &["minute: \"1-\" lacks a value"]);
    refused("1-2-3 * * * *", &["minute: \"1-2-3\""]);
    refused("*/0 * * * *", &["minute: \"*/0\" has step 0"]);
    refused("0 1-5/00 * * *", &["hour: \"1-5/00\" has step 0"]);
    refused(
        "*/90 * * * *",
        &["minute: \"*/90\" has a step that leads out of the field, a step is at most 59; expected 0-59"],
    );
    refused("*/60 * * * *", &["minute: \"*/60\"", "at most 59"]);
    refused("*/60 * * * * *", &["second: \"*/60\"", "at most 59"]);
    refused("5/60 * * * *", &["minute: \"5/60\"", "at most 59"]);
    refused("1-9/60 * * * *", &["minute: \"1-9/60\"", "at most 59"]);
    refused("0,*/60 * * * *", &["minute: \"*/60\"", "at most 59"]);
    refused("0 */24 * * *", &["hour: \"*/24\"", "at most 23"]);
    refused("0 0 */32 * *", &["day-of-month: \"*/32\"", "at most 31"]);
    refused("0 0 1 */13 *", &["month: \"*/13\"", "at most 12"]);
    refused("0 0 * * */8", &["day-of-week: \"*/8\"", "at most 7"]);
    refused("0 0 * * thu/9", &["day-of-week: \"thu/9\"", "at most 7"]);
    refused("*/4294967297 * * * *", &["minute: \"*/4294967297\"", "at most 59"]);
    refused("*/99999999999999999999 * * * *", &["at most 59"]);
    refused("0 4294967296 * * *", &["hour: \"4294967296\" is out of range"]);
    refused("*/ * * * *", &["minute: \"*/\" has a step that is not a number"]);
    refused("*/x * * * *", &["minute: \"*/x\" has a step that is not a number"]);
    refused("*/-2 * * * *", &["minute: \"*/-2\" has a step that is not a number"]);
    refused("*/2/3 * * * *", &["minute: \"*/2/3\""]);
    refused("/5 * * * *", &["minute: \"/5\" lacks a value"]);
    refused("0 0 * * mon/tue", &["day-of-week: \"mon/tue\""]);
    refused("1,,2 * * * *", &["minute: \"1,,2\" has an empty list item"]);
    refused(",1 * * * *", &["minute: \",1\" has an empty list item"]);
    refused("0 0 1, * *", &["day-of-month: \"1,\" has an empty list item"]);
    refused("1,2,61 * * * *", &["minute: \"61\" is out of range"]);
}

#[test]
fn question_marks_and_l_in_the_wrong_place() {
    refused("? * * * *", &["minute: \"?\"", "whole day field"]);
    refused("0 ? * * *", &["hour: \"?\""]);
    refused("0 0 * ? *", &["month: \"?\""]);
    refused("0 0 ?/2 * *", &["day-of-month: \"?/2\""]);
    refused("0 0 1,? * *", &["day-of-month: \"?\""]);
    refused("0 0 * * ?,1", &["day-of-week: \"?\""]);
    refused("0 0 L-3 * *", &["day-of-month: \"L-3\""]);
    refused("0 0 1-L * *", &["day-of-month: \"1-L\""]);
    refused("0 0 L/2 * *", &["day-of-month: \"L/2\""]);
    refused("0 0 LW * *", &["day-of-month: \"LW\""]);
    refused("0 0 15W * *", &["day-of-month: \"15W\""]);
    refused("0 0 * * L", &["day-of-week: \"L\""]);
    refused("0 0 * * 5L", &["day-of-week: \"5L\""]);
    refused("0 0 * * 5#2", &["day-of-week: \"5#2\""]);
    refused("0 L * * *", &["hour: \"L\""]);
}

#[test]
fn the_text_as_a_whole() {
    refused("", &["empty"]);
    refused(" \t ", &["empty"]);
    refused("*", &["\"*\" has 1 field;", "minute hour day-of-month month day-of-week"]);
    refused("* * * *", &["4 fields", "expected 5"]);
    refused("0 0 0 1 1 * 2026", &["7 fields"]);
    refused("0 9 * * 1–5", &["'–'", "ASCII"]);
    refused("０ 9 * * *", &["ASCII"]);
    refused("0 9 * *\u{a0}*", &["ASCII"]);
    let long = |len: usize| format!("{}0 * * * *", " ".repeat(len - 9));
    assert!(Schedule::parse(&long(1024)).is_ok());
    refused(&long(1025), &["1025 bytes", "at most 1024"]);
    let list = vec!["1"; 500].join(",");
    assert!(Schedule::parse(&format!("{list} * * * *")).is_ok());
}

#[test]
fn what_can_never_fire() {
    refused("0 0 30 2 *", &["day-of-month: \"30\" does not occur in month \"2\"", "never fire"]);
    refused("0 0 31 feb ?", &["\"31\"", "\"feb\""]);
    refused("0 0 30-31 2 */2", &["never fire"]);
    refused("0 0 31 2,4,6,9,11 *", &["\"2,4,6,9,11\""]);
    for fine in [
        "0 0 29 2 *",
        "0 0 29 2 */7",
        "0 0 30 2 1",
        "0 0 30,L 2 *",
        "0 0 31 2,3 *",
        "0 0 30 2,4 *",
        "0 0 */31 2 *",
        "0 0 */2 * 1",
    ] {
        assert!(Schedule::parse(fine).is_ok(), "{fine}");
    }
}

#[test]
fn shorthands() {
    refused("@", &["\"@\" is not a known shorthand", "@hourly"]);
    refused("@reboot", &["\"@reboot\"", "@every <duration>"]);
    refused("@Daily", &["\"@Daily\""]);
    refused("@daily 5", &["\"@daily 5\""]);
    refused("@every5s", &["\"@every5s\""]);
}

#[test]
fn durations() {
    refused("@every", &["@every: \"\" is not a duration; expected a duration of whole seconds, at least 1s"]);
    refused("@every 500ms", &["\"500ms\" is shorter than a second"]);
    refused("@every 0", &["\"0\" is shorter than a second"]);
    refused("@every 00", &["without a unit"]);
    refused("@every 0s", &["shorter than a second"]);
    refused("@every 1.5s", &["\"1.5s\" is not a whole number of seconds"]);
    refused("@every 1500ms", &["not a whole number"]);
    refused("@every 1s1ns", &["not a whole number"]);
    refused("@every 1.0000000000000000000000001h", &["not a whole number"]);
    refused("@every -5s", &["\"-5s\" is negative"]);
    refused("@every 90", &["\"90\" has a number without a unit"]);
    refused("@every 1h30", &["without a unit"]);
    refused("@every 1d", &["unknown unit \"d\" (the units are h, m, s, ms, us and ns)"]);
    refused("@every 1 h", &["unknown unit \" h\""]);
    refused("@every h", &["is not a duration"]);
    refused("@every 1.2.3s", &["is not a duration"]);
    refused("@every .s", &["is not a duration"]);
    refused("@every -0", &["\"-0\" is negative"]);
    refused("@every 0.3333333333333333333h", &["not a whole number"]);
    refused("@every 1.9999999995s0.0000000005s", &["not a whole number"]);
    refused("@every 2562048h", &["longer than 292 years"]);
    refused("@every 2562047h47m17s", &["longer than 292 years"]);
    refused(&format!("@every {}h", "9".repeat(900)), &["longer than 292 years"]);
}

#[test]
fn instants() {
    refused("@at", &["@at: \"\" is not written as YYYY-MM-DDTHH:MM:SS", "RFC 3339"]);
    refused("@at tomorrow", &["\"tomorrow\""]);
    refused("@at 2026-11-23", &["\"2026-11-23\" is not written"]);
    refused("@at 2026-11-23T10:00:00", &["lacks an offset"]);
    refused("@at 2026-11-23 10:00:00Z", &["is not written"]);
    refused("@at 2026-11-23T10:00Z", &["is not written"]);
    refused("@at 2026-11-23T10:00:00.Z", &["is not written"]);
    refused("@at 2026-11-23T10:00:00+01", &["is not written"]);
    refused("@at 2026-11-23T10:00:00+24:00", &["an offset that does not exist"]);
    refused("@at 2026-11-23T10:00:00Zx", &["is not written"]);
    refused("@at 2026-11-23T10:00:00Z[UTC]", &["is not written"]);
    refused("@at 2026-02-29T10:00:00Z", &["a date that does not exist"]);
    refused("@at 2026-13-01T10:00:00Z", &["a date that does not exist"]);
    refused("@at 2026-01-00T10:00:00Z", &["a date that does not exist"]);
    refused("@at 2026-01-01T24:00:00Z", &["a time of day that does not exist"]);
    refused("@at 2026-01-01T10:60:00Z", &["a time of day that does not exist"]);
    refused("@at 2026-01-01T10:00:60Z", &["a time of day that does not exist"]);
    refused("@at 9999-12-31T23:59:60Z", &["is beyond the calendar"]);
    refused("@at 9999-12-31T23:59:59-00:01", &["is beyond the calendar"]);
    refused("@at 0000-01-01T00:00:00+00:01", &["is beyond the calendar"]);
    refused("@at 2026-11-23T10:00:00\u{2212}01:00", &["'\u{2212}'", "ASCII"]);
}
