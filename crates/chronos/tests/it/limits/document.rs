//! `docs/limits.md` itself: a test meets each of its rows, and its figures are those of the libraries in use

use std::collections::BTreeSet;
use std::path::Path;

/// The document, from the root of the project.
const DOCUMENT: &str = "docs/limits.md";

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The rows of the document's tables, without the first two of each.
fn rows(document: &str) -> Vec<Vec<&str>> {
    let mut rows = Vec::new();
    let mut is_below = false;
    for line in document.lines() {
        let Some(row) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) else {
            is_below = false;
            continue;
        };
        if row.starts_with("---") {
            is_below = true;
        } else if is_below {
            rows.push(row.split(" | ").map(str::trim).collect());
        }
    }
    rows
}

/// What stands in backquotes in a cell.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The names of all functions in a folder.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("golden") {
                functions(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(path).unwrap();
            let named = text.split("fn ").skip(1).filter_map(|rest| rest.split('(').next());
            found.extend(named.map(str::to_owned));
        }
    }
}

#[test]
fn a_test_meets_each_row() {
    let document = read(DOCUMENT);
    let mut tests = BTreeSet::new();
    functions(&root().join("crates"), &mut tests);
    let mut count = 0;
    for row in rows(&document).into_iter().filter(|row| row.len() == 4) {
        let [what, _, _, met_by] = row.as_slice() else { unreachable!() };
        let named = quoted(met_by);
        assert!(!named.is_empty(), "no test meets {what}");
        for name in named {
            assert!(tests.contains(name), "{what}: there is no test {name}");
        }
        count += 1;
    }
    assert!(count > 60, "{count} rows");
}

#[test]
fn the_figures_are_those_of_the_libraries_in_use() {
    let document = read(DOCUMENT);
    let lock = read("Cargo.lock");
    let mut count = 0;
    for row in rows(&document).into_iter().filter(|row| row.len() == 3) {
        let (library, version) = (quoted(row[0])[0], row[1]);
        let entry = format!("name = \"{library}\"\nversion = \"");
        let versions: Vec<_> = lock.split(&entry).skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let is_of = |found: &&str| found.strip_prefix(version).is_some_and(|rest| rest.starts_with('.'));
        assert!(
            versions.iter().any(is_of),
            "the figures of {library} are those of {version}, and {versions:?} is in use: look whether they hold, and say so"
        );
        count += 1;
    }
    assert!(count > 8, "{count} libraries");
}
