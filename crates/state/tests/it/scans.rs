//! What is asked in loops, or once for each record, is answered from an index.

use rusqlite::Connection;

use crate::support::*;

/// How SQLite answers a question.
fn plan_of(db: &Connection, sql: &str) -> Vec<String> {
    let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let plan = statement.query_map([], |row| row.get(3)).unwrap();
    plan.collect::<Result<_, _>>().unwrap()
}

#[test]
fn no_question_of_a_loop_reads_a_table_to_its_end() {
    let mut world = World::new();
    let db = look(&world.path());
    for sql in [
        "SELECT 1 FROM withdrawn WHERE job = 7",
        "SELECT 1 FROM withdrawn WHERE job = 7 AND version = 1",
        "SELECT version FROM withdrawn WHERE job = 7",
        "SELECT id, job, version FROM withdrawn WHERE node = 'n1' ORDER BY id",
        "SELECT min(node) FROM withdrawn WHERE node > 'n1'",
        "DELETE FROM tags WHERE seq = 7",
        "SELECT key, value FROM tags WHERE seq = 7 ORDER BY key, value",
        "SELECT seq, id FROM executions INDEXED BY executions_open
            WHERE job = 7 AND status < 3 AND seq > 8 AND seq <= 9 ORDER BY seq LIMIT 10",
        "SELECT job, nr FROM remainders WHERE job = 7 ORDER BY nr",
        "SELECT seq, node FROM executions INDEXED BY executions_open
            WHERE job = 7 AND status < 3 ORDER BY seq LIMIT 1",
        "SELECT 1 FROM keys WHERE job = 7",
        "SELECT 1 FROM keys WHERE job = 7 AND version = 1",
        "SELECT version FROM keys WHERE job = 7",
    ] {
        let plan = plan_of(&db, sql);
        let good = plan.iter().all(|step| step.starts_with("SEARCH"));
        assert!(good, "{sql}: {plan:?}");
    }
    world.raise();
    for sql in [
        "SELECT 1 FROM job_sets WHERE name = 'a' LIMIT 1",
        "SELECT nr FROM set_applies WHERE name = 'a' AND id = 'b'",
        "SELECT max(nr) FROM set_applies WHERE name = 'a'",
        "SELECT seq FROM jobs WHERE name = 'a' OR id = x'00'",
        "SELECT s.job, j.name FROM job_sets s JOIN jobs j ON j.seq = s.job
            WHERE s.name = 'a' AND s.apply < 3 ORDER BY s.job LIMIT 10",
    ] {
        let plan = plan_of(&db, sql);
        let good = plan.iter().all(|step| !step.starts_with("SCAN") && !step.contains("TEMP"));
        assert!(good, "{sql}: {plan:?}");
    }
    for sql in [
        "SELECT p.job, d.at FROM pauses p CROSS JOIN jobs j ON j.seq = p.job CROSS JOIN due d ON d.seq = p.job
            WHERE p.until IS NOT NULL AND (p.until, p.job) > (7, 8) AND p.until <= 9
            ORDER BY p.until, p.job LIMIT 10",
        "SELECT paused_at FROM pauses WHERE job = 7",
        "SELECT count FROM skips WHERE job = 7",
        "SELECT seq, what FROM audit WHERE at >= 7 AND (at, seq) < (8, 9) ORDER BY at DESC, seq DESC",
    ] {
        let plan = plan_of(&db, sql);
        assert!(plan.iter().all(|step| step.starts_with("SEARCH")), "{sql}: {plan:?}");
    }
    // Of what falls due, the index alone is read.
    let due = plan_of(&db, "SELECT seq, at, version FROM due WHERE at IS NOT NULL AND at <= 7 ORDER BY at");
    assert!(due.len() == 1 && due[0].contains("COVERING INDEX due_at"), "{due:?}");
}

#[test]
fn how_many_runs_each_node_holds_is_known_without_looking_at_them() {
    let mut world = World::new();
    let (_, fire) = world.with_run(spec("a"));
    let (_, other) = world.with_run(spec("b"));
    world.done(600, reassign(&other, NODE, "n2"));
    let holds = |world: &World| world.ask(|r| r.open_nodes());
    assert_eq!(holds(&world), [(node("n1"), 1), (node("n2"), 1)]);
    // Whatever stands in the executions: it is not asked for.
    let db = Connection::open(world.path()).unwrap();
    db.execute("UPDATE executions SET node = 'n7'", []).unwrap();
    assert_eq!(holds(&world), [(node("n1"), 1), (node("n2"), 1)]);
    db.execute("UPDATE executions SET node = iif(seq = 1, 'n1', 'n2')", []).unwrap();
    world.done(1100, report(&fire, delivered(1, 1000)));
    assert_eq!(holds(&world), [(node("n2"), 1)]);
    world.done(1200, delete(&world.job("b")));
    assert_eq!(holds(&world), []);
    chronos_state::check(&world.path()).unwrap();
}
