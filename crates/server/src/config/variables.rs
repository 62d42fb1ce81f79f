//! The environment: which variables are keys, which are somebody else's, and how a key is laid over the file.

use std::ffi::OsString;
use std::sync::Arc;

use chronos_types::REDACTED;

use super::load::ConfigError;
use super::tree::{Node, Origin, Shape, is_secret, of_key, shown};
use super::yaml;

/// Before every variable of ours; `__` stands between a key and the one inside it.
const PREFIX: &str = "CHRONOS_";
/// The same as `--config`. The command line reads it.
const CONFIG: &str = "CHRONOS_CONFIG";
/// Those of the command line: which node to ask, and how to show what it says. A node does not read them.
const COMMAND_LINE: [&str; 5] =
    ["CHRONOS_URL", "CHRONOS_API_KEY", "CHRONOS_CONTEXT", "CHRONOS_OUTPUT", "CHRONOS_FORCE_TTY"];

/// The variables that begin as ours do.
#[derive(Debug)]
pub(super) struct Variables {
    /// Those that set keys. A key comes before those inside it.
    pub keys: Vec<Variable>,
    /// The names of those that set none and may be there, sorted.
    pub passed_over: Vec<String>,
}

/// An environment variable that sets a key.
#[derive(Debug)]
pub(super) struct Variable {
    name: Arc<str>,
    /// From the outermost key to the one that it sets.
    keys: Vec<String>,
    value: String,
}

impl Variables {
    /// Sorts an environment. The variables of others may hold anything.
    pub fn of(environment: impl Iterator<Item = (OsString, OsString)>) -> Result<Self, ConfigError> {
        let (mut keys, mut passed_over) = (Vec::new(), Vec::new());
        for (name, value) in environment {
            let shown = name.to_string_lossy();
            let Some(rest) = shown.strip_prefix(PREFIX) else { continue };
            if shown == CONFIG {
                continue;
            }
            if COMMAND_LINE.contains(&&*shown) || is_service_link(rest, &value.to_string_lossy()) {
                passed_over.push(shown.into_owned());
                continue;
            }
            if name.to_str().is_none() {
                return Err(ConfigError(format!("environment variable {shown}: its name is not UTF-8")));
            }
            keys.push(Variable::new(&shown, rest, value)?);
        }
        passed_over.sort_unstable();
        keys.sort_unstable_by(|one, other| (&one.keys, &one.name).cmp(&(&other.keys, &other.name)));
        // Keys are written in any case, so two names may be one key.
        if let Some(pair) = keys.windows(2).find(|pair| pair[0].keys == pair[1].keys) {
            let (path, one, other) = (pair[0].keys.join("."), &pair[0].name, &pair[1].name);
            return Err(ConfigError(format!(
                "environment variables {one} and {other} both set {path}; expected one of them"
            )));
        }
        Ok(Self { keys, passed_over })
    }
}

impl Variable {
    /// `rest` is the name behind the prefix.
    fn new(name: &str, rest: &str, value: OsString) -> Result<Self, ConfigError> {
        let wrong = |what: &str| ConfigError(format!("environment variable {name}: {what}"));
        let keys: Vec<_> = rest.split("__").map(str::to_lowercase).collect();
        if keys.iter().any(String::is_empty) {
            return Err(wrong("it names no key; expected one such as CHRONOS_SERVER__HTTP__ADDRESS"));
        }
        let value = value.into_string().map_err(|value| {
            let value = value.to_string_lossy();
            let value = if is_secret(rest) { REDACTED.into() } else { shown(&value) };
            wrong(&format!("its value {value:?} is not UTF-8; expected UTF-8"))
        })?;
        Ok(Self { name: name.into(), keys, value })
    }

