//! Messages and answers between nodes as bytes.
//!
//! Each begins with the number of its format, so that an older Chronos refuses what it does not know. A CRC-32
//! follows, and then the body. The checksum is over the body and over what it is the body of: so an answer is
//! never taken for a request, nor one kind of request for another.

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
        let sum = sum(part, &out[HEAD..]);
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
pub(crate) fn decode<T: DeserializeOwned>(part: Part<'_>, message: &Bytes) -> Result<T, String> {
    serde_json::from_slice(&open(part, message)?).map_err(|error| unreadable(part, error))
}

/// The body of a message that is whole.
pub(super) fn open(part: Part<'_>, message: &Bytes) -> Result<Bytes, String> {
    match message.first_chunk::<HEAD>() {
        Some([FORMAT, expected @ ..]) => {
            let body = message.slice(HEAD..);
            if u32::from_be_bytes(*expected) == sum(part, &body) {
                return Ok(body);
            }
            Err(format!("{part} is damaged: its checksum is not that of its bytes"))
        }
        Some([format, ..]) if *format > FORMAT => Err(format!(
            "{part} is of format {format}, and this Chronos knows formats up to {FORMAT}; start a newer Chronos"
        )),
        Some(_) => Err(format!("{part} is damaged: it has no format")),
        None => Err(format!("{part} is damaged: it is cut short")),
    }
}

/// Why a body that is whole makes no sense.
pub(super) fn unreadable(part: Part<'_>, error: impl Display) -> String {
    format!("{part} is whole, and not in a form that this Chronos knows: {error}")
}

fn sum(part: Part<'_>, body: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    let (kind, mark) = match part {
        Part::Request(kind) => (kind, b"?"),
        Part::Answer(kind) => (kind, b"!"),
    };
    sum.update(kind.as_bytes());
    sum.update(mark);
    sum.update(body);
    sum.finalize()
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

    fn refused(part: Part<'_>, message: &Bytes) -> String {
        decode::<u64>(part, message).expect_err("refused")
    }

    #[test]
    fn what_is_newer_damaged_or_of_another_kind_is_refused_each_in_its_words() {
        let message = encode(VOTE, &7).expect("a message");
        assert_eq!(decode::<u64>(VOTE, &message), Ok(7));
        let mut newer = message.to_vec();
        newer[0] = 2;
        let newer = refused(VOTE, &newer.into());
        assert!(newer.contains("the message vote is of format 2, and"), "{newer}");
        let damaged = "the message vote is damaged: its checksum is not that of its bytes";
        let mut flipped = message.to_vec();
        flipped[HEAD] ^= 1;
        assert_eq!(refused(VOTE, &flipped.into()), damaged);
        assert_eq!(refused(VOTE, &message.slice(..HEAD)), damaged);
        assert_eq!(refused(VOTE, &message.slice(..HEAD - 1)), "the message vote is damaged: it is cut short");
        // Two kinds have bodies of the same form, and so may a request and an answer.
        assert!(refused(Part::Request("pre_vote"), &message).starts_with("the message pre_vote is damaged"));
        assert!(refused(Part::Answer("vote"), &message).starts_with("the answer to vote is damaged"));
        let strange = refused(VOTE, &encode(VOTE, &"7").expect("a message"));
        assert!(strange.starts_with("the message vote is whole, and not in a form"), "{strange}");
    }
}
