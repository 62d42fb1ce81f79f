//! The table as `docs/responses.md` shows it.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::curl;
use crate::table::Group;
use crate::verdict::agree;

/// The heading above the reasons.
const REASONS: &str = "## Where Chronos and curl differ";
/// The heading above the table, which goes to the end of the document.
const TABLE: &str = "## The table\n";
/// Set to `write`, the table is written into the document. The test fails all the same, so that no unattended run
/// passes by writing.
const SWITCH: &str = "CHRONOS_GOLDEN";

fn path() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/responses.md"))
}

/// The reasons that the document explains.
pub fn reasons() -> Vec<String> {
    let document = std::fs::read_to_string(path()).unwrap();
    let section = document.lines().skip_while(|line| *line != REASONS).skip(1);
    let section = section.take_while(|line| !line.starts_with("## "));
    section.filter_map(|line| line.strip_prefix("### ").map(str::to_owned)).collect()
}

/// Compares the document with the table.
pub fn check(groups: &[Group]) {
    let document = std::fs::read_to_string(path()).unwrap();
    let (before, written) = document.split_once(TABLE).expect("a heading above the table");
    let table = table(groups);
    if std::env::var(SWITCH).is_ok_and(|value| value == "write") {
        std::fs::write(path(), format!("{before}{TABLE}{table}")).unwrap();
        panic!("the table is written; look at what changed, and run again without {SWITCH}");
    }
    let line = written.lines().zip(table.lines()).find(|(written, found)| written != found);
    assert!(
        written == table,
        "docs/responses.md shows another table; write it with {SWITCH}=write: {line:?}"
    );
}

fn table(groups: &[Group]) -> String {
    let mut text = String::new();
    for Group { title, rows } in groups {
        write!(text, "\n### {title}\n\n| the target | curl {} | Chronos | why |\n", curl::VERSION).unwrap();
        text += "| --- | --- | --- | --- |\n";
        for row in rows {
            let ours = if row.ours == row.curl { "the same".to_owned() } else { code(row.ours) };
            let why =
                row.reason.map_or_else(String::new, |reason| format!("[{reason}](#{})", anchor(reason)));
            assert_eq!(agree(row.curl, row.ours), why.is_empty(), "{}", row.name);
            writeln!(text, "| {} | {} | {ours} | {why} |", row.name, code(row.curl)).unwrap();
        }
    }
    text
}

fn code(verdict: &str) -> String {
    format!("`{}`", verdict.replace('|', "\\|"))
}

/// How a heading is linked to.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}