    /// Sets the key. The text is the value, as it is; a list or keys are read from it where one is expected.
    pub fn overlay(self, root: &mut Node) -> Result<(), ConfigError> {
        let Self { name, keys, value } = self;
        let origin = Origin::Variable(name.clone());
        let mut at = root;
        for (depth, key) in keys.iter().enumerate() {
            open(at);
            let pairs = match &mut at.shape {
                Shape::Keys(pairs) => pairs,
                other => {
                    let outer = keys[..depth].join(".");
                    let other = of_key(&outer, other);
                    return Err(ConfigError(format!(
                        "environment variable {name} sets a key inside {outer}, which is {other}; expected keys"
                    )));
                }
            };
            let place = pairs.iter().position(|(known, _)| known == key).unwrap_or_else(|| {
                pairs.push((key.clone(), Node { shape: Shape::Nothing, origin: origin.clone() }));
                pairs.len() - 1
            });
            at = &mut pairs[place].1;
        }
        let inside = inside(&value, &origin).map(Box::new);
        *at = Node { shape: Shape::Variable { text: value, inside }, origin };
        Ok(())
    }
}

/// Makes keys of what can be keys.
fn open(node: &mut Node) {
    let keys = match &mut node.shape {
        shape if shape.is_left_out() => Vec::new(),
        Shape::Variable { inside: Some(inside), .. } if matches!(**inside, Shape::Keys(_)) => {
            match std::mem::replace(&mut **inside, Shape::Nothing) {
                Shape::Keys(keys) => keys,
                _ => return,
            }
        }
        _ => return,
    };
    node.shape = Shape::Keys(keys);
}

/// The list or the keys that a text is, written in brackets or braces as in the file. Another text is none.
fn inside(text: &str, origin: &Origin) -> Option<Shape> {
    if !text.trim_start().starts_with(['[', '{']) {
        return None;
    }
    let node = yaml::parse(text, |_| origin.clone()).ok()?;
    matches!(node.shape, Shape::List(_) | Shape::Keys(_)).then_some(node.shape)
}

/// Whether Kubernetes sets a variable in each pod, for a Service that is named `chronos`, or whose name begins with
/// `chronos-`. It upper-cases the name, with `_` for `-`, and appends what follows here. `rest` is the name of the
/// variable behind our prefix.
///
/// See "Environment variables" at <https://kubernetes.io/docs/concepts/services-networking/service/>.
fn is_service_link(rest: &str, value: &str) -> bool {
    let parts: Vec<_> = rest.split('_').collect();
    // `__` stands in our keys, and never in the name of a Service.
    if parts.contains(&"") {
        return false;
    }
    (0..parts.len()).any(|at| match &parts[at..] {
        ["SERVICE", "HOST"] | ["SERVICE", "PORT", ..] => true,
        // `CHRONOS_PORT=8080` is somebody who takes it for a key.
        ["PORT"] => ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme)),
        ["PORT", number, protocol] | ["PORT", number, protocol, "PROTO" | "PORT" | "ADDR"] => {
            number.bytes().all(|b| b.is_ascii_digit()) && matches!(*protocol, "TCP" | "UDP" | "SCTP")
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_kubernetes_sets_is_taken_for_its_own() {
        for (rest, value, expected) in [
            ("SERVICE_HOST", "10.0.0.1", true),
            ("SERVICE_PORT", "8080", true),
            ("SERVICE_PORT_HTTP_API", "8080", true),
            ("PORT", "tcp://10.0.0.1:8080", true),
            ("PORT_8080_TCP", "tcp://10.0.0.1:8080", true),
            ("PORT_8080_TCP_PROTO", "tcp", true),
            ("PORT_8080_TCP_PORT", "8080", true),
            ("PORT_53_UDP_ADDR", "10.0.0.1", true),
            // Of a Service named chronos-api.
            ("API_SERVICE_HOST", "10.0.0.1", true),
            ("API_PORT_8080_TCP_ADDR", "10.0.0.1", true),
            ("API_PORT", "tcp://10.0.0.1:8080", true),
            ("PORT", "8080", false),
            ("SERVER_PORT", "8080", false),
            ("PORT_HTTP_TCP", "x", false),
            ("PORT_8080_HTTP", "x", false),
            ("PORT_8080_TCP_OTHER", "x", false),
            ("SERVICE", "x", false),
            ("SERVICE_NAME", "x", false),
            ("SERVICE__HOST", "10.0.0.1", false),
            ("SERVER__HTTP__ADDRESS", "127.0.0.1:1", false),
            ("", "", false),
        ] {
            assert_eq!(is_service_link(rest, value), expected, "{rest}={value}");
        }
    }
}
