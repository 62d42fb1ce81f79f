//! A range of addresses.

use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

/// A range of addresses, as in `169.254.0.0/16` or `fe80::/10`. A bare address is a range of one. Bits behind
/// the prefix do not count: `10.0.0.1/8` is `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Parses the notation above. A range of IPv4-mapped addresses (`::ffff:10.0.0.0/104`) is the range of the
    /// IPv4 addresses, because such an address is judged as the IPv4 address.
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

    /// Whether all of another range is in it.
    pub(crate) fn holds(&self, other: &Self) -> bool {
        self.0.contains(&other.0)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A number of bits: digits, and no zero before them, which some read as octal.
fn prefix(text: &str) -> Option<u8> {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of these addresses are in a range.
    fn check(range: &str, addresses: &[(&str, bool)]) {
        let network = Network::parse(range).expect(range);
        for (address, is_in) in addresses {
            let parsed: IpAddr = address.parse().expect("address");
            assert_eq!(network.contains(parsed), *is_in, "{address}, {range}");
        }
    }

    #[test]
    fn ranges_hold_what_they_say() {
        check("169.254.0.0/16", &[("169.254.169.254", true), ("169.255.0.1", false), ("8.8.8.8", false)]);
        check("127.0.0.0/8", &[("::ffff:127.0.0.1", true), ("127.0.0.9", true), ("::1", false)]);
        check("fe80::/10", &[("febf::1", true), ("fec0::1", false)]);
        check(
            "0.0.0.0/0",
            &[("8.8.8.8", true), ("255.255.255.255", true), ("::ffff:8.8.8.8", true), ("::1", false)],
        );
        check("::/0", &[("::1", true), ("ffff::", true), ("8.8.8.8", false), ("::ffff:8.8.8.8", false)]);
        check(
            "10.0.0.0/31",
            &[("9.255.255.255", false), ("10.0.0.0", true), ("10.0.0.1", true), ("10.0.0.2", false)],
        );
        check("10.0.0.7", &[("10.0.0.6", false), ("10.0.0.7", true), ("10.0.0.8", false)]);
        check("2001:db8::7", &[("2001:db8::6", false), ("2001:db8::7", true), ("2001:db8::8", false)]);
    }

    #[test]
    fn a_range_is_in_one_that_is_as_wide_or_wider() {
        let holds = |one: &str, other: &str| {
            Network::parse(one).expect(one).holds(&Network::parse(other).expect(other))
        };
        assert!(holds("10.0.0.0/8", "10.1.0.0/16") && holds("10.0.0.0/8", "10.0.0.0/8"));
        assert!(!holds("10.0.0.0/8", "0.0.0.0/0") && !holds("10.0.0.0/8", "11.0.0.0/16"));
        assert!(!holds("::/0", "10.0.0.0/8") && !holds("0.0.0.0/0", "::/0"));
    }

    #[test]
    fn bits_behind_the_prefix_do_not_count() {
        check("10.1.2.3/8", &[("10.0.0.0", true), ("10.255.255.255", true), ("11.0.0.0", false)]);
        check("fe80::1/10", &[("fe80::", true), ("fec0::", false)]);
        for range in ["10.1.2.3/8", "::ffff:10.1.2.3/104"] {
            assert_eq!(Network::parse(range).map(|range| range.to_string()), Ok("10.0.0.0/8".to_owned()));
        }
    }

    #[test]
    fn a_range_of_mapped_addresses_is_one_of_ipv4() {
        for range in ["::ffff:10.0.0.0/104", "::ffff:a00:0/104", "0:0:0:0:0:ffff:10.9.8.7/104"] {
            check(
                range,
                &[
                    ("10.0.0.1", true),
                    ("::ffff:10.0.0.1", true),
                    ("11.0.0.1", false),
                    ("::ffff:11.0.0.1", false),
                ],
            );
        }
        check("::ffff:10.0.0.1", &[("10.0.0.1", true), ("::ffff:10.0.0.1", true), ("10.0.0.2", false)]);
        check("::ffff:0:0/96", &[("10.0.0.1", true), ("::ffff:10.0.0.1", true), ("::1", false)]);
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
