//! Records that are whole and that today's rules refuse: each costs itself, and nobody else anything.

use chronos_state::{
    Anew, Batch, ClockWord, Command, DueAnew, Effect, Idempotency, JobDue, JobFilter, JobSeq, Outcome,
    PassedBy, Proposal, Refusal, Reported, StateError,
};
use chronos_testkit::plant;
use chronos_types::{ExecutionId, JobSpec, Status, Trigger};

use crate::support::*;

/// What may stand in `spec`, and a part of why it is refused. `FIELD` stands for the rest.
const BAD: &[(&str, &str)] = &[
    ("not JSON", "it is no JSON"),
    ("", "it is no JSON"),
    ("[]", "another type"),
    ("{}", "missing field"),
    ("{\"new\":1,FIELDS}", "unknown field"),
    ("{FIELDS,\"start_at\":\"soon\"}", "another type"),
    ("{FIELDS,\"tags\":{\"no tag\":\"v\"}}", "no tag"),
    ("{FIELDS,\"tags\":{\"k\":7}}", "another type"),
    ("{FIELDS,\"concurrency\":\"sometimes\"}", "sometimes"),
    ("{FIELDS,\"missed_runs\":\"perhaps\"}", "perhaps"),
    ("{FIELDS,\"name\":\"no name\"}", "no name"),
    ("{FIELDS,\"start_at\":-9223372036854775808}", "no instant"),
    ("{FIELDS,\"jitter_ms\":18446744073709551615}", "longer than"),
    ("{FIELDS,\"timeout_ms\":18446744073709551615}", "longer than"),
    ("{FIELDS,\"webhook\":{\"url\":\"ftp://h/\"}}", "ftp"),
    ("{FIELDS,\"webhook\":{\"url\":\"http://h/\",\"method\":\"BREW\"}}", "BREW"),
    ("{FIELDS,\"webhook\":{\"url\":\"http://h/\",\"headers\":[[\"no header\",\"v\"]]}}", "Name"),
];

