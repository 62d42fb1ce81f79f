//! A process that sees another `/etc/resolv.conf` than all others: it has a mount namespace of its own, in which a
//! file is mounted there (`unshare(1)`, `mount(8)`).

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Result;

/// Each step becomes the next in the same process, so the process is that of the program, and signals reach it.
const STEPS: &str = r#"mount --bind "$0" /etc/resolv.conf && exec "$@""#;

/// A command that runs a program with this file as its `/etc/resolv.conf`. Arguments may be added.
pub fn with_resolv_conf(file: &Path, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", STEPS]).arg(file).arg(program);
    command
}

/// Whether that can be done here: it takes root, and a `/etc/resolv.conf`.
pub fn try_resolv_conf(file: &Path) -> Result<()> {
    let mut command = with_resolv_conf(file, "true");
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("unshare: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned().into())
}
