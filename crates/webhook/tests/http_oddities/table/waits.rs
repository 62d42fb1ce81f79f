//! For how long a response asks to wait (RFC 9110, section 10.2.3).

use crate::reasons::*;
use crate::row::Row;
use crate::table::status;

/// A 503 with these header lines.
fn busy(name: &'static str, lines: &str) -> Row {
    of(name, "503 Busy", lines)
}

fn of(name: &'static str, line: &str, lines: &str) -> Row {
    Row::answer(name, status(&format!("{line}\r\n{lines}"))).shows_wait()
}

pub fn rows() -> Vec<Row> {
    let (none, two, long) = ("503 ok", "503 ok, waits 120 s", "503 ok, waits over a year");
    vec![
        busy("no Retry-After", "X: y").both(none),
        busy("120", "Retry-After: 120").both(two),
        of("120 of a 429", "429 Slow Down", "Retry-After: 120").both("429 ok, waits 120 s"),
        of("120 of a 500", "500 Oh", "Retry-After: 120").differ("500 ok, waits 120 s", "500 ok", WAIT),
        of("120 of a 408", "408 Timeout", "Retry-After: 120").differ("408 ok, waits 120 s", "408 ok", WAIT),
        of("120 of a 200", "200 OK", "Retry-After: 120").both("200 ok"),
        busy("0", "Retry-After: 0").both(none),
        busy("leading zeros", "Retry-After: 000120").both(two),
        busy("blanks around the number", "Retry-After:   120  ").both(two),
        busy("a folded number", "Retry-After:\r\n 120").differ(none, two, FOLDED),
        busy("33 bits", "Retry-After: 4294967296").both(long),
        busy("63 bits", "Retry-After: 9223372036854775807").both(long),
        busy("25 digits", "Retry-After: 9999999999999999999999999").differ(none, long, WAIT),
        busy("a negative number", "Retry-After: -5").both(none),
        busy("a number with a sign", "Retry-After: +5").differ("503 ok, waits 5 s", none, WAIT),
        busy("a number with a fraction", "Retry-After: 1.5").differ(none, "503 ok, waits 2 s", WAIT),
        busy("a number with a unit", "Retry-After: 120s").differ(two, none, WAIT),
        busy("two numbers in a list", "Retry-After: 120, 240").differ(two, none, WAIT),
        busy("two fields", "Retry-After: 240\r\nRetry-After: 120").both(two),
        busy("a word", "Retry-After: soon").both(none),
        busy("an empty one", "Retry-After:").both(none),
        busy("a number and a control byte", "Retry-After: 120\u{1}").differ(two, none, WAIT),
        busy("a date that is past", "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT").both(none),
        busy("a date to come", "Retry-After: Fri, 31 Dec 2100 23:59:59 GMT").both(long),
        busy("a date in the form of asctime", "Retry-After: Fri Dec 31 23:59:59 2100").both(long),
        busy("a past date in the form of RFC 850", "Retry-After: Friday, 31-Dec-99 23:59:59 GMT").both(none),
        busy(
            "a date two minutes after that of the target's clock",
            "Date: Sun, 06 Nov 1994 08:47:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT",
        )
        .differ(none, two, WAIT),
        busy("a date on the wrong day of the week", "Retry-After: Mon, 31 Dec 2100 23:59:59 GMT")
            .differ(long, none, WAIT),
        busy("a date in UTC", "Retry-After: Fri, 31 Dec 2100 23:59:59 UTC").differ(long, none, WAIT),
        busy("a date of RFC 3339", "Retry-After: 2100-12-31T23:59:59Z").differ(
            "503 ok, waits 2100 s",
            none,
            WAIT,
        ),
    ]
}
