//! Cursors: where a list goes on, opaque to clients, and bound to the list and the filters that
//! they came from.

mod again;

use std::fmt::Debug;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

pub use again::Cursors;

const SEAL: usize = 8;

/// What a list is: its kind and its filters, as a text.
pub(crate) struct Binding(String);

impl Binding {
    /// The list of `kind` with these filters; their order matters.
    pub(crate) fn new(kind: &str, filters: &[impl AsRef<str> + Debug]) -> Self {
        // Debug output quotes each part, so no two different lists have one text.
        Self(format!("{kind}{filters:?}"))
    }

    /// The cursor of a position.
    pub(crate) fn encode(&self, position: &[u8]) -> String {
        let mut bytes = self.seal().to_vec();
        bytes.extend_from_slice(position);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position of a cursor that came from this list.
    pub(crate) fn decode(&self, cursor: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (seal, position) = bytes.split_at_checked(SEAL)?;
        (seal == self.seal()).then(|| position.to_vec())
    }

    fn seal(&self) -> [u8; SEAL] {
        let digest = Sha256::digest(self.0.as_bytes());
        let mut seal = [0; SEAL];
        seal.copy_from_slice(&digest[..SEAL]);
        seal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_own_list_only() {
        let list = Binding::new("jobs", &["true", "a"]);
        let cursor = list.encode(&7i64.to_be_bytes());
        assert_eq!(list.decode(&cursor), Some(7i64.to_be_bytes().to_vec()));
        for other in [Binding::new("jobs", &["true"]), Binding::new("executions", &["true", "a"])] {
            assert_eq!(other.decode(&cursor), None);
        }
        for bad in ["", "x", "!!", &cursor[1..]] {
            assert_eq!(list.decode(bad), None, "{bad}");
        }
    }
}
