//! What is known of addresses without any configuration: those that are always denied, and those that are not public.

use std::net::IpAddr;
use std::sync::LazyLock;

use super::network::Network;

/// Ranges with what they are for, for people.
type Table = LazyLock<Vec<(Network, &'static str)>>;

const METADATA: &str = "a metadata address of a cloud";
const LINK_LOCAL: &str = "a link-local address";
const MULTICAST: &str = "a multicast address";
const UNSPECIFIED: &str = "an unspecified address";

/// What no webhook is meant for. Whoever reaches the metadata of a cloud has the credentials of the machine. Most clouds
/// have them at link-local addresses, which stand here once more, so that an allowed range does not lift both.
static DENIED: Table = LazyLock::new(|| {
    table(&[
        // Nearly all clouds, and OpenStack.
        ("169.254.169.254", METADATA),
        ("fe80::a9fe:a9fe", METADATA),
        // AWS: tasks of ECS, and pods of EKS. The IPv6 range has all its services of that kind.
        ("169.254.170.2", METADATA),
        ("169.254.170.23", METADATA),
        ("fd00:ec2::/32", METADATA),
        // Google.
        ("fd20:ce::254", METADATA),
        // Azure: the agent of the host.
        ("168.63.129.16", METADATA),
        // Oracle, the classic cloud first.
        ("192.0.0.192", METADATA),
        ("fd00:c1::a9fe:a9fe", METADATA),
        // Alibaba.
        ("100.100.100.200", METADATA),
        ("fd00:100::100:200", METADATA),
        // Tencent.
        ("169.254.0.23", METADATA),
        // Scaleway.
        ("169.254.42.42", METADATA),
        ("fd00:42::42", METADATA),
        // Akamai.
        ("fd00:a9fe:a9fe::1", METADATA),
        ("169.254.0.0/16", LINK_LOCAL),
        ("fe80::/10", LINK_LOCAL),
        ("224.0.0.0/4", MULTICAST),
        ("ff00::/8", MULTICAST),
        ("255.255.255.255", "the broadcast address"),
        // To the kernel, 0.0.0.0 and :: are this machine.
        ("0.0.0.0/8", UNSPECIFIED),
        ("::", UNSPECIFIED),
    ])
});

/// What is not public, beside that: the registries of special addresses of the IANA (RFC 6890), without those that are
/// reachable from everywhere.
static SPECIAL: Table = LazyLock::new(|| {
    table(&[
        ("10.0.0.0/8", "a private address"),
        ("172.16.0.0/12", "a private address"),
        ("192.168.0.0/16", "a private address"),
        ("100.64.0.0/10", "an address between a provider and its customers"),
        ("127.0.0.0/8", "a loopback address"),
        ("192.0.0.0/24", "an address for protocols"),
        ("192.0.2.0/24", "an address for documentation"),
        ("198.51.100.0/24", "an address for documentation"),
        ("203.0.113.0/24", "an address for documentation"),
        ("192.88.99.0/24", "a relay of 6to4"),
        ("198.18.0.0/15", "an address for benchmarks"),
        ("240.0.0.0/4", "a reserved address"),
        ("::1", "a loopback address"),
        ("fc00::/7", "a private address"),
        ("2001::/23", "an address for protocols and tunnels"),
        ("2001:db8::/32", "an address for documentation"),
        ("3fff::/20", "an address for documentation"),
        ("2002::/16", "an address of 6to4"),
    ])
});

/// All that may be public of IPv6: what is given out, and what every NAT64 translator makes of IPv4. The IPv4 address in
/// the latter is judged too.
static IPV6: LazyLock<Vec<Network>> = LazyLock::new(|| {
    ["2000::/3", "64:ff9b::/96"].into_iter().filter_map(|text| Network::parse(text).ok()).collect()
});

fn table(ranges: &[(&str, &'static str)]) -> Vec<(Network, &'static str)> {
    let range = |(text, what): &(&str, &'static str)| Some((Network::parse(text).ok()?, *what));
    ranges.iter().filter_map(range).collect()
}

/// The ranges in which an address is always denied, the narrowest first, and what it is there.
pub(super) fn denied(address: IpAddr) -> impl Iterator<Item = (&'static Network, &'static str)> {
    DENIED.iter().filter(move |(range, _)| range.contains(address)).map(|(range, what)| (range, *what))
}

/// What an address is, where it is not public.
pub(super) fn not_public(address: IpAddr) -> Option<&'static str> {
    let special = DENIED.iter().chain(SPECIAL.iter()).find(|(range, _)| range.contains(address));
    let is_outside = || address.is_ipv6() && !IPV6.iter().any(|range| range.contains(address));
    special.map(|(_, what)| *what).or_else(|| is_outside().then_some("an address that is not given out"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_range_of_the_tables_can_be_read() {
        assert_eq!((DENIED.len(), SPECIAL.len(), IPV6.len()), (22, 18, 2));
    }

    #[test]
    fn what_is_denied_is_known_by_its_narrowest_range() {
        for (address, ranges) in [
            ("169.254.169.254", &["169.254.169.254/32", "169.254.0.0/16"][..]),
            ("169.254.1.1", &["169.254.0.0/16"]),
            ("fd00:ec2::253", &["fd00:ec2::/32"]),
            ("fe80::1", &["fe80::/10"]),
            ("0.1.2.3", &["0.0.0.0/8"]),
            ("::", &["::/128"]),
            ("239.255.255.255", &["224.0.0.0/4"]),
            ("ff02::1", &["ff00::/8"]),
            ("255.255.255.255", &["255.255.255.255/32"]),
            ("255.255.255.254", &[]),
            ("169.253.255.255", &[]),
            ("168.63.129.17", &[]),
            ("127.0.0.1", &[]),
            ("::1", &[]),
        ] {
            let found: Vec<_> =
                denied(address.parse().expect(address)).map(|(range, _)| range.to_string()).collect();
            assert_eq!(found, ranges, "{address}");
        }
    }

    #[test]
    fn the_first_and_the_last_address_of_what_is_not_public_are_known() {
        for (first, last) in [
            ("0.0.0.0", "0.255.255.255"),
            ("10.0.0.0", "10.255.255.255"),
            ("100.64.0.0", "100.127.255.255"),
            ("127.0.0.0", "127.255.255.255"),
            ("169.254.0.0", "169.254.255.255"),
            ("172.16.0.0", "172.31.255.255"),
            ("192.0.0.0", "192.0.0.255"),
            ("192.0.2.0", "192.0.2.255"),
            ("192.88.99.0", "192.88.99.255"),
            ("192.168.0.0", "192.168.255.255"),
            ("198.18.0.0", "198.19.255.255"),
            ("198.51.100.0", "198.51.100.255"),
            ("203.0.113.0", "203.0.113.255"),
            ("224.0.0.0", "255.255.255.255"),
            ("::", "64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("64:ff9b::1:0:0", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ] {
            for address in [first, last] {
                assert!(not_public(address.parse().expect(address)).is_some(), "{address}");
            }
        }
    }

    #[test]
    fn the_addresses_beside_them_are_public() {
        for address in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "64:ff9b::808:808",
            "2001:200::",
            "2001:db7:ffff::",
            "2001:db9::",
            "2003::",
            "2606:4700::1111",
            "3fff:1000::",
        ] {
            assert_eq!(not_public(address.parse().expect(address)), None, "{address}");
        }
    }
}
