//! Nodes on networks of their own: a namespace each, one link between them that can be cut or slowed,
//! and one to us that cannot.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};

/// The tool that makes network namespaces (Debian: `iproute2`).
const IP: &str = "/sbin/ip";
/// Its companion, which slows links.
const TC: &str = "/sbin/tc";
/// Ports in the namespaces, where nobody else listens.
const RAFT: u16 = 7000;
const HTTP: u16 = 8080;

/// The networks that this process has made.
static MADE: AtomicU8 = AtomicU8::new(0);

/// The namespaces of `count` nodes and of the switch between them. Gone when dropped.
pub struct Network {
    /// Tells this network from those of other processes.
    tag: String,
    subnet: u8,
    count: usize,
}

impl Network {
    /// Makes them, or fails the test.
    pub fn new(count: usize) -> Self {
        let process = std::process::id();
        // The links of the network before go a moment after it has: the names are never used twice.
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let letter = char::from(b'a' + number % 26);
        // RFC 2544 sets 198.18.0.0/15 aside for tests; a network of a process is one /24 in each half.
        let subnet = (process % 256) as u8;
        let network =
            Self { tag: format!("chr{process}{letter}"), subnet: subnet.wrapping_add(number), count };
        if let Err(reason) = network.build() {
            panic!(
                "no network namespaces: {reason}\nThey need root (or CAP_SYS_ADMIN and CAP_NET_ADMIN) and {IP} \
                 (Debian: iproute2)."
            );
        }
        network
    }

    fn build(&self) -> Result<(), String> {
        let switch = self.switch();
        ip(&format!("netns add {switch}"))?;
        ip(&format!("-n {switch} link add bridge type bridge"))?;
        ip(&format!("-n {switch} link set bridge up"))?;
        for n in 0..self.count {
            let (name, ours) = (self.namespace(n), format!("{}-{n}", self.tag));
            ip(&format!("netns add {name}"))?;
            ip(&format!("-n {name} link set lo up"))?;
            ip(&format!("link add {ours} type veth peer name api netns {name}"))?;
            ip(&format!("address add {}/30 dev {ours}", self.ours(n)))?;
            ip(&format!("link set {ours} up"))?;
            ip(&format!("-n {name} address add {}/30 dev api", self.http(n).ip()))?;
            ip(&format!("-n {name} link set api up"))?;
            ip(&format!("-n {name} route add default via {}", self.ours(n)))?;
            ip(&format!("-n {name} link add raft type veth peer name port{n} netns {switch}"))?;
            ip(&format!("-n {name} address add {}/24 dev raft", self.raft(n).ip()))?;
            ip(&format!("-n {name} link set raft up"))?;
            ip(&format!("-n {switch} link set port{n} master bridge up"))?;
        }
        Ok(())
    }

    /// Takes a node's cable out of the switch: what is sent just does not arrive.
    pub fn cut(&self, n: usize) {
        ip(&format!("-n {} link set port{n} nomaster", self.switch())).unwrap();
    }

    pub fn heal(&self, n: usize) {
        ip(&format!("-n {} link set port{n} master bridge", self.switch())).unwrap();
    }

    /// Lets a node's cable pass `kbit` a second, each way. What waits for longer than a second is dropped.
    pub fn slow(&self, n: usize, kbit: u32) {
        for (namespace, end) in self.ends(n) {
            let limit = format!("tbf rate {kbit}kbit burst 4kb latency 1s");
            run(TC, &format!("-n {namespace} qdisc replace dev {end} root {limit}")).unwrap();
        }
    }

    /// Lets it pass as much as it can.
    pub fn fast(&self, n: usize) {
        for (namespace, end) in self.ends(n) {
            run(TC, &format!("-n {namespace} qdisc delete dev {end} root")).unwrap();
        }
    }

    /// The two ends of a node's cable, each with where it is.
    fn ends(&self, n: usize) -> [(String, String); 2] {
        [(self.namespace(n), "raft".to_owned()), (self.switch(), format!("port{n}"))]
    }

    /// Where all nodes reach us.
    pub fn us(&self) -> IpAddr {
        self.ours(0)
    }

    /// Where a node listens to others. Nodes count from 0.
    pub fn raft(&self, n: usize) -> SocketAddr {
        self.address(19, n + 1, RAFT)
    }

    /// Where a node listens to us, and from where it calls.
    pub fn http(&self, n: usize) -> SocketAddr {
        self.address(18, 4 * n + 2, HTTP)
    }

    pub fn namespace(&self, n: usize) -> String {
        format!("{}-n{}", self.tag, n + 1)
    }

    fn ours(&self, n: usize) -> IpAddr {
        self.address(18, 4 * n + 1, 0).ip()
    }

    fn switch(&self) -> String {
        format!("{}-switch", self.tag)
    }

    fn address(&self, half: u8, host: usize, port: u16) -> SocketAddr {
        let host = u8::try_from(host).unwrap();
        SocketAddr::from((Ipv4Addr::new(198, half, self.subnet, host), port))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // Links go with the namespaces. What was not made cannot be removed.
        let names = (0..self.count).map(|n| self.namespace(n)).chain([self.switch()]);
        for name in names {
            let _ = ip(&format!("netns delete {name}"));
        }
    }
}

fn ip(arguments: &str) -> Result<(), String> {
    run(IP, arguments)
}

fn run(program: &str, arguments: &str) -> Result<(), String> {
    let output = Command::new(program).args(arguments.split(' ')).output();
    let output = output.map_err(|e| format!("{program}: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program} {arguments}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
