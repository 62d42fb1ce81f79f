//! Which hosts, ports and addresses a webhook may reach.
//!
//! Every address is checked where the connection is made, both the addresses that a name resolves to and
//! those that are written in the URL. So no spelling and no DNS answer gets around the check, and what was checked is
//! what is connected to.

mod builtin;
mod denied;
mod forms;
mod network;
mod rule;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};

pub(crate) use denied::{Denied, Why};
pub(crate) use forms::meant;
pub use network::Network;
pub use rule::Rule;

/// What may be reached where no rule says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Everything, but what is always denied.
    #[default]
    Open,
    /// Public addresses.
    Public,
}

/// `dispatcher.http.egress`.
///
/// Rules on addresses are what is always denied (link-local and metadata addresses and the like), `mode: public`, and the
/// ranges in `deny`. A range in `allow` lifts them. What is always denied it lifts only where it is no wider than what
/// is denied, so that `10.0.0.0/8` or `0.0.0.0/0` lifts it nowhere by accident.
///
/// Hosts and ports in `deny` are denied whatever is allowed. Where hosts or ports are in `allow`, nothing else is allowed
/// but them and the ranges beside them. They lift no rule on addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Egress {
    /// What may be reached where no rule says otherwise.
    pub mode: Mode,
    /// What no webhook may reach.
    pub deny: Vec<Rule>,
    /// Exceptions from rules on addresses, and the only hosts and ports that may be reached.
    pub allow: Vec<Rule>,
}

impl Egress {
    /// What is known before the host has an address. So a name that is denied is not even looked up.
    pub(crate) fn check_host(&self, host: &str, port: u16) -> Result<(), Denied> {
        if let Some(rule) = self.deny.iter().find(|rule| rule.names(host, port)) {
            return Err(Denied::host(host, port, Why::Named(rule.to_string())));
        }
        // Its address may be in a range that is allowed.
        let may_have_range = self.allow.iter().any(|rule| rule.network().is_some());
        if may_have_range { Ok(()) } else { self.check_name(host, port) }
    }

    /// Whether `allow` lets a host be reached of which no address will be known here.
    pub(crate) fn check_name(&self, host: &str, port: u16) -> Result<(), Denied> {
        let narrows = self.allow.iter().any(|rule| rule.network().is_none());
        if narrows && !self.allow.iter().any(|rule| rule.names(host, port)) {
            return Err(Denied::host(host, port, Why::NotNamed));
        }
        Ok(())
    }

    /// Whether this address of a host may be connected to. [`Self::check_host`] has passed.
    pub(crate) fn check_address(&self, host: &str, address: SocketAddr) -> Result<(), Denied> {
        let port = address.port();
        for form in meant(address.ip()) {
            if let Some(why) = self.against(form, port) {
                return Err(Denied::address(host, address, why));
            }
        }
        if self.lifts(address.ip().to_canonical(), port) { Ok(()) } else { self.check_name(host, port) }
    }

    /// The rule on addresses that denies one, and is not lifted.
    fn against(&self, address: IpAddr, port: u16) -> Option<Why> {
        let allowed = || self.allow.iter().filter(move |rule| rule.has(address, port));
        let mut is_special = false;
        for (range, what) in builtin::denied(address) {
            let is_named = allowed().filter_map(Rule::network).any(|allowed| range.holds(allowed));
            if !is_named {
                return Some(Why::Always(address, what));
            }
            is_special = true;
        }
        if is_special || self.lifts(address, port) {
            return None;
        }
        if let Some(rule) = self.deny.iter().find(|rule| rule.has(address, port)) {
            return Some(Why::Range(address, rule.to_string()));
        }
        match self.mode {
            Mode::Open => None,
            Mode::Public => builtin::not_public(address).map(|what| Why::NotPublic(address, what)),
        }
    }

    /// Whether a range in `allow` lifts the rules on an address.
    fn lifts(&self, address: IpAddr, port: u16) -> bool {
        self.allow.iter().any(|rule| rule.has(address, port))
    }
}
