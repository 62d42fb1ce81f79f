//! Tells the failures that are for want of something of this machine's own from all others.
//!
//! Descriptors, memory and ports are given back as our own work ends, so whoever fails for want of them does well
//! to wait and try again, and the other side has nothing to do with it. This is not so where a route is missing
//! or a firewall forbids the way (`ENETUNREACH`, `EHOSTUNREACH`, `EACCES`, `EPERM`). That too may be this
//! machine's fault, but it lasts until somebody mends it, and a call that waited for it would have no outcome.

use std::error::Error;
use std::io;
use std::net::SocketAddr;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, connect, socket};

/// Descriptors (of the process, of the machine), memory (of the process, of the network), ports to ask a name server
/// from, and whatever else the kernel has too little of just now.
const SHORT: [Errno; 6] =
    [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS, Errno::ADDRINUSE, Errno::AGAIN];

/// A failure for want of something of this machine's own, where the error itself does not show that.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Shortage(io::Error);

/// What this machine lacked, where that is a cause of this error: the message of that cause. It looks through the
/// chain of causes and inside of I/O errors.
#[must_use]
pub fn shortage(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(Shortage(lacked)) = error.downcast_ref() {
            return Some(lacked.to_string());
        }
        if let Some(io) = error.downcast_ref::<io::Error>() {
            if Errno::from_io_error(io).is_some_and(is_short) {
                return Some(io.to_string());
            }
            if let Some(lacked) = io.get_ref().and_then(|inner| shortage(inner)) {
                return Some(lacked);
            }
        }
        next = error.source();
    }
    None
}

/// The failure to connect to `address`, marked where no port is left on this machine. `EADDRNOTAVAIL` also says
/// that this machine has no address from which it could reach the other one (IPv6 switched off, for one). A
/// datagram socket can tell: to connect it asks for a source address in the same way, and has ports of its own.
pub(crate) fn of_connect(error: io::Error, address: SocketAddr) -> io::Error {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let has_a_way =
        || socket(family, SocketType::DGRAM, None).is_ok_and(|socket| connect(&socket, &address).is_ok());
    let is_short = Errno::from_io_error(&error) == Some(Errno::ADDRNOTAVAIL) && has_a_way();
    if is_short { io::Error::other(Shortage(error)) } else { error }
}

/// Whether this number of an error says that the machine lacked something of its own.
pub(crate) fn is_short(errno: Errno) -> bool {
    SHORT.contains(&errno)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);

    fn raw(errno: Errno) -> io::Error {
        io::Error::from_raw_os_error(errno.raw_os_error())
    }

    #[test]
    fn our_shortages_are_found_wherever_they_are_and_nothing_else_is() {
        for errno in SHORT {
            assert!(shortage(&raw(errno)).is_some(), "{errno:?}");
            assert!(shortage(&Outer(raw(errno))).is_some(), "{errno:?}");
            assert!(shortage(&io::Error::other(Outer(raw(errno)))).is_some(), "{errno:?}");
        }
        for errno in [
            Errno::CONNREFUSED,
            Errno::CONNRESET,
            Errno::TIMEDOUT,
            Errno::HOSTUNREACH,
            Errno::NETUNREACH,
            Errno::ACCESS,
            Errno::PERM,
            Errno::ADDRNOTAVAIL,
        ] {
            assert!(shortage(&Outer(raw(errno))).is_none(), "{errno:?}");
        }
        assert!(shortage(&io::Error::other("No file descriptors available (os error 24)")).is_none());
    }

    #[test]
    fn an_address_that_is_not_to_be_had_is_no_lack_of_ports() {
        let loopback = "127.0.0.1:9".parse().expect("an address");
        assert!(shortage(&of_connect(raw(Errno::ADDRNOTAVAIL), loopback)).is_some());
        assert!(shortage(&of_connect(raw(Errno::CONNREFUSED), loopback)).is_none());
        // A link-local address that does not say by which link: no machine has a way to it.
        let nowhere = "[fe80::1]:9".parse().expect("an address");
        assert!(shortage(&of_connect(raw(Errno::ADDRNOTAVAIL), nowhere)).is_none());
    }
}
