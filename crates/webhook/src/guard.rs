//! Which addresses a webhook may reach.
//!
//! Every address is checked where the connection is made, both the addresses that a name resolves to and
//! those that are written in the URL. So no spelling and no DNS answer gets around the check.

use std::net::IpAddr;

/// A range of addresses, as in `169.254.0.0/16` or `fe80::/10`. A bare address is a range of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    bits: u8,
}

impl Network {
    /// Parses the notation above.
    ///
    /// # Errors
    /// The text is not a range. The error says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = "expected an address range such as \"10.0.0.0/8\" or \"fe80::/10\"";
        let wrong = || format!("{text:?} is not an address range; {expected}");
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let base: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let bits: u8 = bits.map_or(Ok(most), str::parse).map_err(|_| wrong())?;
        if bits > most {
            return Err(wrong());
        }
        Ok(Self { base, bits })
    }

    fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.bits);
                u64::from(base.to_bits()) >> shift == u64::from(address.to_bits()) >> shift
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                self.bits == 0 || (base.to_bits() ^ address.to_bits()) >> (128 - u32::from(self.bits)) == 0
            }
            _ => false,
        }
    }
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
        let within = |ranges: &[Network]| ranges.iter().any(|range| range.contains(address));
        within(&self.allow) || !within(&self.deny)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_what_they_say() {
        let deny = ["169.254.0.0/16", "fe80::/10", "127.0.0.0/8", "::1", "0.0.0.0/32"];
        let egress = Egress {
            deny: deny.iter().map(|t| Network::parse(t).expect(t)).collect(),
            allow: vec![Network::parse("127.0.0.9").expect("allow")],
        };
        for (address, permitted) in [
            ("169.254.169.254", false),
            ("169.255.0.1", true),
            ("::ffff:127.0.0.1", false),
            ("127.0.0.9", true),
            ("febf::1", false),
            ("fec0::1", true),
            ("::1", false),
            ("0.0.0.0", false),
            ("8.8.8.8", true),
        ] {
            assert_eq!(egress.permits(address.parse().expect("address")), permitted, "{address}");
        }
        let everything = Egress { deny: vec![Network::parse("0.0.0.0/0").expect("all")], allow: vec![] };
        assert!(!everything.permits("8.8.8.8".parse().expect("address")));
        for bad in ["", "10.0.0.0/33", "x/8", "10.0.0.0/-1", "::/129"] {
            assert!(Network::parse(bad).is_err(), "{bad}");
        }
    }
}
