//! What a release has written into a state file is read by all that come after it. So the tables are kept as a
//! file, and for each of them rows of each form.

use std::fmt::Write as _;
use std::path::Path;

use chronos_testkit::golden;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, params_from_iter};

use crate::sample::{read, sample, sample_of_1};
use crate::support::*;

const CRATE: &str = env!("CARGO_MANIFEST_DIR");
const SCHEMA: &str = "schema.sql";

#[test]
fn tables_and_rows_keep_their_form() {
    keep_their_form("state", &sample_of_1(), 12);
}

#[test]
fn tables_and_rows_of_version_2_keep_their_form() {
    keep_their_form("state-2", &sample(), 40);
}

fn keep_their_form(group: &str, world: &World, count: usize) {
    let db = look(&world.path());
    let names = tables(&db);
    let mut forms: Vec<_> = names.iter().map(|name| (name.clone(), rows(&db, name).into_bytes())).collect();
    assert_eq!(forms.len(), count);
    forms.push((SCHEMA.to_owned(), schema(&db).into_bytes()));
    golden(CRATE, group, forms);
    // The files alone make a state that is read as this one.
    let kept = world.file("kept.db");
    make(&kept, group, &names);
    assert_eq!(read(&kept).unwrap(), read(&world.path()).unwrap());
}

fn tables(db: &Connection) -> Vec<String> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    let mut statement = db.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

/// What makes the tables, as SQL.
fn schema(db: &Connection) -> String {
    let pragma = |name: &str| -> i64 { db.pragma_query_value(None, name, |row| row.get(0)).unwrap() };
    let mut text = format!("PRAGMA application_id = {:#x};\n", pragma("application_id"));
    writeln!(text, "PRAGMA user_version = {};", pragma("user_version")).unwrap();
    let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type DESC, name";
    let mut statement = db.prepare(sql).unwrap();
    for sql in statement.query_map([], |row| row.get::<_, String>(0)).unwrap() {
        writeln!(text, "\n{};", sql.unwrap()).unwrap();
    }
    text
}

/// Every row of a table: a line for each column, and a blank one.
fn rows(db: &Connection, table: &str) -> String {
    let mut statement = db.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2, 3")).unwrap();
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([]).unwrap();
    let mut text = String::new();
    while let Some(row) = rows.next().unwrap() {
        for (number, column) in columns.iter().enumerate() {
            writeln!(text, "{column}: {}", shown(row.get_ref(number).unwrap())).unwrap();
        }
        text.push('\n');
    }
    assert!(!text.is_empty(), "{table} has no row");
    text
}

fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "null".to_owned(),
        ValueRef::Integer(value) => value.to_string(),
        ValueRef::Text(text) => serde_json::to_string(std::str::from_utf8(text).unwrap()).unwrap(),
        ValueRef::Blob(bytes) => bytes.iter().fold("x".to_owned(), |hex, byte| format!("{hex}{byte:02x}")),
        ValueRef::Real(value) => panic!("no column holds a {value}"),
    }
}

fn value(text: &str) -> Value {
    let byte = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap();
    match text.as_bytes() {
        b"null" => Value::Null,
        [b'"', ..] => Value::Text(serde_json::from_str(text).unwrap()),
        [b'x', hex @ ..] => Value::Blob(hex.chunks(2).map(byte).collect()),
        _ => Value::Integer(text.parse().unwrap()),
    }
}

/// Makes a state file of what the files say.
fn make(path: &Path, group: &str, tables: &[String]) {
    let kept = |name: &str| std::fs::read_to_string(format!("{CRATE}/tests/golden/{group}/{name}")).unwrap();
    let db = Connection::open(path).unwrap();
    db.execute_batch(&kept(SCHEMA)).unwrap();
    for table in tables {
        for row in kept(table).split_terminator("\n\n") {
            let values: Vec<_> = row.lines().map(|line| value(line.split_once(": ").unwrap().1)).collect();
            let places = vec!["?"; values.len()].join(", ");
            let sql = format!("INSERT INTO {table} VALUES ({places})");
            db.execute(&sql, params_from_iter(values)).unwrap();
        }
    }
}
