//! Checks what we accept from dependencies: their licences and sources, and a list of banned crates.
//!
//! It reads the output of `cargo metadata`. It never looks advisories up, because that takes a list from the
//! network.

use serde_json::Value;

use crate::Result;

/// Licences that do not reach into our own code, by their SPDX identifiers.
const LICENCES: &[&str] = &[
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "NCSA",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];
/// Crates that we never use, and why.
const BANNED: &[(&str, &str)] =
    &[("openssl-sys", "TLS is rustls with ring"), ("serde_yaml", "it is not maintained")];
/// The end of the name of the one registry that we accept.
const REGISTRY: &str = "/crates.io-index";

/// Checks every package of every workspace.
pub fn check(metadata: &[Value]) -> Result<()> {
    let packages = metadata.iter().flat_map(|of| of["packages"].as_array()).flatten();
    let mut wrong: Vec<String> = packages.flat_map(judge).collect();
    wrong.sort_unstable();
    wrong.dedup();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

/// What is wrong with a package.
fn judge(package: &Value) -> Vec<String> {
    let text = |field: &str| package[field].as_str().unwrap_or_default();
    let (name, version, licence) = (text("name"), text("version"), text("license"));
    let mut wrong = Vec::new();
    if !accepts(licence) {
        wrong.push(format!(
            "{name} {version} is licensed as {licence:?}; expected one of {}",
            LICENCES.join(", ")
        ));
    }
    if let Some((_, why)) = BANNED.iter().find(|(banned, _)| *banned == name) {
        wrong.push(format!("{name} {version} must not be used: {why}"));
    }
    // Our own packages have no source.
    if let Some(source) = package["source"].as_str()
        && !source.ends_with(REGISTRY)
    {
        wrong.push(format!("{name} {version} comes from {source}; expected crates.io"));
    }
    wrong
}

/// Whether the licences we accept satisfy an SPDX expression. Some older crates write `/` for `OR`.
fn accepts(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut left = words.as_slice();
    either(&mut left).is_some_and(|met| met && left.is_empty())
}

/// Evaluates `a OR b`. Returns `None` where this is no expression.
fn either(left: &mut &[&str]) -> Option<bool> {
    let mut met = both(left)?;
    while let ["OR", rest @ ..] = *left {
        *left = rest;
        met |= both(left)?;
    }
    Some(met)
}

/// Evaluates `a AND b`, which binds more tightly.
fn both(left: &mut &[&str]) -> Option<bool> {
    let mut met = one(left)?;
    while let ["AND", rest @ ..] = *left {
        *left = rest;
        met &= one(left)?;
    }
    Some(met)
}

fn one(left: &mut &[&str]) -> Option<bool> {
    match *left {
        ["(", rest @ ..] => {
            *left = rest;
            let met = either(left)?;
            *left = left.strip_prefix(&[")"])?;
            Some(met)
        }
        [licence, "WITH", exception, rest @ ..] => {
            *left = rest;
            Some(LICENCES.contains(&format!("{licence} WITH {exception}").as_str()))
        }
        [licence, rest @ ..] => {
            *left = rest;
            Some(LICENCES.contains(licence))
        }
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_licence_is_accepted_where_one_way_to_meet_it_is() {
        for (expression, accepted) in [
            ("MIT", true),
            ("GPL-3.0-only", false),
            ("MIT OR GPL-3.0-only", true),
            ("MIT AND GPL-3.0-only", false),
            ("GPL-2.0-only/MIT", true),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("(MIT OR Apache-2.0) AND LGPL-2.1-or-later", false),
            ("GPL-3.0-only OR MIT AND ISC", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("GPL-2.0-only WITH Classpath-exception-2.0", false),
            ("", false),
            ("(MIT", false),
            ("MIT ISC", false),
        ] {
            assert_eq!(accepts(expression), accepted, "{expression}");
        }
    }

    #[test]
    fn what_must_not_come_in_is_named() {
        let package = |name: &str, licence: &str, source: &str| json!({"packages": [{"name": name, "version": "1.0.0", "license": licence, "source": source}]});
        let index = "registry+https://example.com/crates.io-index";
        assert!(check(&[package("serde", "MIT", index)]).is_ok());
        for (metadata, part) in [
            (package("x", "GPL-3.0-only", index), "x 1.0.0 is licensed as \"GPL-3.0-only\""),
            (package("openssl-sys", "MIT", index), "TLS is rustls"),
            (package("x", "MIT", "git+https://example.com/x"), "expected crates.io"),
        ] {
            let error = check(&[metadata]).expect_err(part).to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
