//! Why a name has no addresses now, in words.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Why a name has no addresses now. The caller says which name it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// It cannot be a name: empty, too long, or with characters that no name has.
    #[error("it is no name of a host")]
    NotAName,
    #[error("no such name")]
    NoSuchName,
    /// The name is there, with other records than addresses.
    #[error("the name has no addresses")]
    NoAddresses,
    #[error("no name server answered within {}", seconds(.0))]
    Silent(Duration),
    /// It waited in line the whole time.
    #[error("too many names are looked up at once; its turn did not come within {}", seconds(.0))]
    Crowded(Duration),
    /// An answer that is no answer: SERVFAIL, REFUSED and the like.
    #[error("the name server {server} answered: {code}")]
    Refused { server: SocketAddr, code: String },
    #[error("the name server {server} cannot be asked: {why}")]
    Unreachable { server: SocketAddr, why: String },
    /// This machine has no descriptor, memory or buffer left to ask with: the number of its error.
    #[error("no name server can be asked: {}", system(.0))]
    Shortage(i32),
}

impl Failure {
    /// Whether it is what the name servers know, and not that they are failing.
    pub(super) fn is_answer(&self) -> bool {
        matches!(self, Self::NotAName | Self::NoSuchName | Self::NoAddresses)
    }

    /// Whether the name servers were asked, and took all the time there was.
    pub(super) fn is_slow(&self) -> bool {
        matches!(self, Self::Silent(_))
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        let kind = match failure {
            Failure::NotAName => io::ErrorKind::InvalidInput,
            Failure::NoSuchName | Failure::NoAddresses => io::ErrorKind::NotFound,
            Failure::Silent(_) | Failure::Crowded(_) => io::ErrorKind::TimedOut,
            Failure::Refused { .. } | Failure::Unreachable { .. } => io::ErrorKind::Other,
            // Whoever asks for the number finds it.
            Failure::Shortage(number) => return Self::from_raw_os_error(number),
        };
        Self::new(kind, failure)
    }
}

fn seconds(time: &Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

fn system(number: &i32) -> io::Error {
    io::Error::from_raw_os_error(*number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shortage;

    #[test]
    fn what_this_machine_lacked_is_told_from_a_name_that_is_not_known() {
        let lacked = Failure::Shortage(rustix::io::Errno::MFILE.raw_os_error());
        assert!(shortage(&io::Error::from(lacked)).is_some());
        for other in [Failure::NoSuchName, Failure::NoAddresses, Failure::Silent(Duration::from_secs(10))] {
            assert!(shortage(&io::Error::from(other)).is_none());
        }
    }
}
