//! Reads the file, lays the environment over it, and checks the whole.

use std::ffi::OsString;
use std::path::Path;

use chronos_types::clip;

use super::check::check;
use super::file;
use super::keys::Config;
use super::tree::Tree;
use super::variables::Variables;

/// Why the configuration cannot be used: one sentence that names the key, the value and what was
/// expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// A configuration, and what was passed over to read it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The names of environment variables that begin as those of keys do, and are known to be none: those of the
    /// command line, and those that Kubernetes sets for a Service named chronos. Sorted.
    pub passed_over: Vec<String>,
}

impl Loaded {
    /// What an operator should know, who may take a variable that was passed over for a key. Values are not shown:
    /// one may be a secret.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        if self.passed_over.is_empty() {
            return None;
        }
        let names = self.passed_over.join(", ");
        Some(format!(
            "environment variables that are no keys of a node are passed over, since the command line or Kubernetes has \
             such: {}",
            clip(&names)
        ))
    }
}

/// Loads the configuration from a file, where one is named, and from environment variables.
///
/// # Errors
/// The first key that is unknown or has a bad value, and where it stands.
pub fn load(
    file: Option<&Path>,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Loaded, ConfigError> {
    let mut tree = file.map_or_else(|| Ok(Tree::empty()), file::read)?;
    let Variables { keys, passed_over } = Variables::of(environment)?;
    for variable in keys {
        variable.overlay(&mut tree.root)?;
    }
    let config = Config::read(tree.given())?;
    check(&config, &tree)?;
    Ok(Loaded { config, passed_over })
}
