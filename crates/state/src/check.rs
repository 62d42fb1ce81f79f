//! Whether a state file is what was written: its structure and each row's checksum.
//!
//! What was written may be refused by today's rules. That is no damage: it costs the record, not the node.

use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use crate::error::StateError;
use crate::schema::{self, META, Table};
use crate::stored::code::open;
use crate::stored::row;

/// Checks a state file as a whole. Nothing is changed.
///
/// # Errors
/// The file is no state file or not one that this Chronos reads, it is damaged, or it cannot be read.
pub fn check(path: &Path) -> Result<(), StateError> {
    whole(&schema::open_reader(path)?, path)
}

/// The check of a state file in use, in pieces. The write-ahead log can start anew between them. The longest
/// is the structure of a table and its indexes: two seconds for a million executions.
#[derive(Debug)]
pub struct Check {
    db: Connection,
    path: PathBuf,
    /// The tables that are left, the next one last.
    tables: Vec<Table>,
    /// The key of the last row that was checked.
    after: Option<Vec<Value>>,
}

/// Rows in a piece: some milliseconds.
const PIECE: usize = 500;

impl Check {
    pub(crate) fn open(path: &Path) -> Result<Self, StateError> {
        let db = schema::open_reader(path)?;
        db.pragma_update(None, "cache_size", -2_048)?;
        // At once, for no statement means what it says otherwise.
        let transaction = db.unchecked_transaction()?;
        same_schema(&db).map_err(|error| error.within(path.display()))?;
        let tables = tables(&db)?.into_iter().rev().collect();
        transaction.finish()?;
        Ok(Self { db, path: path.to_owned(), tables, after: None })
    }

    /// Checks the next piece. Answers whether there is more to do. It blocks.
    ///
    /// # Errors
    /// The state is damaged, or the storage failed.
    pub fn piece(&mut self) -> Result<bool, StateError> {
        let path = self.path.clone();
        self.next().map_err(|error| error.within(path.display()))
    }

    fn next(&mut self) -> Result<bool, StateError> {
        let Some(table) = self.tables.last().copied() else {
            let after = self.after.take().unwrap_or_else(|| vec![Value::Integer(i64::MIN)]);
            self.after = held(&self.db, &after, PIECE)?;
            if self.after.is_none() {
                open_runs(&self.db)?;
            }
            return Ok(self.after.is_some());
        };
        self.after = rows(&self.db, table, self.after.as_deref(), PIECE)?;
        if self.after.is_none() {
            integrity(&self.db, Some(table))?;
            self.tables.pop();
        }
        Ok(true)
    }
}

/// Checks the open state file `path` as a whole, as it stands now.
pub(crate) fn whole(db: &Connection, path: &Path) -> Result<(), StateError> {
    let checked = || {
        let transaction = db.unchecked_transaction()?;
        same_schema(db)?;
        integrity(db, None)?;
        for table in tables(db)? {
            rows(db, table, None, usize::MAX)?;
        }
        held(db, &[Value::Integer(i64::MIN)], usize::MAX)?;
        open_runs(db)?;
        Ok(transaction.finish()?)
    };
    checked().map_err(|error: StateError| error.within(path.display()))
}

/// The tables of a file, by its version.
fn tables(db: &Connection) -> Result<Vec<Table>, StateError> {
    Ok([META].into_iter().chain(schema::replicated(schema::version(db)?)).collect())
}

/// The names of tables, columns and indexes, and the conditions of indexes, are bytes of the file too.
fn same_schema(db: &Connection) -> Result<(), StateError> {
    if schema::text(db)? == schema::expected_text(schema::version(db)?)? {
        Ok(())
    } else {
        Err(StateError::Corrupt("its tables are not those of a state file".to_owned()))
    }
}

/// Has SQLite check the structure of the file, or of one table and its indexes, and that each index has an
/// entry for each row.
fn integrity(db: &Connection, table: Option<Table>) -> Result<(), StateError> {
    let sql = table.map_or_else(
        || "PRAGMA integrity_check(1)".to_owned(),
        |table| format!("PRAGMA integrity_check({})", table.name),
    );
    let found: String = db.query_row(&sql, [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(StateError::Corrupt(found)) }
}

/// Checks the rows after `after`, at most `limit` of them. Answers the key of the last one if there may be
/// more.
fn rows(
    db: &Connection,
    table: Table,
    after: Option<&[Value]>,
    limit: usize,
) -> Result<Option<Vec<Value>>, StateError> {
    let Table { name, key, since: _ } = table;
    let order = table.order();
    let place = after.map_or_else(String::new, |after| {
        format!("WHERE ({order}) > ({})", vec!["?"; after.len()].join(", "))
    });
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement =
        db.prepare(&format!("SELECT * FROM {name} {place} ORDER BY {order} LIMIT {limit}"))?;
    let mut rows = statement.query(params_from_iter(after.unwrap_or_default()))?;
    let (mut count, mut last) = (0, None);
    while let Some(row) = rows.next()? {
        one(row).map_err(|error| error.within(of_row(table, row)))?;
        count += 1;
        if count == limit {
            last = Some(key.iter().map(|column| row.get(*column)).collect::<Result<_, _>>()?);
        }
    }
    Ok(last)
}

/// Checks one row.
fn one(row: &Row<'_>) -> Result<(), StateError> {
    if !row::is_whole(row)? {
        return Err(StateError::Corrupt("its checksum is not that of its values".to_owned()));
    }
    Ok(())
}

/// Compares the counts of executions on record with what they count, for jobs after `after` and at most
/// `limit` of them. Answers the last one if there may be more.
fn held(db: &Connection, after: &[Value], limit: usize) -> Result<Option<Vec<Value>>, StateError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = db.prepare(&format!(
        "SELECT seq, held, (SELECT count(*) FROM executions WHERE job = due.seq) FROM due
        WHERE seq > ? ORDER BY seq LIMIT {limit}"
    ))?;
    let mut rows = statement.query(params_from_iter(after))?;
    let (mut count, mut last) = (0, None);
    while let Some(row) = rows.next()? {
        let (seq, held, found): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if held != found {
            let what =
                format!("due, row {seq}: it counts {held} executions on record, and there are {found}");
            return Err(StateError::Corrupt(what));
        }
        count += 1;
        if count == limit {
            last = Some(vec![Value::Integer(seq)]);
        }
    }
    Ok(last)
}

/// Compares the counts of unfinished executions of each node with what they count.
fn open_runs(db: &Connection) -> Result<(), StateError> {
    let sql = concat!(
        "SELECT coalesce(o.node, e.node), coalesce(o.held, 0), coalesce(e.found, 0) FROM open_runs o FULL JOIN
            (SELECT node, count(*) AS found FROM executions INDEXED BY executions_open WHERE ",
        open!(),
        " GROUP BY node) e ON e.node = o.node WHERE coalesce(o.held, 0) <> coalesce(e.found, 0)"
    );
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else { return Ok(()) };
    let (node, held, found): (String, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let what =
        format!("open_runs, row {node:?}: it counts {held} unfinished executions, and there are {found}");
    Err(StateError::Corrupt(what))
}

/// Which row it is, for people.
fn of_row(table: Table, row: &Row<'_>) -> String {
    let key = table.key.iter().filter_map(|column| Some(row::shown(row.get_ref(*column).ok()?).to_string()));
    format!("{}, row {}", table.name, key.collect::<Vec<_>>().join(", "))
}
