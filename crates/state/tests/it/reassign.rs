//! Executions that are given to another node: the record says whose they are.

use chronos_state::{Effect, Fire, JobSeq, Reported, RunRef};
use chronos_types::{Concurrency, JobSpec, Status};

use crate::support::*;

/// A job with a run of `n1` about which this was said.
fn run_with(before: &[Reported]) -> (World, Fire) {
    let mut world = World::new();
    let (_, fire) = world.with_run(spec("a"));
    for what in before {
        world.done(1500, report(&fire, what.clone()));
    }
    (world, fire)
}

fn by(other: &str, fire: &Fire) -> Fire {
    Fire { node: node(other), ..fire.clone() }
}

#[test]
fn an_open_execution_goes_to_the_other_node_with_the_attempt_that_it_owes() {
    let cases = [
        ("pending", &[][..], 1000, 1, false),
        ("under way", &[begun(1, 1001)], 1000, 1, true),
        ("under way, by a clock that was days ahead", &[begun(1, 900_000_000)], 1000, 1, true),
        ("waiting for a retry", &[failed(1, 1000, Some(9000))], 9000, 2, true),
        ("in a later attempt", &[failed(1, 1000, Some(2000)), begun(2, 2001)], 1000, 2, true),
    ];
    for (say, before, fire_at, attempt, begun) in cases {
        let (mut world, fire) = run_with(before);
        let status = world.execution(fire.run.execution).status;
        let wanted = Fire { fire_at, attempt, begun, ..by("n2", &fire) };
        let effects = world.done(3000, reassign(&fire, NODE, "n2"));
        assert_eq!(effects, [Effect::Fire(wanted.clone())], "{say}");
        assert_eq!(world.ask(|r| r.open_fires(&node("n2"))), [wanted], "{say}");
        assert_eq!(world.ask(|r| r.open_fires(&node(NODE))), [], "{say}");
        let moved = world.execution(fire.run.execution);
        assert_eq!((moved.status, moved.node_id.as_str()), (status, "n2"), "{say}");
    }
}

#[test]
fn what_is_over_or_elsewhere_or_unknown_is_not_moved() {
    let over = [
        delivered(1, 1000),
        failed(1, 1000, None),
        Reported::Skipped { reason: "busy".into() },
        Reported::Replaced { attempt: None },
    ];
    for what in over {
        let (mut world, fire) = run_with(std::slice::from_ref(&what));
        let before = dump(&world.path());
        assert_eq!(world.done(3000, reassign(&fire, NODE, "n2")), [], "{what:?}");
        assert_eq!(dump(&world.path()), before, "{what:?}");
    }
    let (mut world, fire) = run_with(&[]);
    assert_eq!(fires(&world.done(900, reassign(&fire, NODE, "n2"))).len(), 1);
    let before = dump(&world.path());
    let unknown =
        Fire { run: RunRef { execution: chronos_types::ExecutionId::floor(5), ..fire.run }, ..fire.clone() };
    for late in [reassign(&fire, NODE, "n2"), reassign(&fire, NODE, "n3"), reassign(&unknown, NODE, "n2")] {
        assert_eq!(world.done(3000, late), []);
    }
    assert_eq!(dump(&world.path()), before);
}

