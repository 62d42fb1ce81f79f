//! What nodes compare of their states: it follows from the log alone, each value in it counts, it is found in short
//! pieces, and nothing changes by it.

use chronos_state::{
    Batch, Command, Compare, Idempotency, KeyValue, LogBatch, MAX_ROWS, Machine, Proposal, RangeDigest,
    RowKey, VERSION,
};
use chronos_types::JobSpec;
use rusqlite::Connection;

use crate::sample::sample;
use crate::support::*;

fn compare(before: Option<RowKey>) -> Batch {
    Batch { at: 0, items: vec![Command::Compare(Compare { before }).into()] }
}

/// All of a state, piece by piece.
pub fn pieces(machine: &mut Machine) -> Vec<RangeDigest> {
    let mut pieces: Vec<RangeDigest> = Vec::new();
    loop {
        let before = pieces.last().and_then(|piece| piece.first.clone());
        let batch = compare(before.clone());
        let applied =
            machine.apply(&[LogBatch { batch: &batch, index: 0, follows: VERSION }], &[]).unwrap().remove(0);
        let piece = *applied.digest.expect("a digest");
        assert_eq!((&piece.before, applied.effects.len(), applied.ended.len()), (&before, 0, 0));
        let is_end = piece.first.is_none();
        pieces.push(piece);
        if is_end {
            return pieces;
        }
    }
}

