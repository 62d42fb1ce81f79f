//! What SQLite keeps and finds

use crate::support::*;

#[tokio::test]
async fn a_search_finds_text_in_any_case_and_script_and_nothing_else() {
    let server = CHRONOS.start().await;
    for (name, description) in [
        ("Backup-1", "ÜBUNG macht den Meister"),
        ("b", "резервная копия"),
        ("c", "Η ΟΔΟΣ"),
        ("d", "100% _ \\ 備份"),
        ("e", "Hauptstraße"),
    ] {
        let mut job = manual(name, json!({"url": "http://127.0.0.1:9/"}));
        job["description"] = description.into();
        server.create(&job).await;
    }
    for (q, names) in [
        ("backup", &["Backup-1"][..]),
        ("übung", &["Backup-1"]),
        ("Übung", &["Backup-1"]),
        ("РЕЗЕРВНАЯ", &["b"]),
        ("οδος", &["c"]),
        ("οδοσ", &["c"]),
        ("HAUPTSTRASSE", &["e"]),
        ("備份", &["d"]),
        ("%", &["d"]),
        ("_", &["d"]),
        ("\\", &["d"]),
        ("ubung", &[]),
    ] {
        let q: String = q.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let page = server.get(&format!("/jobs?q={q}")).await.ok(200);
        let found: Vec<_> = page["jobs"].as_array().unwrap().iter().map(|job| &job["name"]).collect();
        assert_eq!(found, names, "{q}");
    }
    // SQLite would end the text there, and find every job.
    let nul = server.get("/jobs?q=%00").await;
    assert!(nul.status == 400 || nul.ok(200)["jobs"] == json!([]), "{nul:?}");
}

#[tokio::test]
async fn a_number_beyond_63_bits_is_on_no_record() {
    let server = CHRONOS.start().await;
    server.create(&manual("job", json!({"url": "http://127.0.0.1:9/"}))).await;
    for version in [
        "0",
        "2",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "-1",
        "x",
    ] {
        let refused = server.act(&format!("/jobs/job/rollback/{version}")).await;
        assert_eq!(refused.problem(404)["code"], "version_not_found", "{version}");
    }
}

#[tokio::test]
async fn an_id_is_read_with_its_hyphens_and_in_any_case() {
    let server = CHRONOS.start().await;
    let job = server.create(&manual("job", json!({"url": "http://127.0.0.1:9/"}))).await;
    let id = job["id"].as_str().unwrap();
    let found = server.get(&format!("/jobs/{}", id.to_uppercase())).await.ok(200);
    assert_eq!(without_stats(found), job);
    for other in [id.replace('-', ""), format!("%7B{id}%7D"), format!("urn:uuid:{id}")] {
        assert_eq!(
            server.get(&format!("/jobs/{other}")).await.problem(404)["code"],
            "job_not_found",
            "{other}"
        );
    }
}
