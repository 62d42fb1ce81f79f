//! Messages between nodes: the kind of a request and `?`, or `!` for the answer to it; and behind the end of that line the
//! body. What is read is written in one form, and what was changed on its way is refused.

#![no_main]

use bytes::Bytes;
use chronos_fuzz::limit_memory;
use chronos_replica::{answer_again, request_again};
use libfuzzer_sys::fuzz_target;

/// The format of messages.
const FORMAT: u8 = 1;

/// Reads a message of a kind, and writes it again.
type Again = fn(&str, &Bytes) -> Result<Bytes, String>;

fuzz_target!(|input: &[u8]| {
    limit_memory(input.len());
    let (line, body) = input.split_at(input.iter().position(|b| *b == b'\n').unwrap_or(input.len()));
    let body = body.get(1..).unwrap_or_default();
    let Ok(line) = std::str::from_utf8(line) else { return };
    let (kind, again): (_, Again) = match (line.strip_suffix('?'), line.strip_suffix('!')) {
        (Some(kind), _) => (kind, request_again),
        (_, Some(kind)) => (kind, answer_again),
        _ => return,
    };
    // The body alone is a message too where somebody has found the checksum of it.
    for message in [message(line, body), Bytes::copy_from_slice(body)] {
        match again(kind, &message) {
            Ok(written) => {
                assert_eq!(again(kind, &written).as_ref(), Ok(&written));
                refused(again(kind, &flipped(&written, body)));
            }
            error => refused(error),
        }
    }
});

fn refused(result: Result<Bytes, String>) {
    let sentence = result.expect_err("a message that was changed");
    assert!(!sentence.trim().is_empty());
}

/// A message with a body: its format, the CRC-32 of all of it, and the body.
fn message(kind: &str, body: &[u8]) -> Bytes {
    let mut sum = crc32fast::Hasher::new();
    for part in [&[FORMAT], kind.as_bytes(), body] {
        sum.update(part);
    }
    [&[FORMAT], &sum.finalize().to_be_bytes()[..], body].concat().into()
}

/// A message with one bit changed, somewhere.
fn flipped(message: &Bytes, somewhere: &[u8]) -> Bytes {
    let mut message = message.to_vec();
    let bit = crc32fast::hash(somewhere) as usize % (message.len() * 8);
    message[bit / 8] ^= 1 << (bit % 8);
    message.into()
}