/// The tables that nodes have in common, with the columns of each and those of its key.
fn tables(db: &Connection) -> Vec<(String, Vec<String>, Vec<String>)> {
    let texts = |sql: &str| -> Vec<String> {
        let mut statement = db.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let names = texts("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'meta' ORDER BY name");
    let columns = |name: &str, which: &str| {
        texts(&format!("SELECT name FROM pragma_table_info('{name}') {which} ORDER BY pk, cid"))
    };
    names
        .into_iter()
        .map(|name| {
            let (all, key) = (columns(&name, ""), columns(&name, "WHERE pk > 0"));
            (name, all, key)
        })
        .collect()
}

#[test]
fn every_value_of_every_table_counts_and_so_does_every_row() {
    let world = sample();
    let copy = |name: &str| {
        let path = world.file(name);
        let _ = std::fs::remove_file(&path);
        chronos_state::copy(&world.path(), &path, &chronos_state::CopyBounds::default()).unwrap();
        path
    };
    let right = pieces(&mut Machine::open(&copy("same.db")).unwrap());
    assert_eq!(right.len(), 1, "the sample is small");
    let tables = tables(&look(&world.path()));
    assert!(tables.iter().map(|(_, columns, _)| columns.len()).sum::<usize>() > 60, "{tables:?}");
    for (table, columns, key) in tables {
        let key = key.join(", ");
        let first = format!("({key}) = (SELECT {key} FROM {table} ORDER BY {key} LIMIT 1)");
        let other = |column: &String| {
            format!(
                "UPDATE {table} SET {column} = CASE typeof({column}) WHEN 'null' THEN 1
                    WHEN 'integer' THEN {column} + 1000003 WHEN 'text' THEN {column} || '!'
                    ELSE zeroblob(length({column})) END WHERE {first}"
            )
        };
        let changes = columns.iter().map(other).chain([format!("DELETE FROM {table} WHERE {first}")]);
        for change in changes {
            let path = copy("other.db");
            // Before the change, since a file is checked when it is opened.
            let mut machine = Machine::open(&path).unwrap();
            let changed = Connection::open(&path).unwrap().execute(&change, []).unwrap();
            assert_eq!(changed, 1, "the sample has a row in each table: {change}");
            assert_ne!(pieces(&mut machine)[0].sha256, right[0].sha256, "{change}");
        }
    }
}

#[test]
fn a_state_is_gone_through_in_pieces_of_bounded_rows_and_bytes_and_each_row_once() {
    let mut world = World::new();
    for number in 0..1_300 {
        world.create(&format!("small-{number}"));
    }
    let count = |world: &World| -> usize {
        let db = look(&world.path());
        let count = |table: &String| -> usize {
            db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
        };
        tables(&db).iter().map(|(name, _, _)| count(name)).sum()
    };
    let found = pieces(&mut world.machine);
    assert_eq!(found.iter().map(|piece| piece.rows).sum::<usize>(), count(&world));
    // A row of a job has some 300 bytes, one of what is due some 40.
    assert!(found.iter().rev().skip(1).all(|piece| (800..=MAX_ROWS).contains(&piece.rows)), "{found:?}");
    assert!(found.iter().any(|piece| piece.rows == MAX_ROWS), "{found:?}");

    // And of large rows, few.
    for number in 0..20 {
        let description = "x".repeat(50_000);
        world.create_as(JobSpec { description, ..spec(&format!("large-{number}")) });
    }
    let found = pieces(&mut world.machine);
    assert_eq!(found.iter().map(|piece| piece.rows).sum::<usize>(), count(&world));
    let large = found.iter().filter(|piece| piece.rows <= 6).count();
    assert!(large >= 3, "a piece holds six rows of 50 kB at most: {found:?}");
}

#[test]
fn a_comparison_changes_nothing_and_follows_all_that_its_batch_has_done() {
    let mut world = sample();
    let before = dump(&world.path());
    let alone = pieces(&mut world.machine);
    assert_eq!(dump(&world.path()), before);

    // In a batch with others it sees what comes behind it too, what the batch counts at its end included.
    let mut other = sample();
    let job = world.job("keyed");
    let step = || plan([run(&job, 9000)]);
    let mixed = Batch { at: 8600, items: vec![Command::Compare(Compare::default()).into(), step().into()] };
    let together = *other.batch(&mixed).digest.expect("a digest");
    world.done(8600, step());
    assert_eq!(together, pieces(&mut world.machine)[0]);
    assert_ne!(together, alone[0]);
    assert_eq!(world.batch(&Batch { at: 8700, items: vec![] }).digest, None);

    // Of several the last counts, so that a batch is no longer than one.
    let places = [None, Some(RowKey { table: "jobs".into(), key: vec![KeyValue::Number(1)] })];
    let several = places.clone().map(|before| Proposal::from(Command::Compare(Compare { before })));
    let digest = world.batch(&Batch { at: 0, items: several.into() }).digest.expect("a digest");
    assert_eq!(digest.before, places[1]);
}

#[test]
fn what_a_place_says_that_is_in_no_table_is_the_same_on_every_node() {
    let mut world = sample();
    let mut at = |table: &str, key: Vec<KeyValue>| {
        let before = Some(RowKey { table: table.to_owned(), key });
        world.batch(&compare(before)).digest.expect("a digest").sha256
    };
    let number = |number| vec![KeyValue::Number(number)];
    // A row that is gone, or was never there: what comes before it.
    assert_eq!(at("jobs", number(1 << 40)), at("jobs", number(1 << 41)));
    // A key of another form: the table from its end.
    assert_eq!(at("jobs", vec![]), at("jobs", number(1 << 40)));
    assert_eq!(at("jobs", [number(1), number(2)].concat()), at("jobs", number(1 << 40)));
    // A table that is not there: the one before it by its name.
    assert_eq!(at("jobt", number(1)), at("jobs", number(1 << 40)));
    assert_eq!(at("a", number(1)), at("aa", vec![]));
}

#[test]
fn its_outcome_is_the_same_whatever_the_state_holds() {
    let mut world = sample();
    let idempotency = Some(Idempotency { key: "k".into(), fingerprint: "f".into() });
    let command = Command::Compare(Compare::default());
    // Even where it came with a key: what is kept says nothing of this node's own state.
    let outcome =
        world.batch(&Batch { at: 0, items: vec![Proposal { idempotency, ..command.into() }] }).outcomes;
    assert_eq!(outcome, [chronos_state::Outcome::Done]);
}

#[test]
fn a_row_is_told_for_people() {
    let key = vec![KeyValue::Number(7), KeyValue::Text("a\"b".into()), KeyValue::Bytes(vec![0, 255])];
    assert_eq!(RowKey { table: "tags".into(), key }.to_string(), "tags, row 7, \"a\\\"b\", x00ff");
}

#[test]
fn what_is_left_to_look_at_becomes_no_more_while_executions_come() {
    let mut world = World::new();
    let job = world.create("a");
    let fill = |world: &mut World, from: i64| {
        let steps: Vec<_> = (from..from + 400).map(|second| run(&job, second * 1000)).collect();
        world.done(0, plan(steps));
    };
    (0..5).for_each(|portion| fill(&mut world, 1 + portion * 400));
    let mut pieces = 0;
    let mut before = None;
    loop {
        let piece = world.batch(&compare(before)).digest.expect("a digest");
        pieces += 1;
        before = piece.first;
        if before.is_none() {
            break;
        }
        // More come meanwhile than a piece has.
        (0..3).for_each(|portion| fill(&mut world, 2_001 + (pieces - 1) * 1_200 + portion * 400));
        assert!(pieces < 10, "it does not end");
    }
}
