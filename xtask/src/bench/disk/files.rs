//! The files of a data directory: their bytes, and the pages of them that are in use.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::Result;

/// What [`Files::cells`] shows.
pub const HEAD: [&str; 7] =
    ["state.db", "pages in use", "its wal", "log.db", "pages in use", "its wal", "records"];
const MIB: u64 = 1 << 20;

/// What a look found, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Files {
    state: Database,
    log: Database,
    /// Executions on record, by their numbers.
    records: i64,
}

/// One SQLite file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Database {
    file: u64,
    /// Pages that hold something. The others are free for what comes.
    used: u64,
    wal: u64,
}

impl Files {
    /// Looks at a data directory. The server may have it open.
    pub fn of(directory: &Path) -> Result<Self> {
        let state = directory.join("state.db");
        let file = open(&state)?;
        // They are numbered as they come, and the oldest go first, so this takes no time.
        let records = file.query_row(
            "SELECT ifnull((SELECT max(seq) FROM executions) - (SELECT min(seq) FROM executions) + 1, 0)",
            [],
            |row| row.get(0),
        )?;
        Ok(Self { state: Database::of(&state)?, log: Database::of(&directory.join("log.db"))?, records })
    }

    /// All bytes.
    pub fn bytes(&self) -> u64 {
        self.state.file + self.state.wal + self.log.file + self.log.wal
    }

    /// Bytes of pages in use.
    pub fn used(&self) -> u64 {
        self.state.used + self.log.used
    }

    /// As cells of a table.
    pub fn cells(&self) -> [String; 7] {
        let mib = |bytes: u64| format!("{} MiB", bytes / MIB);
        let of = |database: Database| [mib(database.file), mib(database.used), mib(database.wal)];
        let ([state, state_used, state_wal], [log, log_used, log_wal]) = (of(self.state), of(self.log));
        [state, state_used, state_wal, log, log_used, log_wal, self.records.to_string()]
    }
}

impl std::fmt::Display for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let cells = HEAD.iter().zip(self.cells()).map(|(name, cell)| format!("{name} {cell}"));
        write!(f, "{}", cells.collect::<Vec<_>>().join(", "))
    }
}

impl Database {
    fn of(path: &Path) -> Result<Self> {
        let file = open(path)?;
        let pages = |sql: &str| -> Result<u64> { Ok(file.query_row(sql, [], |row| row.get(0))?) };
        let (count, free) = (pages("PRAGMA page_count")?, pages("PRAGMA freelist_count")?);
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |data| data.len());
        let mut wal = path.as_os_str().to_owned();
        wal.push("-wal");
        Ok(Self {
            file: size(path),
            used: count.saturating_sub(free) * pages("PRAGMA page_size")?,
            wal: size(Path::new(&wal)),
        })
    }
}

fn open(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let file = Connection::open_with_flags(path, flags)?;
    file.busy_timeout(std::time::Duration::from_secs(1))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_are_free_again_are_not_in_use() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("some.db");
        let file = Connection::open(&path).unwrap();
        file.execute_batch(
            "CREATE TABLE rows (data BLOB);
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
            INSERT INTO rows SELECT zeroblob(4000) FROM n;",
        )
        .unwrap();
        let full = Database::of(&path).unwrap();
        assert!(full.used > 200 * 4_000 && full.file >= full.used, "{full:?}");
        file.execute("DELETE FROM rows", []).unwrap();
        let empty = Database::of(&path).unwrap();
        assert_eq!(empty.file, full.file);
        assert!(empty.used < full.used / 10, "{empty:?}");
    }

    #[test]
    fn the_files_of_a_state_are_found() {
        let directory = tempfile::tempdir().unwrap();
        let machine = chronos_state::Machine::open(&directory.path().join("state.db")).unwrap();
        Connection::open(directory.path().join("log.db")).unwrap();
        let files = Files::of(directory.path()).unwrap();
        assert_eq!(files.records, 0);
        assert!(files.used() > 0 && files.bytes() >= files.used(), "{files}");
        drop(machine);
    }
}