#[test]
fn what_came_meanwhile_goes_along_where_runs_may_not_overlap() {
    let policies = [
        (Concurrency::Forbid, true),
        (Concurrency::Queue, true),
        (Concurrency::Replace, true),
        (Concurrency::Allow, false),
    ];
    for (concurrency, goes_along) in policies {
        let mut world = World::new();
        let (job, first) = world.with_run(JobSpec { concurrency, ..spec("a") });
        let mut plan_at = |at| fire_of(&world.done(1500, plan([run(&job, at)])));
        let [second, third, fourth] = [2000, 3000, 4000].map(&mut plan_at);
        // One that is over.
        world.done(2100, report(&third, delivered(1, 3000)));
        let moved_at = |world: &mut World, fire| {
            let effects = world.done(2200, moved(fire, NODE, "n2", true));
            fires(&effects).into_iter().map(|fire| (fire.run.execution, fire.node)).collect::<Vec<_>>()
        };
        // An earlier one does not go along with a later one.
        let at_n2 = |fire: &Fire| (fire.run.execution, node("n2"));
        let all = [at_n2(&first), at_n2(&second), at_n2(&fourth)];
        let expected = if goes_along { &all[..] } else { &all[..1] };
        assert_eq!(moved_at(&mut world, &first), expected, "{concurrency:?}");
        let of = |world: &World, fire: &Fire| world.execution(fire.run.execution).node_id;
        assert_eq!(of(&world, &second), node(if goes_along { "n2" } else { NODE }));
        assert_eq!(world.done(2300, reassign(&second, "n2", NODE)).len(), if goes_along { 2 } else { 0 });
        assert_eq!(of(&world, &first), node("n2"), "it is earlier");
    }
}

#[test]
fn runs_that_may_not_overlap_go_where_others_of_their_job_are_already() {
    let policies = [
        (Concurrency::Forbid, true),
        (Concurrency::Queue, true),
        (Concurrency::Replace, true),
        (Concurrency::Allow, false),
    ];
    for (concurrency, goes_beside) in policies {
        let mut world = World::new();
        let (job, first) = world.with_run(JobSpec { concurrency, ..spec("a") });
        let [second, third] = [2000, 3000].map(|at| fire_of(&world.done(1500, plan([run(&job, at)]))));
        // Its node gives the later ones away first, and by then that node is no more known to live.
        world.done(2100, reassign(&second, NODE, "n3"));
        let of = |world: &World, fire: &Fire| world.execution(fire.run.execution).node_id;
        world.done(2200, reassign(&first, NODE, "n2"));
        world.done(2200, reassign(&third, NODE, "n2"));
        let expected = node(if goes_beside { "n3" } else { "n2" });
        assert_eq!([of(&world, &first), of(&world, &third)], [expected.clone(), expected], "{concurrency:?}");
        // That node is gone too: with no other that holds any, they go where they are given.
        for fire in [&first, &second, &third] {
            world.done(2300, reassign(fire, "n3", "n1"));
        }
        let left = usize::from(!goes_beside) * 2;
        assert_eq!(world.ask(|r| r.open_of(&node("n2"), None, 10)).len(), left, "{concurrency:?}");
        assert_eq!(world.ask(|r| r.open_of(&node("n3"), None, 10)).len(), 0, "{concurrency:?}");
    }
}

#[test]
fn no_more_goes_along_than_a_command_may_change() {
    let mut world = World::new();
    let (job, first) = world.with_run(JobSpec { concurrency: Concurrency::Queue, ..spec("a") });
    for at in 2..=700 {
        world.done(1500, plan([run(&job, at * 1000)]));
    }
    let command = reassign(&first, NODE, "n2");
    assert_eq!(command.rows(), 501);
    assert_eq!(fires(&world.done(1600, command)).len(), 501);
    let left = world.ask(|r| r.open_of(&node(NODE), None, 1000));
    assert_eq!(left.len(), 199);
}

#[test]
fn only_a_success_counts_from_the_node_of_before() {
    let words = [
        begun(1, 1000),
        begun(2, 1000),
        failed(1, 1000, Some(2500)),
        failed(1, 1000, None),
        Reported::Skipped { reason: "busy".into() },
        Reported::Replaced { attempt: Some((1, 1000)) },
    ];
    for what in words {
        let (mut world, fire) = run_with(&[]);
        let owed = fire_of(&world.done(1100, reassign(&fire, NODE, "n2")));
        let before = dump(&world.path());
        // It is told whose the execution is, so it does not wait for word of a retry.
        let effects = world.done(1200, report(&fire, what.clone()));
        assert_eq!(effects, [Effect::Fire(owed.clone())], "{what:?}");
        assert_eq!(dump(&world.path()), before, "{what:?}");
        // The attempt of the other node is not taken for one that was reported already.
        let retry = fire_of(&world.done(1300, report(&owed, failed(1, 1200, Some(5000)))));
        assert_eq!(retry, Fire { fire_at: 5000, attempt: 2, begun: true, ..owed }, "{what:?}");
        assert_eq!(world.ask(|r| r.open_fires(&node("n2"))), [retry], "{what:?}");
        assert_eq!(world.ask(|r| r.open_fires(&node(NODE))), [], "{what:?}");
    }
}

