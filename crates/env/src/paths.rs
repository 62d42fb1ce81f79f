//! Says of a path what the operating system's error leaves out.

use std::io::{self, ErrorKind};
use std::path::Path;

/// An error about a path, in words: the path, and what is wrong with it.
///
/// The operating system says "No such file" of a link that leads nowhere, which is there for everybody to see, and
/// "File exists" where a directory was to be made at its place. Of a long path it does not say which part is meant.
#[must_use]
pub fn path_error(path: &Path, error: &io::Error) -> String {
    let said = match error.kind() {
        ErrorKind::IsADirectory => Some(format!("{} is a directory", path.display())),
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => no_directory(path),
        _ => dangling(path),
    };
    said.unwrap_or_else(|| format!("{}: {error}", path.display()))
}

/// Why a path is no directory and none can be made there, if so: it is a file or a link to nothing, or lies in one.
#[must_use]
pub fn no_directory(path: &Path) -> Option<String> {
    let is_file = |part: &&Path| std::fs::metadata(part).is_ok_and(|found| !found.is_dir());
    let file = || {
        let file = path.ancestors().find(is_file)?;
        Some(about(path, file, format!("{} is not a directory", file.display())))
    };
    dangling(path).or_else(file)
}

/// Whether a path is a link to nothing, or lies in one.
fn dangling(path: &Path) -> Option<String> {
    let leads_nowhere = |part: &&Path| {
        part.is_symlink() && std::fs::metadata(part).is_err_and(|error| error.kind() == ErrorKind::NotFound)
    };
    let link = path.ancestors().find(leads_nowhere)?;
    let to = std::fs::read_link(link).unwrap_or_default();
    Some(about(path, link, format!("{} is a link to {}, which is not there", link.display(), to.display())))
}

/// A sentence about a part of a path, with the path in front where that is another.
fn about(path: &Path, part: &Path, said: String) -> String {
    if part == path { said } else { format!("{}: {said}", path.display()) }
}

#[cfg(test)]
mod tests {
    use std::fs::{DirBuilder, File};
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_in_the_way_is_named() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("file"), "text").expect("a file");
        symlink("nowhere", path("link")).expect("a link");
        symlink("loop", path("loop")).expect("a link");
        let open = |name: &str| File::open(path(name)).and_then(std::io::read_to_string).expect_err(name);
        let make = |name: &str| DirBuilder::new().recursive(true).create(path(name)).expect_err(name);
        for (name, error, said) in [
            ("missing", open("missing"), "missing: No such file or directory (os error 2)"),
            (".", open("."), ". is a directory"),
            ("link", open("link"), "link is a link to nowhere, which is not there"),
            ("link", make("link"), "link is a link to nowhere, which is not there"),
            ("file", make("file"), "file is not a directory"),
            ("loop", open("loop"), "loop: Too many levels of symbolic links (os error 40)"),
        ] {
            assert_eq!(path_error(&path(name), &error), format!("{}/{said}", directory.path().display()));
        }
        let inside = path("link").join("inside");
        let error = File::open(&inside).expect_err("nothing");
        let said = path_error(&inside, &error);
        assert!(
            said.ends_with(&format!("{} is a link to nowhere, which is not there", path("link").display())),
            "{said}"
        );
        for error in [open("file/inside"), make("file/inside")] {
            let said = path_error(&path("file/inside"), &error);
            assert!(said.ends_with(&format!("{} is not a directory", path("file").display())), "{said}");
        }
        for (name, is_one) in [(".", true), ("new/inside", true), ("file", false), ("link/inside", false)] {
            assert_eq!(no_directory(&path(name)).is_none(), is_one, "{name}");
        }
    }
}