/// The text of a case, with fields that are good unless it names them itself.
fn text(case: &str) -> String {
    let fields = [
        ("name", "\"a\""),
        ("schedule", "\"@every 1s\""),
        ("timezone", "\"UTC\""),
        ("webhook", "{\"url\":\"http://h/x\"}"),
        (
            "retry",
            "{\"max_attempts\":3,\"initial_ms\":1000,\"max_ms\":60000,\"multiplier\":2.0,\"jitter\":0.0}",
        ),
        ("concurrency", "\"allow\""),
        ("missed_runs", "\"execute_one\""),
        ("enabled", "true"),
    ];
    let good = fields.iter().filter(|(name, _)| !case.contains(&format!("\"{name}\":")));
    let good = good.map(|(name, value)| format!("\"{name}\":{value}")).collect::<Vec<_>>();
    case.replace("FIELDS", &good.join(","))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A machine with two jobs that have a run each; the specification of the first is this one.
fn planted(spec_text: &str) -> World {
    let mut world = World::new();
    world.with_run(spec("a"));
    world.with_run(spec("b"));
    let sql = format!("UPDATE jobs SET spec = {} WHERE seq = 1", quoted(spec_text));
    world.close_and(|path| plant(path, &sql))
}

#[test]
fn a_specification_that_is_refused_is_no_damage_and_is_shown_as_far_as_it_can_be_read() {
    for (case, why) in BAD {
        let world = planted(&text(case));
        chronos_state::check(&world.path()).unwrap();
        let both = world.ask(|r| jobs(r, &JobFilter::default(), None, 9)).items;
        let [bad, good] = &both[..] else { panic!("{case}: {both:?}") };
        assert_eq!(good.job.spec, Ok(spec("b")), "{case}");
        let refused = bad.job.spec.as_ref().unwrap_err();
        assert!(refused.why.contains(why), "{case}: {}", refused.why);
        assert_eq!((&*refused.form.name, refused.form.enabled), ("a", true), "{case}");
        assert_eq!(bad.job.next_due, Some(2000), "{case}");
        assert_eq!(world.job("a"), *bad, "{case}");
        // A search looks at the name and at what can be read.
        let search = having("b");
        assert_eq!(world.ask(|r| jobs(r, &search, None, 9)).items.len(), 1, "{case}");
        let rows = world.ask(|r| executions(r, &Default::default(), None, 9)).items;
        assert_eq!(rows.len(), 2, "{case}");
        assert_eq!(rows.iter().filter(|row| row.spec.is_err()).count(), 1, "{case}");
        assert!(rows.iter().all(|row| row.invalid.is_none()), "{case}");
        assert!(world.ask(|r| r.version(bad.seq, 1)).unwrap().spec.is_err(), "{case}");
        assert_eq!(world.ask(|r| versions(r, bad.seq, None, 9)).items.len(), 1, "{case}");
        assert_eq!(world.ask(|r| r.open_fires(&node(NODE))).len(), 2, "{case}");
        assert!(world.ask(|r| r.spec(bad.seq, 1)).unwrap().1.is_err(), "{case}");
    }
}

#[test]
fn what_planning_cannot_read_is_told_and_passed_by_and_keeps_its_due_instant() {
    for (case, why) in BAD {
        let world = planted(&text(case));
        let due = world.ask(|r| r.due(ALL_DUE, 9000, 9, &PassedBy::new()));
        let good: Vec<_> = due.jobs.iter().map(|job| job.seq.get()).collect();
        if due.bad.is_empty() {
            // When it runs can be read, so its instants are planned, and each has a record.
            assert_eq!(good, [1, 2], "{case}");
            continue;
        }
        assert!(due.bad[0].why.contains(why), "{case}: {due:?}");
        assert_eq!((good, due.bad[0].version), (vec![2], 1), "{case}");
        let passed = PassedBy::from([(due.bad[0].seq, 1)]);
        // It takes nobody's place.
        let due = world.ask(|r| r.due(ALL_DUE, 9000, 1, &passed));
        assert_eq!((due.jobs.len(), due.bad.len()), (1, 0), "{case}");
        assert_eq!(world.ask(|r| r.first_due(&passed)), Some(2000), "{case}");
        assert_eq!(world.due("a"), Some(2000), "{case}");
        let older = PassedBy::from([(world.job("a").seq, 7)]);
        assert_eq!(world.ask(|r| r.due(ALL_DUE, 9000, 9, &older)).bad.len(), 1, "{case}: of another version");
    }
    let cases = BAD.iter().filter(|(case, _)| {
        !planted(&text(case)).ask(|r| r.due(ALL_DUE, 9000, 9, &PassedBy::new())).bad.is_empty()
    });
    assert!(cases.count() >= 7);
}

#[test]
fn what_cannot_be_read_is_passed_by_when_the_time_was_set_back() {
    for (case, _) in BAD {
        let mut world = planted(&text(case));
        let times = world.ask(|r| r.due(ALL_DUE, 9000, 9, &PassedBy::new())).jobs;
        let found = world.ask(|r| r.enabled_jobs(JobSeq::default(), 9));
        let numbers = |found: &[JobDue]| found.iter().map(|job| job.seq).collect::<Vec<_>>();
        assert_eq!(numbers(&found), times.iter().map(|job| job.seq).collect::<Vec<_>>(), "{case}");
        // It takes nobody's place.
        let last = world.job("b").seq;
        let looks = [JobSeq::default(), world.job("a").seq].map(|at| world.ask(|r| r.enabled_jobs(at, 1)));
        assert!(looks.iter().flatten().any(|job| job.seq == last), "{case}");
        // When it falls due is said to be another instant, and that it was created in the time to come.
        world.done(200_000, Command::Clock(ClockWord::Passes));
        world.done(-5, Command::Clock(ClockWord::Back));
        let due = DueAnew { job: world.job("a").seq, version: 1, from: Some(2000), next_due: Some(7) };
        let anew = Anew { to: -5, due: vec![due], ..Anew::default() };
        world.done(0, Command::Clock(ClockWord::Anew(anew)));
        assert_eq!((world.due("a"), world.job("a").job.created_at), (Some(7), -5), "{case}");
        chronos_state::check(&world.path()).unwrap();
    }
}

#[test]
fn an_execution_of_which_a_part_cannot_be_read_is_found_when_the_time_was_set_back() {
    for set in ["detail = 'no JSON'", "trigger = 99", "status = -1, trigger = 99"] {
        let mut world = World::new();
        world.with_run(spec("a"));
        world.with_run(spec("b"));
        let sql = format!("UPDATE executions SET {set} WHERE seq = 1");
        world = world.close_and(|path| plant(path, &sql));
        let waiting = world.ask(|r| r.waiting_runs(None, 0, 9)).found;
        // A trigger that is not known is none of the schedule.
        assert_eq!(waiting, if set.contains("trigger") { vec![1] } else { vec![] }, "{set}");
        world.done(200_000, Command::Clock(ClockWord::Passes));
        world.done(500, Command::Clock(ClockWord::Back));
        let anew = Anew { to: 500, runs: vec![1, 2], ..Anew::default() };
        let fired = fires(&world.done(600, Command::Clock(ClockWord::Anew(anew))));
        assert_eq!(
            fired.iter().map(|fire| fire.fire_at).collect::<Vec<_>>(),
            vec![600; waiting.len()],
            "{set}"
        );
        chronos_state::check(&world.path()).unwrap();
    }
}

#[test]
fn a_job_that_cannot_be_read_is_written_over_and_runs_again() {
    for (case, _) in BAD {
        let mut world = planted(&text(case));
        let job = world.job("a");
        let new = JobSpec { description: "new".into(), tags: tags([("k", "v")]), ..spec("a") };
        let (outcome, effects) = world.run(1500, put(job.job.id, Some(1), new.clone(), Some(2500)));
        assert!(matches!(outcome, Outcome::Job { version: 2, .. }), "{case}: {outcome:?}");
        assert!(effects.contains(&Effect::DueChanged), "{case}");
        assert_eq!(world.job("a").job.spec, Ok(new), "{case}");
        assert!(world.ask(|r| r.version(job.seq, 1)).unwrap().spec.is_err(), "{case}: it stays on record");
        let due = world.due_jobs(9000, 9);
        assert_eq!(due.len(), 2, "{case}");
        let at = world.due("a").unwrap();
        let fire = fire_of(&world.done(2400, plan([run(&world.job("a"), at)])));
        world.done(2600, report(&fire, delivered(1, at)));
        assert_eq!(world.execution(fire.run.execution).status, Status::Success, "{case}");
        chronos_state::check(&world.path()).unwrap();
    }
}

#[test]
fn a_job_that_cannot_be_read_is_deleted_and_its_runs_are_ended() {
    for (case, _) in BAD {
        let mut world = planted(&text(case));
        let effects = world.done(1500, delete(&world.job("a")));
        let run = ExecutionId::scheduled(id_of("a"), 1000);
        assert_eq!(effects, [Effect::Cancel(run)], "{case}");
        assert_eq!(world.execution(run).status, Status::Cancelled, "{case}");
        assert_eq!(world.ask(|r| r.find_job("a")), None, "{case}");
        chronos_state::check(&world.path()).unwrap();
    }
}

#[test]
fn a_trigger_of_a_job_that_cannot_be_read_is_no_fault_of_the_storage() {
    for (case, _) in BAD {
        let mut world = planted(&text(case));
        let job = world.job("a");
        let id = ExecutionId::manual(job.job.id, 1500, [1; 10]);
        let (outcome, effects) = world.run(1500, trigger(&job, id, None));
        match outcome {
            Outcome::Refused { refusal } => {
                assert_eq!((refusal, effects), (Refusal::Unreadable, vec![]), "{case}");
            }
            // Its node finds out, and says why it cannot run it.
            outcome => {
                let Outcome::Execution(answer) = outcome else { panic!("{case}: {outcome:?}") };
                assert_eq!((answer.run.execution, answer.job), (id, job.job.id), "{case}");
                let skipped = Reported::Skipped { reason: "it cannot be read".into() };
                world.done(1600, report(&fire_of(&effects), skipped));
                assert_eq!(world.execution(id).last_error.as_deref(), Some("it cannot be read"), "{case}");
            }
        }
        chronos_state::check(&world.path()).unwrap();
    }
}

/// What a command carries is taken as it is: another release may have found it good.
#[test]
fn a_command_with_a_specification_that_todays_rules_refuse_is_applied() {
    let mut world = World::new();
    let Command::PutJob(mut put) = put(id_of("a"), None, spec("a"), Some(1000)) else { unreachable!() };
    put.spec.concurrency = "sometimes".into();
    let batch = Batch { at: 5, items: vec![Command::PutJob(put).into()] };
    let batch = Batch::decode(&batch.encode().unwrap()).expect("its form is known");
    let outcome = world.batch(&batch).outcomes.remove(0);
    assert!(matches!(outcome, Outcome::Job { version: 1, .. }), "{outcome:?}");
    let why = world.job("a").job.spec.unwrap_err().why;
    assert!(why.contains("sometimes"), "{why}");
}

#[test]
fn why_it_is_refused_shows_no_secret() {
    let secrets = [
        "{FIELDS,\"webhook\":{\"url\":\"http://me:s3cret@h/\"}}",
        "{FIELDS,\"webhook\":{\"url\":\"http://h/\",\"auth\":\"s3cret\"}}",
        "{FIELDS,\"webhook\":{\"url\":\"http://h/\",\"auth\":{\"s3cret\":{}}}}",
        "{FIELDS,\"webhook\":{\"url\":\"ftp://h/\",\"auth\":{\"bearer\":{\"token\":\"s3cret\"}}}}",
        "{FIELDS,\"webhook\":{\"url\":\"http://h/\",\"headers\":[[\"no header\",\"s3cret\"]]}}",
        "{FIELDS,\"timeout_ms\":\"s3cret\"}",
    ];
    for case in secrets {
        let row = planted(&text(case)).job("a");
        let bad = row.job.spec.as_ref().unwrap_err();
        assert!(!bad.why.contains("s3cret"), "{case}: {}", bad.why);
        assert!(!format!("{row:?}").contains("s3cret"), "{case}: {row:?}");
    }
}

#[test]
fn an_execution_of_which_a_part_cannot_be_read_is_shown_without_it() {
    let detail = "{\"error\":\"no route\",\"error_kind\":\"moon\",\"attempts\":[{\"number\":1,\"started_at\":1,\"duration_ms\":2,\"error_kind\":\"sun\"}]}";
    let cases = [
        ("detail = '{\"unknown\":1}'".to_owned(), "what came of it"),
        ("detail = 'no JSON'".to_owned(), "what came of it"),
        (format!("detail = '{detail}'"), "moon"),
        ("status = 99; UPDATE open_runs SET held = 1".to_owned(), "status is on record as 99"),
        ("trigger = 99".to_owned(), "trigger is on record as 99"),
    ];
    for (set, why) in cases {
        let mut world = World::new();
        let (_, first) = world.with_run(spec("a"));
        let (_, second) = world.with_run(spec("b"));
        let (set, rest) = set.split_once(';').unwrap_or((&set, ""));
        let sql = format!("UPDATE executions SET {set} WHERE seq = 1; {rest}");
        let world = world.close_and(|path| plant(path, &sql));
        chronos_state::check(&world.path()).unwrap();
        let rows = world.ask(|r| executions(r, &Default::default(), None, 9)).items;
        let find = |fire: &chronos_state::Fire| {
            rows.iter().find(|row| row.execution.id == fire.run.execution).unwrap()
        };
        let invalid = find(&first).invalid.as_deref().unwrap_or_default();
        assert!(invalid.contains(why), "{set}: {invalid}");
        assert_eq!(find(&second).invalid, None, "{set}");
        assert_eq!(world.job("a").job.spec, Ok(spec("a")), "{set}");
        world.ask(|r| r.open_fires(&node(NODE)));
        world.ask(|r| r.open_of(&node(NODE), None, 9));
    }
}

#[test]
fn commands_go_on_with_an_execution_of_which_a_part_cannot_be_read() {
    for set in ["detail = 'no JSON'", "detail = '{\"unknown\":1}'", "trigger = 99", "status = -1"] {
        for what in [begun(1, 1000), delivered(1, 1000), failed(1, 1000, Some(5000)), failed(1, 1000, None)] {
            let mut world = World::new();
            let (_, fire) = world.with_run(spec("a"));
            let sql = format!("UPDATE executions SET {set}");
            let mut world = world.close_and(|path| plant(path, &sql));
            world.done(900, reassign(&fire, NODE, "n2"));
            world.done(1500, report(&chronos_state::Fire { node: node("n2"), ..fire.clone() }, what.clone()));
            world.done(2500, delete(&world.job("a")));
            assert!(world.execution(fire.run.execution).status.is_finished(), "{set} {what:?}");
            chronos_state::check(&world.path()).unwrap();
        }
        let mut world = World::new();
        let (job, _) = world.with_run(spec("a"));
        let sql = format!("UPDATE executions SET {set}");
        let mut world = world.close_and(|path| plant(path, &sql));
        let off = JobSpec { enabled: false, ..spec("a") };
        world.run(600, put(job.job.id, Some(1), off, None));
        chronos_state::check(&world.path()).unwrap();
    }
}

#[test]
fn an_answer_that_cannot_be_read_is_not_given_and_nothing_is_done_twice() {
    let mut world = World::new();
    let idempotency = Some(Idempotency { key: "k".into(), fingerprint: "f".into() });
    let create = |at, id| {
        let command = put(id_of(id), None, spec("a"), Some(1000));
        Batch { at, items: vec![Proposal { idempotency: idempotency.clone(), ..command.into() }] }
    };
    world.batch(&create(10, "x"));
    let mut world = world.close_and(|path| plant(path, "UPDATE keys SET outcome = '{\"moon\":1}'"));
    chronos_state::check(&world.path()).unwrap();
    let outcome = world.batch(&create(20, "y")).outcomes.remove(0);
    assert_eq!(outcome, Outcome::Refused { refusal: Refusal::Unreadable });
    assert_eq!(world.ask(|r| r.count_jobs()), (1, 0));
}

#[test]
fn a_run_of_a_trigger_that_is_not_known_is_none_of_the_schedule() {
    let mut world = World::new();
    let (_, fire) = world.with_run(spec("a"));
    let world = world.close_and(|path| plant(path, "UPDATE executions SET trigger = 99"));
    let fires = world.ask(|r| r.open_fires(&node(NODE)));
    assert_eq!((fires[0].run.execution, fires[0].run.trigger), (fire.run.execution, Trigger::Manual));
}

/// What is not what was written is damage still.
#[test]
fn a_row_whose_checksum_is_wrong_is_damage_whatever_it_says() {
    let world = planted(&text(BAD[0].0));
    let db = rusqlite::Connection::open(world.path()).unwrap();
    db.execute("UPDATE jobs SET spec = 'another'", []).unwrap();
    let error = chronos_state::check(&world.path()).unwrap_err();
    assert!(matches!(error, StateError::Corrupt(_)), "{error:?}");
}
