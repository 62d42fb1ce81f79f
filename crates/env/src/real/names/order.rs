//! In which order addresses are tried: the rules of RFC 6724 that tell an address that answers from one that does
//! not. An address to which this machine has no route comes last.
//!
//! The rules about equal prefixes are left out: they would undo what name servers do to spread load.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};

/// Sorts addresses. Those that are equally good stay in their order. Returns how many at the front are equally good.
pub(super) fn sort(addresses: &mut [IpAddr]) -> usize {
    if addresses.iter().all(IpAddr::is_ipv4) {
        return addresses.len();
    }
    sort_by_source(addresses, source)
}

fn sort_by_source(addresses: &mut [IpAddr], source: impl Fn(IpAddr) -> Option<IpAddr>) -> usize {
    let mut ranked: Vec<(Rank, IpAddr)> =
        addresses.iter().map(|&address| (rank(address, source(address)), address)).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    for (place, (_, address)) in addresses.iter_mut().zip(&ranked) {
        *place = *address;
    }
    ranked.iter().take_while(|(rank, _)| Some(*rank) == ranked.first().map(|(best, _)| *best)).count()
}

/// The address that this machine would send from. Nothing is sent.
fn source(to: IpAddr) -> Option<IpAddr> {
    let any = if to.is_ipv4() { IpAddr::from([0, 0, 0, 0]) } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    // The port does not matter.
    socket.connect(SocketAddr::new(to, 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// The lowest comes first: rules 1, 2, 5, 6 and 8 of section 6.
type Rank = (bool, bool, bool, u8, u8);

fn rank(to: IpAddr, from: Option<IpAddr>) -> Rank {
    let (precedence, label) = policy(to);
    let from = from.map(|from| (scope(from), policy(from).1));
    let has_other_scope = from.is_some_and(|(from, _)| from != scope(to));
    let has_other_label = from.is_some_and(|(_, from)| from != label);
    (from.is_none(), has_other_scope, has_other_label, u8::MAX - precedence, scope(to))
}

/// The precedence and the label of an address (section 2.1).
fn policy(address: IpAddr) -> (u8, u8) {
    let IpAddr::V6(address) = address else { return (35, 4) };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => (50, 0),
        [0, 0, 0, 0, 0, 0xffff, ..] => (35, 4),
        [0, 0, 0, 0, 0, 0, ..] => (1, 3),
        [0x2002, ..] => (30, 2),
        [0x2001, 0, ..] => (5, 5),
        [0x3ffe, ..] => (1, 12),
        [first, ..] if first & 0xfe00 == 0xfc00 => (3, 13),
        [first, ..] if first & 0xffc0 == 0xfec0 => (1, 11),
        _ => (40, 1),
    }
}

/// How far an address reaches (section 3.1 and RFC 4007): 2 on the link, 5 in the site, 14 anywhere.
fn scope(address: IpAddr) -> u8 {
    match address.to_canonical() {
        IpAddr::V4(address) if address.is_loopback() || address.is_link_local() => 2,
        IpAddr::V6(address) if address.is_loopback() || address.segments()[0] & 0xffc0 == 0xfe80 => 2,
        IpAddr::V6(address) if address.segments()[0] & 0xffc0 == 0xfec0 => 5,
        _ => 14,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sorts `addresses` on a machine that sends from `own`, one address of each family.
    fn check(own: &[&str], addresses: &[&str], expected: &[&str], equals: usize) {
        let parse = |texts: &[&str]| -> Vec<IpAddr> {
            texts.iter().map(|text| text.parse().expect("an address")).collect()
        };
        let own = parse(own);
        let source = |to: IpAddr| {
            if to.is_loopback() {
                return Some(to);
            }
            own.iter().copied().find(|from| from.is_ipv4() == to.is_ipv4())
        };
        let mut sorted = parse(addresses);
        assert_eq!(sort_by_source(&mut sorted, source), equals, "{own:?}: {addresses:?}");
        assert_eq!(sorted, parse(expected), "{own:?}");
    }

    #[test]
    fn addresses_that_can_be_reached_come_first() {
        let both = ["192.0.2.1", "2001:db8::1"];
        // With both families, IPv6 comes first.
        check(&["10.0.0.1", "2001:db8::9"], &both, &["2001:db8::1", "192.0.2.1"], 1);
        // Without a way to IPv6, it comes last; and the other way round.
        check(&["10.0.0.1"], &["2001:db8::1", "192.0.2.1"], &both, 1);
        check(&["2001:db8::9"], &both, &["2001:db8::1", "192.0.2.1"], 1);
        // A machine with a local IPv6 address only reaches the world over IPv4.
        check(&["10.0.0.1", "fd00::9"], &["2001:db8::1", "192.0.2.1"], &both, 1);
        check(&["10.0.0.1", "fe80::9"], &["2001:db8::1", "192.0.2.1"], &both, 1);
        check(&["10.0.0.1", "fd00::9"], &["fd00::1", "192.0.2.1"], &["192.0.2.1", "fd00::1"], 1);
        // The loopback addresses of a machine with both.
        check(&["10.0.0.1", "2001:db8::9"], &["127.0.0.1", "::1"], &["::1", "127.0.0.1"], 1);
        // Equals keep their order.
        let three = ["2001:db8::2", "2001:db8::1", "192.0.2.9"];
        check(&["10.0.0.1", "2001:db8::9"], &three, &three, 2);
        check(&[], &three, &["2001:db8::2", "2001:db8::1", "192.0.2.9"], 2);
    }
}
