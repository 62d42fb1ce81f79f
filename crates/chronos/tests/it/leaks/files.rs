//! What stands in the files of nodes

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tempfile::TempDir;

use super::credentials::Credentials;
use super::outputs::leaks;
use super::search::Search;

/// The file in which a node keeps its own token: whoever may read the data directory may do all (`docs/security.md`).
const LOCAL_TOKEN: &str = "local-token";
/// Between looks for files that are there for a moment.
const LOOK: Duration = Duration::from_millis(1);

/// Every credential that is in a file of a directory.
pub fn leaks_of_files(directory: &Path, credentials: &Credentials) -> BTreeSet<String> {
    let search = Search::of(&credentials.planted());
    let leaks_of = |path: PathBuf| {
        // One that was there for a moment is gone.
        let bytes = std::fs::read(&path).unwrap_or_default();
        let is_local_token = path.file_name().is_some_and(|name| name == LOCAL_TOKEN);
        let found = leaks(&search, &path.display().to_string(), &bytes);
        found.into_iter().filter(move |leak| !(is_local_token && leak.starts_with(LOCAL_TOKEN)))
    };
    walk(directory).into_iter().flat_map(leaks_of).collect()
}

/// The same for what the SQLite files of a node that has ended say, value by value: in the bytes of a file a long one
/// stands in pieces.
pub fn leaks_of_rows(directory: &Path, credentials: &Credentials) -> BTreeSet<String> {
    let search = Search::of(&credentials.planted());
    let (mut leaks, mut values) = (BTreeSet::new(), 0);
    let copies = tempfile::tempdir().unwrap();
    for path in walk(directory) {
        std::fs::copy(&path, copies.path().join(name_of(&path))).unwrap();
    }
    for path in walk(copies.path()).into_iter().filter(|path| path.extension().is_some_and(|end| end == "db"))
    {
        let database = Connection::open(&path).unwrap();
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'";
        let mut tables = database.prepare(tables).unwrap();
        let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
        for table in tables.map(Result::unwrap) {
            let mut rows = database.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
            let width = rows.column_count();
            let mut rows = rows.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                for column in 0..width {
                    if let ValueRef::Text(bytes) | ValueRef::Blob(bytes) = row.get_ref(column).unwrap() {
                        values += 1;
                        let what =
                            format!("the table {table} of {} of {}", name_of(&path), directory.display());
                        leaks.extend(self::leaks(&search, &what, bytes));
                    }
                }
            }
        }
    }
    assert!(values > 100, "{values} values in {}", directory.display());
    leaks
}

/// All files below a directory. What goes meanwhile is passed over.
fn walk(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// Keeps the files that are in data directories for a moment: copies of the state on their way.
pub struct Watch {
    is_over: Arc<AtomicBool>,
    kept: TempDir,
    looking: Option<JoinHandle<()>>,
}

impl Watch {
    pub fn over(directories: Vec<PathBuf>) -> Self {
        let (is_over, kept) = (Arc::new(AtomicBool::new(false)), tempfile::tempdir().unwrap());
        let (over, keep) = (Arc::clone(&is_over), kept.path().to_owned());
        let looking = std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !over.load(Ordering::Relaxed) {
                for path in directories.iter().flat_map(|directory| walk(directory)) {
                    let is_kept =
                        ["log.db", "state.db", "search.db", "lock", LOCAL_TOKEN].iter().any(|name| {
                            path.file_name().is_some_and(|own| own.to_string_lossy().starts_with(name))
                        });
                    if !is_kept && seen.insert(path.clone()) {
                        // Another name for it: what is written into it later is seen, too.
                        let _ = std::fs::hard_link(
                            &path,
                            keep.join(format!("{}-{}", seen.len(), name_of(&path))),
                        );
                    }
                }
                std::thread::sleep(LOOK);
            }
        });
        Self { is_over, kept, looking: Some(looking) }
    }

    /// Every credential that was in one of them.
    pub fn leaks(mut self, credentials: &Credentials) -> BTreeSet<String> {
        self.is_over.store(true, Ordering::Relaxed);
        self.looking.take().unwrap().join().unwrap();
        leaks_of_files(self.kept.path(), credentials)
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