#[test]
fn a_success_of_the_node_of_before_ends_the_execution_for_both() {
    let (mut world, fire) = run_with(&[]);
    let owed = fire_of(&world.done(1100, reassign(&fire, NODE, "n2")));
    world.done(1150, report(&owed, begun(1, 1120)));
    assert_eq!(world.done(1200, report(&fire, delivered(1, 1000))), [Effect::Settled(fire.run.execution)]);
    let ended = world.execution(fire.run.execution);
    assert_eq!((ended.status, ended.node_id.as_str()), (Status::Success, NODE));
    let before = dump(&world.path());
    assert_eq!(world.done(1300, report(&owed, delivered(1, 1120))), [Effect::Settled(fire.run.execution)]);
    assert_eq!(dump(&world.path()), before);
}

#[test]
fn a_retry_runs_the_version_that_the_record_names() {
    let mut world = World::new();
    let (job, fire) = world.with_run(spec("a"));
    // Changed while it is fired, by a node whose clock is ahead.
    let changed = JobSpec { description: "new".into(), ..spec("a") };
    let again = fire_of(&world.run(999, put(job.job.id, Some(1), changed, None)).1);
    assert_eq!((again.run.execution, again.run.version), (fire.run.execution, 2));
    let retry = fire_of(&world.done(1100, report(&fire, failed(1, 999, Some(2500)))));
    // An execution goes on as it began.
    assert_eq!((retry.run.version, retry.attempt), (1, 2));
    assert_eq!(world.execution(fire.run.execution).job_version, 1);
    assert_eq!(world.ask(|r| r.open_fires(&node(NODE))), [retry]);
}

#[test]
fn the_cluster_sees_who_holds_what() {
    let mut world = World::new();
    let (a, first) = world.with_run(spec("a"));
    let second = fire_of(&world.done(1500, plan([run(&a, 2000)])));
    let (b, other) = world.with_run(spec("b"));
    let (c, over) = world.with_run(spec("c"));
    world.done(2000, report(&over, delivered(1, 1000)));
    world.done(2000, reassign(&second, NODE, "n2"));
    assert_eq!(world.ask(|r| r.open_nodes()), [(node(NODE), 2), (node("n2"), 1)]);
    let jobs = [a.seq, b.seq, c.seq, JobSeq::new(99)];
    let holders = |beside: Option<&str>| world.ask(|r| r.holders(&jobs, beside.map(node).as_ref()));
    assert_eq!(holders(None), [(a.seq, node(NODE)), (b.seq, node(NODE))].into());
    // Whoever moves what a node holds looks for a place beside the other runs of the job.
    assert_eq!(holders(Some("n2")), [(a.seq, node(NODE)), (b.seq, node(NODE))].into());
    assert_eq!(holders(Some(NODE)), [(a.seq, node("n2"))].into());

    let page = world.ask(|r| r.open_of(&node(NODE), None, 1));
    assert_eq!(
        page.iter().map(|run| (run.execution, run.job)).collect::<Vec<_>>(),
        [(first.run.execution, a.job.id)]
    );
    assert_eq!((page[0].status, page[0].fire_at), (Status::Pending, 1000));
    let page = world.ask(|r| r.open_of(&node(NODE), page.first(), 9));
    assert_eq!(
        page.iter().map(|run| (run.execution, run.job)).collect::<Vec<_>>(),
        [(other.run.execution, b.job.id)]
    );
    assert_eq!(world.ask(|r| r.open_of(&node(NODE), page.first(), 9)), []);
    assert_eq!(world.ask(|r| r.open_of(&node("n3"), None, 9)), []);
}
