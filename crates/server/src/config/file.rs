//! Reads `chronos.yaml`.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use chronos_env::path_error;

use super::load::ConfigError;
use super::tree::{Origin, Shape, Tree};
use super::yaml::{self, Fault};

/// The most bytes of a file. One with every key and a comment on each has some thousand.
const MAX_BYTES: u64 = 1 << 20;

/// Reads the keys of a file.
pub(super) fn read(file: &Path) -> Result<Tree, ConfigError> {
    let name = file.display().to_string();
    let bytes = bytes(file)
        .map_err(|error| ConfigError(format!("{}; expected a YAML file", path_error(file, &error))))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(ConfigError(format!(
            "{name} has more than {MAX_BYTES} bytes; expected the keys of a node"
        )));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        ConfigError(format!("{name}, line {line}: it is not UTF-8; expected YAML in UTF-8"))
    })?;
    // Editors put it there, and it says nothing in UTF-8.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut root = yaml::parse(text, Origin::Line)
        .map_err(|Fault { line, problem }| ConfigError(format!("{name}, line {line}: {problem}")))?;
    if root.shape.is_left_out() {
        root.shape = Shape::Nothing;
    } else if !matches!(root.shape, Shape::Keys(_)) {
        let shape = &root.shape;
        return Err(ConfigError(format!("{name}: {shape}; expected keys such as \"server:\" at the top")));
    }
    Ok(Tree { root, file: Some(name) })
}

fn bytes(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
