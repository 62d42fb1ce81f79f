//! What the fuzz targets share: a bound on what one input takes in memory.

use std::alloc::System;
use std::sync::Once;

use cap::Cap;

/// What takes more than the limit ends the process, which libFuzzer reports with the input.
#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// Bytes that any input may take: tables of time zones, and what is made up to compare with.
const BASE: usize = 1 << 20;
/// Bytes that each byte of an input may take beside that. A JSON value of two bytes takes some seventy.
const PER_BYTE: usize = 256;

/// Limits what is allocated from now on, for an input of `len` bytes.
///
/// # Panics
/// Never: there is always room for what is held already.
pub fn limit_memory(len: usize) {
    static REPORTS: Once = Once::new();
    REPORTS.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // The report of a panic takes more than an input may, and would wait for itself where it gets no memory.
            let _ = MEMORY.set_limit(usize::MAX);
            report(info);
        }));
    });
    let limit = MEMORY.allocated() + BASE + PER_BYTE * len;
    MEMORY.set_limit(limit).expect("a limit above what is held");
}

/// Checks that a refusal says something, and not too much.
///
/// # Panics
/// It is empty, or longer than anybody reads.
pub fn check_refusal(message: &str) {
    assert!(!message.trim().is_empty(), "a refusal without a word");
    assert!(message.len() <= MAX_REFUSAL, "a refusal of {} bytes", message.len());
}

/// A text of [`chronos_types::MAX_QUOTED_BYTES`] that is quoted twice, with each byte escaped, and the words around it.
const MAX_REFUSAL: usize = 2 * 10 * chronos_types::MAX_QUOTED_BYTES + 1_024;
