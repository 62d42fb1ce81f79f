//! Golden files: the bytes of a stored or sent form, kept in the repository. A form that changes without
//! notice fails a test, where otherwise it would fail the first cluster that is upgraded.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::Path;

/// Set to `write`, the files are written. The test fails all the same, so that no unattended run passes by
/// writing.
const SWITCH: &str = "CHRONOS_GOLDEN";

/// Compares forms with the files of `tests/golden/<group>` in a crate, byte for byte. Each form is given with
/// the name of its file, and every file must have its form. `crate_dir` is `env!("CARGO_MANIFEST_DIR")`.
///
/// # Panics
/// A form is new, was changed, or is missing; or the files were written.
pub fn golden<N: Into<String>>(crate_dir: &str, group: &str, forms: impl IntoIterator<Item = (N, Vec<u8>)>) {
    let directory = Path::new(crate_dir).join("tests/golden").join(group);
    let mut known = BTreeMap::new();
    for (name, form) in forms {
        let name = name.into();
        assert!(known.insert(name.clone(), form).is_none(), "two forms are named {name}");
    }
    if std::env::var(SWITCH).is_ok_and(|value| value == "write") {
        write(&directory, &known);
        panic!("{}: written; look at what changed, and run again without {SWITCH}", directory.display());
    }
    let faults = compare(&directory, &known);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn compare(directory: &Path, forms: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, form) in forms {
        let path = directory.join(name);
        match fs::read(&path) {
            Ok(kept) if kept == *form => {}
            Ok(kept) => faults.push(format!(
                "{} has changed. What a release has written must stay readable, so a changed form needs a new \
                 version. If no release has it, write it with {SWITCH}=write.\n  it was {}\n  it is  {}",
                path.display(),
                shown(&kept),
                shown(form)
            )),
            Err(_) => faults.push(format!(
                "{} is missing. A form that a release did not have needs a new version. Write it with \
                 {SWITCH}=write.",
                path.display()
            )),
        }
    }
    for name in names(directory) {
        if !forms.contains_key(&*name.to_string_lossy()) {
            faults.push(format!(
                "{} has no form any more. What a release has written must stay readable; if no release has \
                 it, remove the file.",
                directory.join(name).display()
            ));
        }
    }
    faults
}

fn write(directory: &Path, forms: &BTreeMap<String, Vec<u8>>) {
    fs::create_dir_all(directory).expect("a folder for the files");
    for (name, form) in forms {
        fs::write(directory.join(name), form).expect("a file");
    }
}

fn names(directory: &Path) -> BTreeSet<OsString> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    entries.map(|entry| entry.expect("an entry").file_name()).collect()
}

/// Bytes for people: text as text, the rest escaped.
fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string().replace("\\\"", "\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(forms: &[(&str, &str)]) -> Vec<String> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/sample");
        let forms = forms.iter().map(|(name, form)| ((*name).to_owned(), form.as_bytes().to_vec()));
        compare(&directory, &forms.collect())
    }

    #[test]
    fn a_form_must_be_what_its_file_says() {
        assert_eq!(check(&[("one", "1 {\"a\":1}"), ("two", "2\n")]), [""; 0]);
        let faults = check(&[("one", "1 {\"b\":1}"), ("three", "3")]);
        let says = ["one has changed.", "three is missing.", "two has no form any more."];
        assert_eq!(faults.len(), says.len(), "{faults:?}");
        for (fault, say) in faults.iter().zip(says) {
            assert!(fault.contains(say), "{say}: {fault}");
        }
        assert!(faults[0].ends_with("  it was 1 {\"a\":1}\n  it is  1 {\"b\":1}"), "{}", faults[0]);
    }
}
