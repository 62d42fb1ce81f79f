//! Cursors: the name of a list, and a cursor of it, or the bytes that it has. No list takes the cursor of another one, and
//! one that is taken is written as it was.

#![no_main]

use chronos_fuzz::limit_memory;
use chronos_http::Cursors;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    limit_memory(input.len());
    let (list, bytes) = input.split_at(input.iter().position(|b| *b == b'\n').unwrap_or(input.len()));
    let (Ok(list), bytes) = (std::str::from_utf8(list), bytes.get(1..).unwrap_or_default()) else { return };
    let Some(cursors) = Cursors::of(list, &FILTERS) else { return };
    if let Ok(text) = std::str::from_utf8(bytes) {
        is_the_same_again(list, &cursors, text);
    }
    is_the_same_again(list, &cursors, &cursors.made_up(bytes));
});

const FILTERS: [&str; 2] = ["enabled=true", ""];

fn is_the_same_again(list: &str, cursors: &Cursors, cursor: &str) {
    let Some(again) = cursors.again(cursor) else { return };
    assert_eq!(again, cursor);
    let others = Cursors::LISTS.into_iter().filter(|other| *other != list).map(|other| (other, &FILTERS[..]));
    for (other, filters) in others.chain([(list, &FILTERS[..1])]) {
        let taken = Cursors::of(other, filters).expect("a list").again(cursor);
        assert_eq!(taken, None, "{other} {filters:?} takes a cursor of {list} {FILTERS:?}");
    }
}
