//! Notes in `log.db` and in the state, as bytes.
//!
//! Each begins with the CRC-32 of what follows, in eight hexadecimal digits: `1f0c2a97 {json}`. A damaged note is
//! told from a good one, and people can read both.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The checksum's digits, and the space behind them.
const HEAD: usize = 9;

/// A note as bytes.
pub(crate) fn encode(value: &impl Serialize) -> Result<Vec<u8>, String> {
    let mut out = vec![b' '; HEAD];
    serde_json::to_writer(&mut out, value).map_err(|error| format!("a note cannot be written: {error}"))?;
    let sum = sum(&out[HEAD..]);
    out[..HEAD].copy_from_slice(&sum);
    Ok(out)
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode<T: DeserializeOwned>(note: &[u8]) -> Result<T, String> {
    let (head, json) = note.split_at_checked(HEAD).ok_or("it is too short")?;
    if head != sum(json) {
        return Err("its checksum is not that of its bytes".to_owned());
    }
    serde_json::from_slice(json).map_err(|error| error.to_string())
}

fn sum(json: &[u8]) -> [u8; HEAD] {
    let mut head = [b' '; HEAD];
    let sum = crc32fast::hash(json);
    for (digit, shift) in head.iter_mut().zip((0..32).step_by(4).rev()) {
        *digit = b"0123456789abcdef"[(sum >> shift & 15) as usize];
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written_and_never_otherwise() {
        let note = encode(&["a", "b"]).expect("a note");
        assert_eq!(std::str::from_utf8(&note).expect("text"), "3dc99cd5 [\"a\",\"b\"]");
        assert_eq!(decode::<Vec<String>>(&note).expect("it"), ["a", "b"]);
        for bit in 0..note.len() * 8 {
            let mut flipped = note.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            decode::<Vec<String>>(&flipped).expect_err("damaged");
        }
        for end in 0..note.len() {
            decode::<Vec<String>>(&note[..end]).expect_err("cut");
        }
    }
}
