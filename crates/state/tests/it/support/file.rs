//! The state file beside the machine.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

/// Opens the file, for what the machine does not show.
pub fn look(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// Every row of every table, in order.
pub fn dump(path: &Path) -> String {
    dump_columns(path, |_| true)
}

/// As [`dump`], without the checksums.
pub fn dump_values(path: &Path) -> String {
    dump_columns(path, |column| column != "sum")
}

fn dump_columns(path: &Path, wanted: fn(&str) -> bool) -> String {
    let db = look(path);
    let read = |sql: &str| -> Vec<Vec<Value>> {
        let mut statement = db.prepare(sql).unwrap();
        let width = statement.column_count();
        let rows = statement.query_map([], |row| (0..width).map(|i| row.get(i)).collect()).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let mut out = String::new();
    for table in read("SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name") {
        let Value::Text(name) = &table[0] else { panic!("a table without a name") };
        out += &format!("{table:?}\n");
        let columns = read(&format!("SELECT name FROM pragma_table_info('{name}')"));
        let columns = columns.iter().map(|column| match &column[0] {
            Value::Text(name) => name.as_str(),
            other => panic!("a column named {other:?}"),
        });
        let columns: Vec<_> = columns.filter(|column| wanted(column)).collect();
        let order: Vec<_> = (1..=columns.len()).map(|n| n.to_string()).collect();
        let (columns, order) = (columns.join(", "), order.join(", "));
        // How often a file was written to is its own.
        let which = if name == "meta" { "WHERE key <> 'state.commits'" } else { "" };
        for row in read(&format!("SELECT {columns} FROM {name} {which} ORDER BY {order}")) {
            out += &format!("  {row:?}\n");
        }
    }
    out
}
