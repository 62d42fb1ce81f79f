//! What stands in rows that are to be compared. Whatever that is, it fails only where the storage does: a node whose
//! state differs must be able to say so.

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Row, params_from_iter};

use crate::command::{Compare, KeyValue, MAX_ROWS, RowKey};
use crate::digest::Digest;
use crate::error::StateError;
use crate::outcome::RangeDigest;
use crate::schema::{self, Table};

/// Rows are taken until they have so many bytes: about a millisecond of a hash, on the thread that all of the log waits
/// for. It is part of what the command means, as [`MAX_ROWS`] is.
const BYTES: usize = 256 << 10;

/// The digest of the rows as they stand now. It goes from the last table and row to the first.
pub(crate) fn digest(db: &Connection, compare: Compare) -> Result<RangeDigest, StateError> {
    let before = compare.before;
    let (mut digest, mut rows, mut bytes) = (Digest::new(), 0, 0);
    for table in schema::replicated(schema::version(db)?).rev() {
        let place = match &before {
            Some(row) if table.name > row.table.as_str() => continue,
            Some(row) if table.name == row.table => place_in(table, row),
            _ => None,
        };
        digest.table(table.name);
        let mut statement = db.prepare(&sql(table, place.is_some()))?;
        let mut found = statement.query(params_from_iter(place.unwrap_or_default()))?;
        while let Some(row) = found.next()? {
            bytes += digest.row(row)?;
            rows += 1;
            if rows == MAX_ROWS || bytes >= BYTES {
                let first = Some(key_of(table, row)?);
                return Ok(RangeDigest { before, first, rows, sha256: digest.end() });
            }
        }
    }
    Ok(RangeDigest { before, first: None, rows, sha256: digest.end() })
}

/// The rows of a table from the last of its key to the first: all of them, or those before a place.
fn sql(table: Table, before: bool) -> String {
    let name = table.name;
    let order = table.key.iter().map(|column| format!("{column} DESC")).collect::<Vec<_>>().join(", ");
    let place = if before {
        format!("WHERE ({}) < ({})", table.order(), vec!["?"; table.key.len()].join(", "))
    } else {
        String::new()
    };
    // The limit is what keeps SQLite from sorting the table.
    format!("SELECT * FROM {name} {place} ORDER BY {order} LIMIT {MAX_ROWS}")
}

/// The values to begin before. A key of another form than the table's is none: it begins with the last row then, on
/// every node.
fn place_in(table: Table, row: &RowKey) -> Option<Vec<Value>> {
    let values = row.key.iter().map(|value| match value {
        KeyValue::Number(number) => Value::Integer(*number),
        KeyValue::Text(text) => Value::Text(text.clone()),
        KeyValue::Bytes(bytes) => Value::Blob(bytes.clone()),
    });
    (row.key.len() == table.key.len()).then(|| values.collect())
}

fn key_of(table: Table, row: &Row<'_>) -> Result<RowKey, StateError> {
    let value = |column: &&str| {
        Ok::<_, StateError>(match row.get_ref(*column)? {
            ValueRef::Integer(number) => KeyValue::Number(number),
            ValueRef::Text(text) => KeyValue::Text(String::from_utf8_lossy(text).into_owned()),
            ValueRef::Blob(bytes) => KeyValue::Bytes(bytes.to_vec()),
            // No key holds these.
            ValueRef::Null | ValueRef::Real(_) => KeyValue::Number(0),
        })
    };
    let key = table.key.iter().map(value).collect::<Result<_, _>>()?;
    Ok(RowKey { table: table.name.to_owned(), key })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::VERSION;

    #[test]
    fn no_table_is_sorted_or_read_from_its_beginning_to_find_a_place_in_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let db = schema::open(&directory.path().join("state.db")).expect("a state file");
        (1..VERSION).for_each(|_| schema::raise(&db).expect("a step"));
        for table in schema::replicated(VERSION) {
            for before in [false, true] {
                let sql = format!("EXPLAIN QUERY PLAN {}", sql(table, before));
                let mut statement = db.prepare(&sql).expect("a statement");
                let nothing = vec![Value::Null; if before { table.key.len() } else { 0 }];
                let plan = statement.query_map(params_from_iter(nothing), |row| row.get::<_, String>(3));
                let plan: Vec<_> = plan.expect("a plan").map(|step| step.expect("a step")).collect();
                let good = plan.len() == 1 && (!before || plan[0].starts_with("SEARCH"));
                assert!(good, "{sql}: {plan:?}");
            }
        }
    }
}
