//! Identifiers of jobs, executions and operations: UUIDs whose first bits are a time. So they sort by time, and
//! inserts stay at the right edge of an index.
//!
//! | bits | what |
//! | --- | --- |
//! | 48 | milliseconds since the Unix epoch |
//! | 4 | the version of the UUID (RFC 9562, section 4.2) |
//! | 8 | the shard; 0 today, so that a later Chronos can have more than one without new ids |
//! | 4 | random, or a hash |
//! | 2 | the variant of the UUID (RFC 9562, section 4.1) |
//! | 62 | random, or a hash |

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

/// An operation's identifier: a UUIDv7 of its creation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(Uuid);

/// Why a text is not an identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an id; expected a UUID")]
pub struct IdError(String);

impl JobId {
    /// A UUIDv7 from the instant of creation and random bits, in shard 0. Of the 80 random bits the first 12
    /// and the two of the variant are not kept.
    #[must_use]
    pub fn new(at: Millis, random: [u8; 10]) -> Self {
        Self(time_ordered(at, random))
    }
}

impl OperationId {
    /// As [`JobId::new`].
    #[must_use]
    pub fn new(at: Millis, random: [u8; 10]) -> Self {
        Self(time_ordered(at, random))
    }
}

/// A UUIDv7 in shard 0.
fn time_ordered(at: Millis, random: [u8; 10]) -> Uuid {
    let random = in_shard(0, random);
    Builder::from_unix_timestamp_millis(at.max(0).cast_unsigned(), &random).into_uuid()
}

impl ExecutionId {
    /// The identifier of the run of `job` at `scheduled_time`, in the job's shard.
    #[must_use]
    pub fn scheduled(job: JobId, scheduled_time: Millis) -> Self {
        Self::hashed(job, scheduled_time, &[])
    }

    /// The identifier of what is on record for a stretch of missed instants of `job` that ends with `last`, in the
    /// job's shard. It is a function of the two, and not that of the run of `last`: where the time is set back, that
    /// instant may come again, and run.
    #[must_use]
    pub fn missed(job: JobId, last: Millis) -> Self {
        Self::hashed(job, last, &[b"missed"])
    }

    /// The identifier of the run of `job` that an operation makes of `target`, in the job's shard: of what it repeats, of
    /// an instant, or of nothing where the job runs once. It begins with `at`, and is a function of all of these, so a
    /// run that is proposed twice is one run. It is none that a schedule gives.
    #[must_use]
    pub fn of_operation(job: JobId, at: Millis, operation: OperationId, target: &[u8]) -> Self {
        Self::hashed(job, at, &[b"operation", operation.0.as_bytes(), target])
    }

    fn hashed(job: JobId, at: Millis, what: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        hash.update(job.0.as_bytes());
        hash.update(at.to_be_bytes());
        what.iter().for_each(|part| hash.update(part));
        let digest = hash.finalize();
        let mut tail = [0; 10];
        tail.copy_from_slice(&digest[..10]);
        Self::at(at, job.shard(), tail)
    }

    /// An identifier for a run of `job` that no schedule asked for, in the job's shard: from its instant and
    /// random bits, of which as many are kept as by [`JobId::new`].
    #[must_use]
    pub fn manual(job: JobId, at: Millis, random: [u8; 10]) -> Self {
        Self::at(at, job.shard(), random)
    }

    /// The smallest identifier of an instant, in whichever shard: a bound for range scans.
    #[must_use]
    pub fn floor(at: Millis) -> Self {
        Self::at(at, 0, [0; 10])
    }

    fn at(at: Millis, shard: u8, tail: [u8; 10]) -> Self {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&at.max(0).to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&in_shard(shard, tail));
        Self(Builder::from_custom_bytes(bytes).into_uuid())
    }
}

