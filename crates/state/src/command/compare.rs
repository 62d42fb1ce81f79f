//! [`Compare`]: which rows of the state the nodes are to compare.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Has each node compute the digest of some rows when it applies this ([`crate::RangeDigest`]). It changes nothing.
///
/// The rows are those before a row, in the order of tables and keys: [`crate::MAX_ROWS`] of them at most, and as many
/// as are read in some milliseconds. Nobody's digest stands in the command: each node finds its own. Of several in
/// one batch only the last counts.
///
/// Whoever goes through the state begins at its end. New executions come at the end of theirs, so what is still to be
/// looked at becomes no more, however many come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compare {
    /// The row behind the last one; none where that is the last row of the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<RowKey>,
}

impl Compare {
    /// A rough count of its bytes in the log.
    pub(super) fn weight(&self) -> usize {
        60 + self.before.as_ref().map_or(0, |row| row.key.iter().map(KeyValue::weight).sum())
    }
}

/// Which row of the state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowKey {
    /// The name of its table.
    pub table: String,
    /// The values of its key, in the order of the key's columns.
    pub key: Vec<KeyValue>,
}

impl fmt::Display for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, row ", self.table)?;
        for (number, value) in self.key.iter().enumerate() {
            write!(f, "{}{value}", if number == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// A value of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyValue {
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
    /// Bytes, such as those of an id.
    Bytes(Vec<u8>),
}

impl KeyValue {
    fn weight(&self) -> usize {
        match self {
            Self::Number(_) => 20,
            Self::Text(text) => 10 + text.len(),
            // Each byte is a number of up to three digits, and a comma.
            Self::Bytes(bytes) => 10 + 4 * bytes.len(),
        }
    }
}

impl fmt::Display for KeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Bytes(bytes) => {
                f.write_str("x")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}
