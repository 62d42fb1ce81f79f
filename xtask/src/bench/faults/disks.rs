//! Disks that fill up or freeze: a file system of its own for the data of one node. It takes root.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;

/// What the data of a node lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// What everything lies on.
    Usual,
    /// A file system in memory that fills up.
    Small,
    /// A file system in a file, which can be frozen.
    Freezable,
}

/// Bytes of a disk of its own.
const SIZE_MIB: u32 = 256;

/// A file system that is mounted for one node. Gone with this value.
pub struct Mounted {
    at: PathBuf,
    /// The file in which it lies, where there is one.
    image: Option<tempfile::TempDir>,
}

impl Disk {
    /// Mounts it over an empty directory.
    pub fn mount(self, at: &Path) -> Result<Option<Mounted>> {
        let at = at.to_owned();
        match self {
            Self::Usual => Ok(None),
            Self::Small => {
                let size = format!("size={SIZE_MIB}m");
                call(
                    "mount",
                    &["-t".as_ref(), "tmpfs".as_ref(), "-o".as_ref(), size.as_ref(), "tmpfs".as_ref(), &at],
                )?;
                Ok(Some(Mounted { at, image: None }))
            }
            Self::Freezable => {
                let image = super::super::data_directory()?;
                let file = image.path().join("disk");
                std::fs::File::create(&file)?.set_len(u64::from(SIZE_MIB) << 20)?;
                call("mkfs.ext4", &["-q".as_ref(), "-F".as_ref(), &file])?;
                call("mount", &["-o".as_ref(), "loop".as_ref(), &file, &at])?;
                Ok(Some(Mounted { at, image: Some(image) }))
            }
        }
    }
}

impl Mounted {
    /// Fills what is left of it, until the value is dropped.
    pub fn fill(&self) -> Result<Filled> {
        let path = self.at.join("filler");
        let mut file = std::fs::File::create(&path)?;
        let filled = Filled(path);
        let block = vec![0; 64 << 10];
        // The last of these writes fails, and that is what it is for.
        while file.write_all(&block).is_ok() {}
        Ok(filled)
    }

    /// Has it do nothing, until the value is dropped.
    pub fn freeze(&self) -> Result<Frozen> {
        call("fsfreeze", &["--freeze".as_ref(), &self.at])?;
        Ok(Frozen(self.at.clone()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // A process may still be on its way out.
        if call("umount", &["--lazy".as_ref(), &self.at]).is_ok() {
            self.image = None;
        }
    }
}

/// A disk that is full.
pub struct Filled(PathBuf);

impl Drop for Filled {
    fn drop(&mut self) {
        // It is gone with the disk, else.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A disk that is frozen.
pub struct Frozen(PathBuf);

impl Drop for Frozen {
    fn drop(&mut self) {
        // A frozen disk would stop whoever looks at it.
        if let Err(error) = call("fsfreeze", &["--unfreeze".as_ref(), &self.0]) {
            eprintln!("{error}");
        }
    }
}

fn call(program: &str, arguments: &[&Path]) -> Result<()> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("{program}: {said}; it takes root, and a kernel that allows it").into())
}
