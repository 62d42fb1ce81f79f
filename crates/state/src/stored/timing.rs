//! The stored form of how an attempt's time was spent, and of what an execution waited for: in reports, and in details
//! of executions.

use chronos_types::Waited;
use serde::{Deserialize, Serialize};

use super::omit::is_default;

/// The stored form of [`Waited`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredWaited {
    #[serde(default, skip_serializing_if = "is_default")]
    slot_ms: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    target_ms: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    retry_after_ms: u64,
}

impl From<Waited> for StoredWaited {
    fn from(waited: Waited) -> Self {
        let Waited { slot_ms, target_ms, retry_after_ms } = waited;
        Self { slot_ms, target_ms, retry_after_ms }
    }
}

impl From<StoredWaited> for Waited {
    fn from(stored: StoredWaited) -> Self {
        let StoredWaited { slot_ms, target_ms, retry_after_ms } = stored;
        Self { slot_ms, target_ms, retry_after_ms }
    }
}

/// `serde(with)` for what was waited for.
pub(crate) mod waited {
    use chronos_types::Waited;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::StoredWaited;

    pub(crate) fn serialize<S: Serializer>(waited: &Waited, serializer: S) -> Result<S::Ok, S::Error> {
        StoredWaited::from(*waited).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Waited, D::Error> {
        StoredWaited::deserialize(deserializer).map(Waited::from)
    }
}

/// `serde(with)` for phases: a list, for each success keeps one. What comes first is there most often, and what is none
/// at its end is left out: on a connection that was kept there are two.
pub(crate) mod phases {
    use chronos_types::Phases;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    const COUNT: usize = 5;

    pub(crate) fn serialize<S: Serializer>(
        phases: &Option<Phases>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        phases.as_ref().map(|phases| listed(*phases)).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Phases>, D::Error> {
        let Some(mut list) = Option::<Vec<Option<u32>>>::deserialize(deserializer)? else { return Ok(None) };
        if list.len() > COUNT {
            return Err(D::Error::invalid_length(list.len(), &"at most five phases"));
        }
        list.resize(COUNT, None);
        let [first_byte_ms, body_ms, dns_ms, connect_ms, tls_ms] = list[..] else { return Ok(None) };
        Ok(Some(Phases { dns_ms, connect_ms, tls_ms, first_byte_ms, body_ms }))
    }

    fn listed(phases: Phases) -> Vec<Option<u32>> {
        let Phases { dns_ms, connect_ms, tls_ms, first_byte_ms, body_ms } = phases;
        let mut list = vec![first_byte_ms, body_ms, dns_ms, connect_ms, tls_ms];
        while list.last() == Some(&None) {
            list.pop();
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use chronos_types::Phases;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Form {
        #[serde(with = "phases")]
        phases: Option<Phases>,
    }

    #[test]
    fn phases_are_kept_in_a_few_bytes() {
        let some = |first_byte, body, dns, connect, tls| {
            let (dns_ms, connect_ms, tls_ms) = (dns, connect, tls);
            Some(Phases { dns_ms, connect_ms, tls_ms, first_byte_ms: first_byte, body_ms: body })
        };
        for (phases, text) in [
            (None, "null"),
            (some(None, None, None, None, None), "[]"),
            (some(Some(3), Some(0), None, None, None), "[3,0]"),
            (some(Some(3), Some(0), None, Some(1), None), "[3,0,null,1]"),
            (some(Some(3), Some(0), Some(2), Some(1), Some(9)), "[3,0,2,1,9]"),
            (some(None, None, Some(5), None, None), "[null,null,5]"),
        ] {
            let form = Form { phases };
            let written = serde_json::to_string(&form).expect("a text");
            assert_eq!(written, format!("{{\"phases\":{text}}}"));
            assert_eq!(serde_json::from_str::<Form>(&written).expect("a form"), form);
        }
        assert!(serde_json::from_str::<Form>("{\"phases\":[1,2,3,4,5,6]}").is_err());
    }
}
