//! Where a list goes on, as the bytes that a cursor has. Anybody can make a cursor up, so that any bytes are read, and are
//! either a place that a list may have or nothing.

use chronos_state::{AuditPlace, JobKey, JobPlace, JobSeq};
use chronos_types::{ExecutionId, OperationId, SecretName};

/// Where a list goes on, as a cursor holds it.
pub(crate) trait Place: Sized {
    fn bytes(&self) -> Vec<u8>;

    /// Reads what [`Place::bytes`] wrote.
    fn read(bytes: &[u8]) -> Option<Self>;
}

/// A number, what the job is ordered by where it has that, and its number.
impl Place for JobPlace {
    fn bytes(&self) -> Vec<u8> {
        let Self { key, seq } = self;
        let (kind, key) = match key {
            None => (0, Vec::new()),
            Some(JobKey::Number(number)) => (1, number.to_be_bytes().to_vec()),
            Some(JobKey::Text(text)) => (2, text.clone().into_bytes()),
        };
        [&[kind], &seq.get().to_be_bytes()[..], &key].concat()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (seq, key) = rest.split_first_chunk()?;
        let key = match kind {
            0 if key.is_empty() => None,
            1 => Some(JobKey::Number(i64::from_be_bytes(key.try_into().ok()?))),
            2 => Some(JobKey::Text(String::from_utf8(key.to_vec()).ok()?)),
            _ => return None,
        };
        Some(Self { key, seq: JobSeq::new(i64::from_be_bytes(*seq)) })
    }
}

impl Place for ExecutionId {
    fn bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_bytes)
    }
}

impl Place for OperationId {
    fn bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_bytes)
    }
}

/// When an entry was put on record, and its number.
impl Place for AuditPlace {
    fn bytes(&self) -> Vec<u8> {
        let Self { at, seq } = self;
        [at.to_be_bytes(), seq.to_be_bytes()].concat()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (at, seq) = bytes.split_first_chunk()?;
        let (at, seq) = (i64::from_be_bytes(*at), u64::read(seq)?);
        // The state counts no further.
        i64::try_from(seq).is_ok().then_some(Self { at, seq })
    }
}

/// The name of a secret.
impl Place for String {
    fn bytes(&self) -> Vec<u8> {
        self.clone().into_bytes()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let name = Self::from_utf8(bytes.to_vec()).ok()?;
        SecretName::parse(&name).is_ok().then_some(name)
    }
}

/// The number of a version.
impl Place for u64 {
    fn bytes(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_job_is_read_as_it_was_written_and_no_other_bytes_are() {
        let seq = JobSeq::new(7);
        for key in [None, Some(JobKey::Number(-1)), Some(JobKey::Text("näme".to_owned()))] {
            let place = JobPlace { key, seq };
            assert_eq!(JobPlace::read(&place.bytes()), Some(place));
        }
        for bad in [
            &[][..],
            &[0],
            &[0; 8],
            &[0; 10],
            &[1; 16],
            &[1; 18],
            &[3; 9],
            &[2, 0, 0, 0, 0, 0, 0, 0, 7, 0xff],
        ] {
            assert_eq!(JobPlace::read(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_place_of_an_entry_is_one_that_the_state_can_count_to() {
        let last = AuditPlace { at: -1, seq: i64::MAX.unsigned_abs() };
        assert_eq!(AuditPlace::read(&last.bytes()), Some(last));
        let none = AuditPlace { at: 0, seq: last.seq + 1 };
        assert_eq!(AuditPlace::read(&none.bytes()), None);
    }
}
