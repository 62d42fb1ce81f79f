//! Names of nodes.

use std::fmt;
use std::sync::Arc;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clip;
use crate::name::{is_path_step, is_word};

/// A node's name: 1 to 63 of ASCII letters, digits, `-`, `_`, `.` and `:`, and neither `.` nor `..`. Clones share the
/// text.
///
/// The operator gives it in the configuration, where [`NodeName::parse`] checks it. A name that is read
/// from the log, the state or a message is not checked again, because every node must accept what the
/// others accepted. The default is the empty name; it stands for a node that is not known.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(Arc<str>);

/// Why a text is not a node's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?}; expected 1 to 63 of letters, digits, '-', '_', '.' and ':', not '.' or '..'")]
pub struct NodeNameError(String);

impl NodeName {
    /// Parses a name.
    ///
    /// # Errors
    /// The text has another character, is empty or too long, or is a step of a path.
    pub fn parse(text: &str) -> Result<Self, NodeNameError> {
        if is_word(text, 63) && !is_path_step(text) {
            Ok(Self(text.into()))
        } else {
            Err(NodeNameError(clip(text).into_owned()))
        }
    }

    /// Takes a text without a check: a name that a node has recorded, or one to look for.
    #[must_use]
    pub fn unchecked(text: &str) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl PartialEq<str> for NodeName {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for NodeName {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl Serialize for NodeName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for NodeName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text)
    }
}

/// Copies the text once, into the name.
struct Text;

impl Visitor<'_> for Text {
    type Value = NodeName;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a node's name")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<NodeName, E> {
        Ok(NodeName::unchecked(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_their_alphabet() {
        for good in ["n", "chronos-1", "eu.west:a_B", &"x".repeat(63)] {
            assert_eq!(NodeName::parse(good).expect(good), good);
        }
        for bad in ["", ".", "..", "a b", "a/b", "ä", &"x".repeat(64)] {
            assert!(NodeName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_name_is_a_string_in_json() {
        let json = serde_json::to_string(&NodeName::parse("n1").expect("a name")).expect("JSON");
        assert_eq!(json, "\"n1\"");
        // A name that was recorded is taken even if this release would refuse it.
        let old: NodeName = serde_json::from_str("\"a node\\u0021\"").expect("a name");
        assert_eq!(old, "a node!");
    }
}
