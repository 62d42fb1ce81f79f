//! The addresses that an IPv6 address leads to, beside itself: translators, tunnels and old notations put an IPv4
//! address into it. Whoever may not call `169.254.169.254` may not call `64:ff9b::a9fe:a9fe` either.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where the bits of the IPv4 address are behind a NAT64 prefix of 48, 56, 64 and 96 bits (RFC 6052, section 2.2). Byte
/// 8 is always zero.
const NAT64: [[usize; 4]; 4] = [[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12], [12, 13, 14, 15]];

/// The addresses that are meant by one, the plainest first. An IPv4-mapped one is the IPv4 address and nothing else.
pub(crate) fn meant(address: IpAddr) -> Vec<IpAddr> {
    match address.to_canonical() {
        IpAddr::V4(address) => vec![IpAddr::V4(address)],
        IpAddr::V6(address) => {
            let inside = inside(address).into_iter().map(IpAddr::V4);
            std::iter::once(IpAddr::V6(address)).chain(inside).collect()
        }
    }
}

/// The IPv4 addresses in it. None begins with 0: such a one leads nowhere, and the zeros of a shorter form would be
/// taken for one.
fn inside(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let bytes = address.octets();
    let at = |places: [usize; 4]| Ipv4Addr::from(places.map(|place| bytes[place]));
    let mut found = match address.segments() {
        // IPv4-compatible (RFC 4291, section 2.5.5.1), IPv4-translated (RFC 2765), and the prefix that all NAT64
        // translators know (RFC 6052).
        [0, 0, 0, 0, 0 | 0xffff, 0, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => vec![at(NAT64[3])],
        // The prefix for translators of a site (RFC 8215), which may split it as they like.
        [0x64, 0xff9b, 1, ..] => NAT64.map(at).to_vec(),
        // 6to4 (RFC 3056).
        [0x2002, ..] => vec![at([2, 3, 4, 5])],
        // Teredo (RFC 4380): the server, and the client with all bits turned over.
        [0x2001, 0, ..] => {
            let [.., a, b, c, d] = bytes;
            vec![at([4, 5, 6, 7]), Ipv4Addr::from([!a, !b, !c, !d])]
        }
        // ISATAP (RFC 5214), behind any prefix.
        [_, _, _, _, 0 | 0x0200, 0x5efe, _, _] => vec![at(NAT64[3])],
        _ => Vec::new(),
    };
    found.retain(|address| address.octets()[0] != 0);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, wanted: &[&str]) {
        let meant: Vec<_> = meant(address.parse().expect(address)).iter().map(IpAddr::to_string).collect();
        assert_eq!(meant, wanted, "{address}");
    }

    #[test]
    fn an_ipv4_address_is_found_in_each_form_that_leads_to_it() {
        check("10.1.2.3", &["10.1.2.3"]);
        check("::ffff:10.1.2.3", &["10.1.2.3"]);
        check("::10.1.2.3", &["::a01:203", "10.1.2.3"]);
        check("::ffff:0:10.1.2.3", &["::ffff:0:a01:203", "10.1.2.3"]);
        check("64:ff9b::10.1.2.3", &["64:ff9b::a01:203", "10.1.2.3"]);
        check("2002:a01:203::1", &["2002:a01:203::1", "10.1.2.3"]);
        check("2001:0:808:808::f5fe:fdfc", &["2001:0:808:808::f5fe:fdfc", "8.8.8.8", "10.1.2.3"]);
        check("2001:db8::5efe:10.1.2.3", &["2001:db8::5efe:a01:203", "10.1.2.3"]);
        check("2001:db8::200:5efe:10.1.2.3", &["2001:db8::200:5efe:a01:203", "10.1.2.3"]);
    }

    #[test]
    fn a_translator_of_a_site_may_have_a_prefix_of_any_length() {
        check("64:ff9b:1::10.1.2.3", &["64:ff9b:1::a01:203", "10.1.2.3"]);
        for address in ["64:ff9b:1:a01:2:300::", "64:ff9b:1:a:1:203::", "64:ff9b:1:0:a:102:300:0"] {
            let address: IpAddr = address.parse().expect(address);
            assert!(meant(address).contains(&IpAddr::from([10, 1, 2, 3])), "{address}");
        }
    }

    #[test]
    fn other_addresses_mean_themselves() {
        for address in ["::", "::1", "fe80::1", "2606:4700::1111", "2001:db8::a01:203", "fd00:ec2::254"] {
            check(address, &[address]);
        }
    }
}
