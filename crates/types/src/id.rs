//! Identifiers of jobs and executions: UUIDs whose first bits are a time. So they sort by time, and
//! inserts stay at the right edge of an index.

use std::fmt;

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::Millis;

/// A job's identifier: a UUIDv7 of its creation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(Uuid);

/// An execution's identifier: a UUIDv8 that begins with the scheduled time in milliseconds.
///
/// The identifier of a scheduled run is a function of the job and the instant, so a run that is planned
/// twice is still one run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecutionId(Uuid);

/// Why a text is not an identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an id; expected a UUID")]
pub struct IdError(String);

impl JobId {
    /// A UUIDv7 from the instant of creation and 80 random bits.
    #[must_use]
    pub fn new(at: Millis, random: [u8; 10]) -> Self {
        Self(Builder::from_unix_timestamp_millis(at.max(0).cast_unsigned(), &random).into_uuid())
    }
}

impl ExecutionId {
    /// The identifier of the run of `job` at `scheduled_time`.
    #[must_use]
    pub fn scheduled(job: JobId, scheduled_time: Millis) -> Self {
        let mut hash = Sha256::new();
        hash.update(job.0.as_bytes());
        hash.update(scheduled_time.to_be_bytes());
        let digest = hash.finalize();
        let mut tail = [0; 10];
        tail.copy_from_slice(&digest[..10]);
        Self::at(scheduled_time, tail)
    }

    /// An identifier for a run that no schedule asked for, from its instant and 80 random bits.
    #[must_use]
    pub fn manual(at: Millis, random: [u8; 10]) -> Self {
        Self::at(at, random)
    }

    /// The smallest identifier of an instant: a bound for range scans.
    #[must_use]
    pub fn floor(at: Millis) -> Self {
        Self::at(at, [0; 10])
    }

    fn at(at: Millis, tail: [u8; 10]) -> Self {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&at.max(0).to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&tail);
        Self(Builder::from_custom_bytes(bytes).into_uuid())
    }
}

macro_rules! common {
    ($name:ident) => {
        impl $name {
            /// Parses the hyphenated form.
            ///
            /// # Errors
            /// The text is not a UUID.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                match Uuid::try_parse(text) {
                    Ok(uuid) if text.len() == 36 => Ok(Self(uuid)),
                    _ => Err(IdError(crate::duration::clip(text).to_owned())),
                }
            }

            /// The 16 bytes, in an order that sorts by time.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// From the 16 bytes.
            #[must_use]
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}
common!(JobId);
common!(ExecutionId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn execution_ids_are_a_function_of_job_and_scheduled_time_and_sort_by_time() {
        let (a, b) = (JobId::new(1, [1; 10]), JobId::new(1, [2; 10]));
        assert_eq!(ExecutionId::scheduled(a, 1000), ExecutionId::scheduled(a, 1000));
        assert_ne!(ExecutionId::scheduled(a, 1000), ExecutionId::scheduled(b, 1000));
        assert!(ExecutionId::scheduled(a, 1000) < ExecutionId::scheduled(b, 1001));
        assert!(ExecutionId::floor(1000) <= ExecutionId::scheduled(a, 1000));
        let id = ExecutionId::scheduled(a, 1000);
        assert_eq!(ExecutionId::parse(&id.to_string()), Ok(id));
        assert_eq!(ExecutionId::from_bytes(*id.as_bytes()), id);
    }
}
