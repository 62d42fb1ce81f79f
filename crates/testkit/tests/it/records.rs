//! What is on record, held against what was due.

use chronos_client::api::Execution;
use chronos_testkit::{Due, Records, instant, json};

fn execution(id: &str, job: &str, scheduled_time: &str, status: &str) -> Execution {
    serde_json::from_value(json!({
        "id": id, "job_id": "j", "job_name": job, "job_version": 1, "trigger": "schedule",
        "scheduled_time": scheduled_time, "started_at": null, "completed_at": null, "duration_ms": null,
        "status": status, "attempts": 1, "last_error": null, "error_kind": null, "attempt_log": [],
        "node_id": "n1", "replay_of": null,
    }))
    .unwrap()
}

#[test]
fn each_fault_of_a_record_is_found() {
    let at = |second: u8| format!("2026-01-01T00:00:0{second}Z");
    let mut records = Records::of(vec![
        execution("good", "job", &at(1), "success"),
        execution("lost", "job", &at(2), "success"),
        execution("bad", "job", &at(3), "failed"),
        execution("one", "job", &at(5), "success"),
        execution("two", "job", &at(5), "success"),
        execution("astray", "job", &at(7), "success"),
        execution("other", "other", &at(1), "success"),
    ]);
    let mut due = Due::default();
    let instants = (1..=5).map(|second| instant(&at(second)));
    records.check("job", instants, |execution| execution.id != "lost", &mut due);
    let ids = |executions: &[Execution]| executions.iter().map(|one| one.id.clone()).collect::<Vec<_>>();
    assert_eq!((due.count, due.succeeded), (5, 3));
    assert_eq!(due.unrecorded, [format!("job at {}", instant(&at(4)))]);
    assert_eq!(due.doubled, [format!("job at {}: 2 records", instant(&at(5)))]);
    assert_eq!(
        (ids(&due.unsuccessful), ids(&due.undelivered)),
        (vec!["bad".to_owned()], vec!["lost".to_owned()])
    );
    let mut left: Vec<_> = records.left().collect();
    left.sort_unstable();
    assert_eq!(left, [("job", instant(&at(7))), ("other", instant(&at(1)))]);
    assert!(records.know("astray") && !records.know("nobody"));
}
