//! Messages and answers between nodes as bytes.
//!
//! Each begins with the number of its format, so that an older Chronos knows what it does not know. A CRC-32 follows,
//! and then the body. The checksum is over the format, over the body and over what it is the body of: so an answer is
//! never taken for a request, nor one kind of request for another. This head is the same in every format to come: so a
//! message of a newer one is told from a damaged one.

use std::fmt::Display;

use bytes::{BufMut as _, Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The format written, and the newest one understood.
const FORMAT: u8 = 1;
/// The format and the checksum.
const HEAD: usize = 1 + 4;
/// Most bodies fit into so many bytes.
const USUAL: usize = 256;

/// Why bytes are no message.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unread {
    /// They are not what was sent.
    #[error("{0}")]
    Damaged(String),
    /// They are what was sent, and this Chronos cannot read that. A whole sentence.
    #[error("{0}")]
    Unknown(String),
}

impl From<Unread> for String {
    fn from(unread: Unread) -> Self {
        unread.to_string()
    }
}

/// What a body is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// The request of a kind.
    Request(&'a str),
    /// The answer to a request of a kind.
    Answer(&'a str),
}

/// A message that is being written. What is put into it is its body.
pub(super) struct Writer(BytesMut);

impl Writer {
    /// For a body of about so many bytes.
    pub(super) fn new(body: usize) -> Self {
        let mut out = BytesMut::with_capacity(HEAD + body);
        out.put_bytes(0, HEAD);
        Self(out)
    }

    /// Where the body goes.
    pub(super) fn body(&mut self) -> &mut BytesMut {
        &mut self.0
    }

    /// The whole message.
    pub(super) fn seal(self, part: Part<'_>) -> Bytes {
        let mut out = self.0;
        let sum = sum(FORMAT, part, &out[HEAD..]);
        out[0] = FORMAT;
        out[1..HEAD].copy_from_slice(&sum.to_be_bytes());
        out.freeze()
    }
}

/// A value as a message, or as the answer to one.
pub(crate) fn encode(part: Part<'_>, value: &impl Serialize) -> Result<Bytes, String> {
    let mut out = Writer::new(USUAL);
    serde_json::to_writer(out.body().writer(), value)
        .map_err(|error| format!("{part} cannot be written: {error}"))?;
    Ok(out.seal(part))
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode<T: DeserializeOwned>(part: Part<'_>, message: &Bytes) -> Result<T, Unread> {
    serde_json::from_slice(&open(part, message)?).map_err(|error| unreadable(part, error))
}

/// The body of a message that is whole.
pub(super) fn open(part: Part<'_>, message: &Bytes) -> Result<Bytes, Unread> {
    let damaged = |why: &str| Err(Unread::Damaged(format!("{part} is damaged: {why}")));
    let Some([format, expected @ ..]) = message.first_chunk::<HEAD>() else {
        return damaged("it is cut short");
    };
    let body = message.slice(HEAD..);
    if u32::from_be_bytes(*expected) != sum(*format, part, &body) {
        return damaged("its checksum is not that of its bytes");
    }
    match *format {
        FORMAT => Ok(body),
        newer if newer > FORMAT => Err(Unread::Unknown(format!(
            "{part} is of format {newer}, and this Chronos knows formats up to {FORMAT}; start a newer Chronos"
        ))),
        _ => damaged("it has no format"),
    }
}

/// Why a body that is whole makes no sense.
pub(super) fn unreadable(part: Part<'_>, error: impl Display) -> Unread {
    Unread::Unknown(format!(
        "{part} is whole, and not in a form that this Chronos knows: {error}; start a newer Chronos"
    ))
}

fn sum(format: u8, part: Part<'_>, body: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&[format]);
    let (kind, mark) = match part {
        Part::Request(kind) => (kind, b"?"),
        Part::Answer(kind) => (kind, b"!"),
    };
    sum.update(kind.as_bytes());
    sum.update(mark);
    sum.update(body);
    sum.finalize()
}

/// For tests: a message as a Chronos would send it whose format is this one.
#[cfg(test)]
pub(crate) fn in_format(format: u8, part: Part<'_>, message: &Bytes) -> Bytes {
    let mut out = message.to_vec();
    let sum = sum(format, part, &out[HEAD..]).to_be_bytes();
    out[0] = format;
    out[1..HEAD].copy_from_slice(&sum);
    out.into()
}

impl Display for Part<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Request(kind) => write!(f, "the message {kind}"),
            Self::Answer(kind) => write!(f, "the answer to {kind}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOTE: Part<'_> = Part::Request("vote");

    fn damaged(part: Part<'_>, message: &Bytes) -> String {
        match decode::<u64>(part, message).expect_err("refused") {
            Unread::Damaged(why) => why,
            Unread::Unknown(why) => panic!("it is damaged: {why}"),
        }
    }

    fn unknown(part: Part<'_>, message: &Bytes) -> String {
        match decode::<u64>(part, message).expect_err("refused") {
            Unread::Unknown(why) => why,
            Unread::Damaged(why) => panic!("it is whole: {why}"),
        }
    }

    #[test]
    fn what_is_newer_damaged_or_of_another_kind_is_refused_each_in_its_words() {
        let message = encode(VOTE, &7).expect("a message");
        assert_eq!(decode::<u64>(VOTE, &message), Ok(7));
        let of_format_2 = unknown(VOTE, &in_format(2, VOTE, &message));
        assert!(of_format_2.contains("the message vote is of format 2, and"), "{of_format_2}");
        let sum = "the message vote is damaged: its checksum is not that of its bytes";
        for bit in 0..message.len() * 8 {
            let mut flipped = message.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(damaged(VOTE, &flipped.into()), sum, "never taken for a newer one");
        }
        assert_eq!(damaged(VOTE, &message.slice(..HEAD)), sum);
        assert_eq!(damaged(VOTE, &message.slice(..HEAD - 1)), "the message vote is damaged: it is cut short");
        // Two kinds have bodies of the same form, and so may a request and an answer.
        assert!(damaged(Part::Request("pre_vote"), &message).starts_with("the message pre_vote is damaged"));
        assert!(damaged(Part::Answer("vote"), &message).starts_with("the answer to vote is damaged"));
        let strange = unknown(VOTE, &encode(VOTE, &"7").expect("a message"));
        assert!(strange.starts_with("the message vote is whole, and not in a form"), "{strange}");
    }
}
