//! The forward proxy through which targets are reached, where there is one.

use std::fmt;
use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use chronos_env::{Env, Socket};
use chronos_types::clip;
use http::StatusCode;
use rustls::ClientConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use url::{Host, Url};

use super::head;
use super::outcome::shown;
use super::tls::shake;

/// The most bytes that the answer to a CONNECT may have. Behind it the target speaks.
const MAX_ANSWER_BYTES: usize = 16 * 1024;
/// How many addresses of a target the proxy is asked for, one after the other. Names have one or two, of which one may
/// be of IPv6, which the proxy may not have.
const MOST_ENDS: usize = 3;

/// Who looks up the names of targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resolve {
    /// Chronos does, checks the addresses, and asks the proxy for one of them.
    #[default]
    Local,
    /// The proxy does. So no rule on addresses holds for a name.
    Remote,
}

/// `dispatcher.http.proxy`. What it shows of itself has no credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    host: String,
    port: u16,
    is_tls: bool,
    /// The value of `Proxy-Authorization`.
    authorization: Option<String>,
    pub(crate) resolve: Resolve,
}

/// Why there is no way through the proxy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProxyFailure {
    #[error("the proxy {proxy} cannot be reached: {}", clip(&error.to_string()))]
    Unreachable {
        proxy: String,
        #[source]
        error: io::Error,
    },
    #[error("the proxy {proxy} gave no answer that could be read: {}", clip(&error.to_string()))]
    Broken {
        proxy: String,
        #[source]
        error: io::Error,
    },
    #[error("the proxy {proxy} does not connect to {end}: {}{}", shown(*status), hint(*status))]
    Refused { proxy: String, end: String, status: StatusCode },
}

impl ProxyFailure {
    /// Whether the proxy could not reach what it was asked for.
    fn is_of_this_end(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if status.is_server_error())
    }
}

impl Proxy {
    /// A proxy at an `http` or `https` URL, which may have a user name.
    ///
    /// # Errors
    /// What is wrong with the URL. It is quoted without what stands before its host.
    pub fn parse(url: &str, password: Option<&str>, resolve: Resolve) -> Result<Self, String> {
        let refuse = |why: &str| {
            let shown = match url.rfind('@') {
                Some(at) => format!("[redacted]{}", &url[at..]),
                None => url.to_owned(),
            };
            let expected = "expected an http or https URL such as \"http://user@proxy.example:3128\"";
            format!("{:?} {why}; {expected}", clip(&shown))
        };
        let parsed = Url::parse(url).map_err(|_| refuse("is not a URL"))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(refuse("has another scheme"));
        }
        if parsed.password().is_some() {
            return Err(refuse("has a password in it, whose place is dispatcher.http.proxy.password"));
        }
        if parsed.path() != "/" || parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(refuse("has something behind its port"));
        }
        let user = decoded(parsed.username()).filter(|user| !user.contains([':', '\0', '\r', '\n']));
        let user = user.ok_or_else(|| refuse("has a user name that no proxy takes"))?;
        let authorization = match (user.as_str(), password) {
            ("", None) => None,
            ("", Some(_)) => return Err(refuse("has no user name, and there is a password")),
            (user, password) => {
                let pair = format!("{user}:{}", password.unwrap_or_default());
                Some(format!("Basic {}", STANDARD.encode(pair)))
            }
        };
        let host = match parsed.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            None => return Err(refuse("has no host")),
        };
        let port = parsed.port_or_known_default().filter(|port| *port > 0);
        let port = port.ok_or_else(|| refuse("has port 0"))?;
        Ok(Self { host, port, is_tls: parsed.scheme() == "https", authorization, resolve })
    }

    /// Whether it looks up the names of targets itself.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.resolve == Resolve::Remote
    }

    /// A connection to one of these ends, each a `host:port`, through the proxy. The caller must bound the time.
    pub(crate) async fn tunnel(
        &self,
        ends: &[String],
        trusted: &Arc<ClientConfig>,
        env: &Env,
    ) -> Result<Socket, ProxyFailure> {
        let mut failure = None;
        for end in ends.iter().take(MOST_ENDS) {
            match self.tunnel_to(end, trusted, env).await {
                // It could not reach that one; another one it may.
                Err(refused) if refused.is_of_this_end() => failure = failure.or(Some(refused)),
                result => return result,
            }
        }
        Err(failure.unwrap_or_else(|| self.unreachable(io::Error::other("the name has no addresses"))))
    }

    async fn tunnel_to(
        &self,
        end: &str,
        trusted: &Arc<ClientConfig>,
        env: &Env,
    ) -> Result<Socket, ProxyFailure> {
        let found = env.lookup(&self.authority()).await.map_err(|error| self.unreachable(error))?;
        let (mut socket, _) = env.connect(&found).await.map_err(|error| self.unreachable(error))?;
        if self.is_tls {
            socket = shake(trusted, &self.host, socket).await.map_err(|error| self.unreachable(error))?;
        }
        let status = self.ask(&mut socket, end).await;
        match status.map_err(|error| ProxyFailure::Broken { proxy: self.to_string(), error })? {
            status if status.is_success() => Ok(socket),
            status => Err(ProxyFailure::Refused { proxy: self.to_string(), end: end.to_owned(), status }),
        }
    }

    /// Asks for a connection (RFC 9110, section 9.3.6), and reads the answer's head.
    async fn ask(&self, socket: &mut Socket, end: &str) -> io::Result<StatusCode> {
        let authorization =
            self.authorization.as_ref().map(|value| format!("Proxy-Authorization: {value}\r\n"));
        let request = format!(
            "CONNECT {end} HTTP/1.1\r\nHost: {end}\r\nUser-Agent: Chronos/1.0\r\n{}\r\n",
            authorization.unwrap_or_default()
        );
        socket.write_all(request.as_bytes()).await?;
        socket.flush().await?;
        let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
        let mut input = BytesMut::new();
        loop {
            while let Some(end) = head::end(&input, 0) {
                let read = head::status(&input[..end], 0).map_err(|error| invalid(error.to_string()))?;
                let (status, _) = read.ok_or_else(|| invalid("it has no status".to_owned()))?;
                let rest = input.split_off(end);
                if status.is_informational() {
                    input = rest;
                    continue;
                }
                if status.is_success() && !rest.is_empty() {
                    // Nobody was asked anything yet.
                    return Err(invalid("something follows it".to_owned()));
                }
                return Ok(status);
            }
            if input.len() > MAX_ANSWER_BYTES {
                return Err(invalid(format!("it has no end within {} KiB", MAX_ANSWER_BYTES / 1024)));
            }
            if socket.read_buf(&mut input).await? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the proxy closed the connection"));
            }
        }
    }

    fn unreachable(&self, error: io::Error) -> ProxyFailure {
        ProxyFailure::Unreachable { proxy: self.to_string(), error }
    }

    /// As it is looked up.
    fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

