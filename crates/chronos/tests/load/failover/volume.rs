//! File systems of their own, for the data of one node: they can be filled, and frozen.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// What a disk holds: enough for a minute of load. The file behind it takes what is written.
const DISK: u64 = 512 << 20;
/// Where the tools of the system are.
const TOOLS: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
/// What is used, by the Debian packages that have it.
const NEEDS: &str = "root (or CAP_SYS_ADMIN and /dev/loop*), mount and fsfreeze (Debian: mount, util-linux), and \
                     mkfs.ext4 (Debian: e2fsprogs)";

/// A file system that is mounted. It is thawed and gone when this is dropped, also where a test fails.
pub struct Volume {
    /// The mount point, and the file behind the disk.
    directory: TempDir,
}

/// A volume on which every write hangs. It is thawed when this is dropped, also where a test fails.
pub struct Frozen<'a>(&'a Volume);

impl Volume {
    /// In memory, of so many MiB. Or fails the test.
    pub fn small(mib: u32) -> Self {
        Self::mounted(|_, at| {
            run("mount", &["-t", "tmpfs", "-o", &format!("size={mib}m"), "chronos-test", at])
        })
    }

    /// On a device, like a disk. Or fails the test.
    pub fn disk() -> Self {
        Self::mounted(|directory, at| {
            let image = directory.join("image");
            let file = std::fs::File::create(&image).map_err(|error| error.to_string())?;
            file.set_len(DISK).map_err(|error| error.to_string())?;
            let image = image.to_str().unwrap();
            run("mkfs.ext4", &["-q", "-F", image])?;
            run("mount", &["-o", "loop", image, at])
        })
    }

    fn mounted(mount: impl Fn(&Path, &str) -> Result<(), String>) -> Self {
        let volume = Self { directory: tempfile::tempdir().unwrap() };
        std::fs::create_dir(volume.mount_point()).unwrap();
        if let Err(reason) = mount(volume.directory.path(), volume.mount_point().to_str().unwrap()) {
            panic!("no file system of its own: {reason}\nIt needs {NEEDS}.");
        }
        volume
    }

    fn mount_point(&self) -> PathBuf {
        self.directory.path().join("mounted")
    }

    /// Where a node may keep its data.
    pub fn data(&self) -> PathBuf {
        self.mount_point().join("data")
    }

    /// Takes all the space that is left.
    pub fn fill(&self) {
        let mut file = std::fs::File::create(self.ballast()).unwrap();
        while file.write_all(&[7; 4096]).is_ok() {}
    }

    /// Gives that space back.
    pub fn free(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.mount_point().join("ballast")
    }

    /// Has every write hang.
    pub fn freeze(&self) -> Frozen<'_> {
        let frozen = Frozen(self);
        if let Err(reason) = run("fsfreeze", &["--freeze", self.mount_point().to_str().unwrap()]) {
            panic!("the file system cannot be frozen: {reason}\nIt needs {NEEDS}.");
        }
        frozen
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        // Where it was not frozen, that has been said.
        let _ = run("fsfreeze", &["--unfreeze", self.0.mount_point().to_str().unwrap()]);
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // Lazily: the node on it may just be ending.
        let _ = run("umount", &["--lazy", self.mount_point().to_str().unwrap()]);
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).env("PATH", TOOLS).args(arguments).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} {}: {}", arguments.join(" "), said.trim()))
}