/// Writes a shard over the bits of an identifier that follow its time and its version.
fn in_shard(shard: u8, mut tail: [u8; 10]) -> [u8; 10] {
    // The high four bits of the first byte become the version.
    tail[0] = shard >> 4;
    tail[1] = shard << 4 | tail[1] & 0x0F;
    tail
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
                    _ => Err(IdError(crate::clip(text).into_owned())),
                }
            }

            /// The shard that it belongs to.
            #[must_use]
            pub fn shard(&self) -> u8 {
                let bytes = self.0.as_bytes();
                bytes[6] << 4 | bytes[7] >> 4
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
common!(OperationId);

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
        let missed = ExecutionId::missed(a, 1000);
        assert_eq!(missed, ExecutionId::missed(a, 1000));
        assert!(missed != ExecutionId::scheduled(a, 1000) && missed != ExecutionId::missed(b, 1000));
        assert!(ExecutionId::floor(1000) <= missed && missed < ExecutionId::floor(1001));
        let operation = OperationId::new(1, [3; 10]);
        let run = |job, target: &[u8]| ExecutionId::of_operation(job, 1000, operation, target);
        assert_eq!(run(a, b"x"), run(a, b"x"));
        assert!(run(a, b"x") != run(a, b"y") && run(a, b"") != run(b, b""));
        assert!(![ExecutionId::scheduled(a, 1000), missed].contains(&run(a, &1000_i64.to_be_bytes())));
        assert!(ExecutionId::floor(1000) <= run(a, b"") && run(a, b"") < ExecutionId::floor(1001));
        let id = ExecutionId::scheduled(a, 1000);
        assert_eq!(ExecutionId::parse(&id.to_string()), Ok(id));
        assert_eq!(ExecutionId::from_bytes(*id.as_bytes()), id);
    }

    /// A job of another shard, as a later Chronos may make it.
    fn job_of(shard: u8) -> JobId {
        JobId::parse(&format!("018bcfe5-6800-7{shard:02x}5-bcce-0123456789ab")).expect("an id")
    }

    #[test]
    fn a_job_is_made_in_shard_0_and_an_execution_in_that_of_its_job() {
        for random in [[0; 10], [0xFF; 10]] {
            assert_eq!(JobId::new(1_700_000_000_000, random).shard(), 0);
        }
        let job = job_of(0xAB);
        assert_eq!(job.shard(), 0xAB);
        for shard in 0..=u8::MAX {
            let job = job_of(shard);
            assert_eq!(job.shard(), shard);
            for at in [0, 1_700_000_000_000] {
                assert_eq!(ExecutionId::scheduled(job, at).shard(), shard);
                assert_eq!(ExecutionId::missed(job, at).shard(), shard);
                assert_eq!(ExecutionId::manual(job, at, [0xFF; 10]).shard(), shard);
                assert_eq!(ExecutionId::manual(job, at, [0; 10]).shard(), shard);
            }
        }
        let text = ExecutionId::manual(job, 1_700_000_000_000, [0xFF; 10]).to_string();
        assert_eq!(text, "018bcfe5-6800-8abf-bfff-ffffffffffff");
    }

    #[test]
    fn ranges_of_time_hold_for_every_shard() {
        let at = 1_700_000_000_000;
        for shard in 0..=u8::MAX {
            let job = job_of(shard);
            for id in [
                ExecutionId::scheduled(job, at),
                ExecutionId::manual(job, at, [0; 10]),
                ExecutionId::manual(job, at, [0xFF; 10]),
            ] {
                assert!(ExecutionId::floor(at) <= id && id < ExecutionId::floor(at + 1), "{id}");
                assert!(ExecutionId::floor(at - 1) < id, "{id}");
            }
        }
        assert_eq!(ExecutionId::floor(at), ExecutionId::manual(job_of(0), at, [0; 10]));
    }

    #[test]
    fn ids_are_uuids_and_the_bits_that_are_left_are_random_or_a_hash() {
        use uuid::{Timestamp, Variant};
        let at = 1_700_000_000_000;
        let job = JobId::new(at, [0xFF; 10]);
        assert_eq!(job.0.get_version_num(), 7);
        let time = job.0.get_timestamp().as_ref().map(Timestamp::to_unix);
        assert_eq!(time, Some((1_700_000_000, 0)));
        assert_eq!(job.to_string(), "018bcfe5-6800-700f-bfff-ffffffffffff");
        let executions = [
            ExecutionId::scheduled(job_of(0xAB), at),
            ExecutionId::manual(job_of(0xAB), at, [0x5A; 10]),
            ExecutionId::floor(at),
        ];
        for id in executions {
            assert_eq!((id.0.get_version_num(), id.0.get_variant()), (8, Variant::RFC4122), "{id}");
        }
        // 66 bits: each can be set and not.
        let (mut set, mut clear) = ([0; 16], [0; 16]);
        for at in at..at + 1000 {
            let id = ExecutionId::scheduled(job_of(0), at);
            for (place, byte) in id.as_bytes().iter().enumerate() {
                set[place] |= byte;
                clear[place] |= !byte;
            }
        }
        let free = (7..16).map(|place| (set[place] & clear[place]).count_ones()).sum::<u32>();
        assert_eq!(free, 66);
    }
}
