//! Which addresses a webhook may reach.
//!
//! Every address is checked where the connection is made, both the addresses that a name resolves to and
//! those that are written in the URL. So no spelling and no DNS answer gets around the check.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

/// A range of addresses, as in `169.254.0.0/16` or `fe80::/10`. A bare address is a range of one. Bits behind
/// the prefix do not count: `10.0.0.1/8` is `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Parses the notation above. A range of IPv4-mapped addresses (`::ffff:10.0.0.0/104`) is the range of the
    /// IPv4 addresses, because [`Egress::permits`] judges such an address as the IPv4 address.
    ///
    /// # Errors
    /// The text is not a range. The error says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = "expected an address range such as \"10.0.0.0/8\" or \"fe80::/10\"";
        let wrong = || format!("{text:?} is not an address range; {expected}");
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        // The standard library reads the address. The parser of `ipnet` takes `010.0.0.0` for `10.0.0.0`, which
        // others take for `8.0.0.0`.
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let range = match bits.map(prefix) {
            None => IpNet::from(address),
            Some(bits) => IpNet::new(address, bits.ok_or_else(wrong)?).map_err(|_| wrong())?,
        };
        match range {
            IpNet::V6(mapped) if let Some(base) = mapped.addr().to_ipv4_mapped() => {
                let wide = || {
                    format!(
                        "{text:?} is wider than IPv4; expected at least /96, or \"0.0.0.0/0\" for all of IPv4"
                    )
                };
                let bits = mapped.prefix_len().checked_sub(96).ok_or_else(wide)?;
                let range = Ipv4Net::new(base, bits).map_err(|_| wrong())?;
                Ok(Self(range.trunc().into()))
            }
            range => Ok(Self(range.trunc())),
        }
    }

    /// Whether an address is in it. An IPv4-mapped IPv6 address (`::ffff:127.0.0.1`) is judged as the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

/// A number of bits: digits, and no zero before them, which some read as octal.
fn prefix(text: &str) -> Option<u8> {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}

/// The rules for addresses. An allowed range wins over a denied one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Egress {
    /// Ranges that no webhook may reach.
    pub deny: Vec<Network>,
    /// Exceptions from them.
    pub allow: Vec<Network>,
}

impl Egress {
    /// Whether a connection to this address may be made. An IPv4-mapped IPv6 address (`::ffff:127.0.0.1`) is
    /// judged as the IPv4 address.
    #[must_use]
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let within = |ranges: &[Network]| ranges.iter().any(|range| range.0.contains(&address));
        within(&self.allow) || !within(&self.deny)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Vec<Network> {
        texts.iter().map(|text| Network::parse(text).expect(text)).collect()
    }

    /// What may be reached where these ranges are denied.
    fn check(deny: &[&str], addresses: &[(&str, bool)]) {
        let egress = Egress { deny: networks(deny), allow: vec![] };
        for (address, permitted) in addresses {
            assert_eq!(egress.permits(address.parse().expect("address")), *permitted, "{address}, {deny:?}");
        }
    }

    #[test]
    fn ranges_hold_what_they_say() {
        let egress = Egress {
            deny: networks(&["169.254.0.0/16", "fe80::/10", "127.0.0.0/8", "::1", "0.0.0.0/32"]),
            allow: networks(&["127.0.0.9"]),
        };
        for (address, permitted) in [
            ("169.254.169.254", false),
            ("169.255.0.1", true),
            ("::ffff:127.0.0.1", false),
            ("127.0.0.9", true),
            ("::ffff:127.0.0.9", true),
            ("febf::1", false),
            ("fec0::1", true),
            ("::1", false),
            ("0.0.0.0", false),
            ("8.8.8.8", true),
        ] {
            assert_eq!(egress.permits(address.parse().expect("address")), permitted, "{address}");
        }
        check(
            &["0.0.0.0/0"],
            &[("8.8.8.8", false), ("255.255.255.255", false), ("::ffff:8.8.8.8", false), ("::1", true)],
        );
        check(&["::/0"], &[("::1", false), ("ffff::", false), ("8.8.8.8", true), ("::ffff:8.8.8.8", true)]);
        check(
            &["10.0.0.0/31"],
            &[("9.255.255.255", true), ("10.0.0.0", false), ("10.0.0.1", false), ("10.0.0.2", true)],
        );
        check(&["10.0.0.7"], &[("10.0.0.6", true), ("10.0.0.7", false), ("10.0.0.8", true)]);
        check(&["2001:db8::7"], &[("2001:db8::6", true), ("2001:db8::7", false), ("2001:db8::8", true)]);
    }

    #[test]
    fn bits_behind_the_prefix_do_not_count() {
        check(&["10.1.2.3/8"], &[("10.0.0.0", false), ("10.255.255.255", false), ("11.0.0.0", true)]);
        check(&["fe80::1/10"], &[("fe80::", false), ("fec0::", true)]);
        assert_eq!(networks(&["10.1.2.3/8", "::ffff:10.1.2.3/104"]), networks(&["10.0.0.0/8", "10.0.0.0/8"]));
    }

    #[test]
    fn a_range_of_mapped_addresses_is_one_of_ipv4() {
        for range in ["::ffff:10.0.0.0/104", "::ffff:a00:0/104", "0:0:0:0:0:ffff:10.9.8.7/104"] {
            check(
                &[range],
                &[
                    ("10.0.0.1", false),
                    ("::ffff:10.0.0.1", false),
                    ("11.0.0.1", true),
                    ("::ffff:11.0.0.1", true),
                ],
            );
        }
        check(&["::ffff:10.0.0.1"], &[("10.0.0.1", false), ("::ffff:10.0.0.1", false), ("10.0.0.2", true)]);
        check(&["::ffff:0:0/96"], &[("10.0.0.1", false), ("::ffff:10.0.0.1", false), ("::1", true)]);
        let error = Network::parse("::ffff:10.0.0.0/95").expect_err("wider than IPv4");
        assert!(
            error.contains("\"::ffff:10.0.0.0/95\"")
                && error.contains("expected")
                && error.contains("0.0.0.0/0"),
            "{error}"
        );
    }

    #[test]
    fn what_is_not_a_range_is_refused() {
        for bad in [
            "",
            "/",
            "/8",
            "x/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/256",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "10.0.0.0/ 8",
            "10.0.0.0 /8",
            " 10.0.0.0",
            "10.0.0.0/8/8",
            "10.0.0.0/255.0.0.0",
            "10.0.0/8",
            "10/8",
            "010.0.0.0/8",
            "10.0.0.010",
            "0x10.0.0.0/8",
            "10.0.0.256",
            "::/129",
            "::/0128",
            "fe80::1%eth0/64",
            "[::1]/128",
            "::ffff:010.0.0.0/104",
            "1:2:3:4:5:6:7/64",
            "localhost",
        ] {
            let error = Network::parse(bad).expect_err(bad);
            assert!(error.contains(&format!("{bad:?} is not an address range; expected")), "{error}");
        }
    }
}
