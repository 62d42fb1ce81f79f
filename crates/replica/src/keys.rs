//! [`EncryptionKeys`]: which encryption keys this node has, and which are needed for what is in the state. They are known
//! here by their ids alone.

use std::sync::Mutex;

use chronos_types::NodeName;

use crate::lock::lock;

/// The encryption keys of this node, and those that are needed.
#[derive(Debug, Default)]
pub(crate) struct EncryptionKeys {
    own: Vec<String>,
    needed: Mutex<Vec<String>>,
}

impl EncryptionKeys {
    /// Those of this node. None is known to be needed yet.
    pub(crate) fn new(own: Vec<String>) -> Self {
        Self { own, needed: Mutex::default() }
    }

    /// From now on these are needed.
    pub(crate) fn need(&self, needed: Vec<String>) {
        *lock(&self.needed) = needed;
    }

    /// Whether this node lacks one that is needed: what it cannot open it cannot send.
    pub(crate) fn is_one_missing(&self) -> bool {
        !self.missing(&self.own).is_empty()
    }

    /// Those that are needed and not among these.
    pub(crate) fn missing(&self, among: &[String]) -> Vec<String> {
        lock(&self.needed).iter().filter(|key| !among.contains(key)).cloned().collect()
    }

    /// What keeps this node, of this name, from firing and leading.
    pub(crate) fn obstacle(&self, name: &NodeName) -> Option<String> {
        sentence(name, &self.missing(&self.own))
    }
}

/// That a node lacks keys, where it does; for people.
pub(crate) fn sentence(name: &NodeName, missing: &[String]) -> Option<String> {
    let keys = match missing {
        [] => return None,
        [key] => format!("the encryption key {key}"),
        keys => format!("the encryption keys {}", keys.join(" and ")),
    };
    Some(format!(
        "{name} lacks {keys}: it fires nothing, and leads only where no other voter can; add the file with it to \
         security.encryption_keys of {name}, and restart it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_says_which_keys_it_lacks() {
        let keys = EncryptionKeys::new(vec!["a".to_owned()]);
        let name = NodeName::unchecked("one");
        assert!(!keys.is_one_missing() && keys.obstacle(&name).is_none());
        keys.need(vec!["a".to_owned()]);
        assert!(!keys.is_one_missing());
        keys.need(vec!["a".to_owned(), "b".to_owned()]);
        assert!(keys.is_one_missing());
        let why = keys.obstacle(&name).expect("it lacks one");
        assert!(why.starts_with("one lacks the encryption key b: it fires nothing"), "{why}");
        assert_eq!(keys.missing(&[]), ["a", "b"]);
        let both = sentence(&name, &keys.missing(&[])).expect("it lacks two");
        assert!(both.contains("the encryption keys a and b"), "{both}");
    }
}