/// What helps where the proxy refuses.
fn hint(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            " (see the user name in dispatcher.http.proxy.url, and dispatcher.http.proxy.password)"
        }
        StatusCode::FORBIDDEN | StatusCode::METHOD_NOT_ALLOWED => {
            " (the proxy must allow CONNECT to this port; dispatcher.http.no_proxy has what goes past it)"
        }
        _ => "",
    }
}

/// A user name as it was before it was put into a URL. None where it is no text.
fn decoded(user: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(user.len());
    let mut parts = user.split('%');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self}, {:?})", self.resolve)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_url_with_a_password_beside_it() {
        for (url, password, shown, credentials) in [
            ("http://proxy.example:3128", None, "http://proxy.example:3128", None),
            ("http://proxy.example", None, "http://proxy.example:80", None),
            ("https://PROXY.example/", None, "https://proxy.example:443", None),
            ("http://[::1]:8080", None, "http://[::1]:8080", None),
            ("http://ada@10.0.0.1:1", Some("s: e"), "http://10.0.0.1:1", Some("ada:s: e")),
            ("http://corp%5Cada%40x@p:1", Some("s"), "http://p:1", Some("corp\\ada@x:s")),
            ("http://ada@p:1", None, "http://p:1", Some("ada:")),
        ] {
            let proxy = Proxy::parse(url, password, Resolve::Local).expect(url);
            assert_eq!(proxy.to_string(), shown);
            assert_eq!(format!("{proxy:?}"), format!("Proxy({shown}, Local)"));
            let wanted = credentials.map(|pair| format!("Basic {}", STANDARD.encode(pair)));
            assert_eq!(proxy.authorization, wanted, "{url}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_its_credentials() {
        for (url, password, say) in [
            ("", None, "is not a URL"),
            ("proxy:3128", None, "has another scheme"),
            ("socks5://proxy:1080", None, "has another scheme"),
            ("http://ada:hunter2@p", None, "dispatcher.http.proxy.password"),
            ("http://p/path", None, "behind its port"),
            ("http://p/?a=hunter2@x", None, "behind its port"),
            ("http://p:0", None, "port 0"),
            ("http://p", Some("hunter2"), "no user name"),
            ("http://a%3Ab@p", Some("hunter2"), "no proxy takes"),
            ("http://a%FF@p", None, "no proxy takes"),
        ] {
            let error = Proxy::parse(url, password, Resolve::Local).expect_err(url);
            assert!(
                error.contains(say) && error.contains("; expected an http or https URL"),
                "{url}: {error}"
            );
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
