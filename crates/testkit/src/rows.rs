//! Rows of a state file that no node of this release would have written, and that are whole all the same.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::{Value, ValueRef};

/// Runs statements on a state file that nobody has open, and gives each row the checksum that it should have then: over
/// the kind, the length and the bytes of each value before it.
pub fn plant(state: &Path, sql: &str) {
    let db = Connection::open(state).unwrap();
    db.execute_batch(sql).unwrap();
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table'";
    let mut tables = db.prepare(tables).unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    for table in tables {
        let mut keys =
            db.prepare(&format!("SELECT name FROM pragma_table_info('{table}') WHERE pk > 0")).unwrap();
        let keys: Vec<String> = keys.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let mut all = db.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let at = all.column_index("sum").unwrap();
        let mut rows = all.query([]).unwrap();
        let mut sums = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let mut values: Vec<Value> = keys.iter().map(|key| row.get(key.as_str()).unwrap()).collect();
            let sum = sum((0..at).map(|column| row.get_ref(column).unwrap()));
            values.insert(0, Value::Integer(sum.into()));
            sums.push(values);
        }
        let place = keys.iter().map(|key| format!("{key} = ?")).collect::<Vec<_>>().join(" AND ");
        let mut update = db.prepare(&format!("UPDATE {table} SET sum = ? WHERE {place}")).unwrap();
        for values in sums {
            update.execute(rusqlite::params_from_iter(values)).unwrap();
        }
    }
}

fn sum<'a>(values: impl Iterator<Item = ValueRef<'a>>) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    for value in values {
        let (kind, number, bytes) = match value {
            ValueRef::Null => {
                sum.update(b"n");
                continue;
            }
            ValueRef::Integer(value) => (b'i', value.cast_unsigned(), &[][..]),
            ValueRef::Real(value) => (b'r', value.to_bits(), &[][..]),
            ValueRef::Text(value) => (b't', value.len() as u64, value),
            ValueRef::Blob(value) => (b'b', value.len() as u64, value),
        };
        sum.update(&[kind]);
        sum.update(&number.to_be_bytes());
        sum.update(bytes);
    }
    sum.finalize()
}
