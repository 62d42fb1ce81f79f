//! Messages and answers between nodes as bytes.
//!
//! Each begins with the number of its format, so that a newer Chronos can tell what an older one
//! sent, and an older one refuses what it does not know. JSON follows, to which fields can be added.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The format written, and the newest one understood.
pub(super) const FORMAT: u8 = 1;

/// A value as a message, or as the answer to one.
pub(crate) fn encode(value: &impl Serialize) -> Result<Bytes, String> {
    let mut out = vec![FORMAT];
    serde_json::to_writer(&mut out, value)
        .map_err(|error| format!("a message cannot be written: {error}"))?;
    Ok(out.into())
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode<T: DeserializeOwned>(message: &Bytes) -> Result<T, String> {
    serde_json::from_slice(body(message)?).map_err(damaged)
}

/// What follows the number of the format.
pub(super) fn body(message: &Bytes) -> Result<&[u8], String> {
    match message.split_first() {
        Some((&FORMAT, body)) => Ok(body),
        Some((format, _)) => {
            Err(format!("a message is of format {format}, and this Chronos knows formats up to {FORMAT}"))
        }
        None => Err("a message is empty".to_owned()),
    }
}

pub(super) fn damaged(error: impl std::fmt::Display) -> String {
    format!("a message is damaged: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_newer_is_refused() {
        let newer = Bytes::from_static(b"\x02{}");
        let error = decode::<serde_json::Value>(&newer).expect_err("refused");
        assert!(error.contains("format 2"), "{error}");
    }
}
