//! Lists of executions with every filter, of every time and either way round, against a naive judge, while more come on
//! record between the pages.

use std::collections::{BTreeMap, BTreeSet};

use chronos_state::{
    Command, ExecutionFilter, ExecutionList, ExecutionRow, Fire, JobSeq, PageLimits, PlanStep, Reported,
    Total, Trim,
};
use chronos_types::{ErrorKind, ExecutionId, JobSpec, Millis, Status, Trigger};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::support::*;

/// Enough for any list here.
const ALL: PageLimits = PageLimits { rows: 10_000, examined_rows: 10_000, examined_bytes: u64::MAX };
const JOBS: [&str; 3] = ["a", "b", "c"];
/// Two instants in the midst of what happens.
const TIMES: [Millis; 2] = [30_000, 80_000];

/// Something that happens, some time after what happened before.
#[derive(Clone, Copy, Debug)]
struct Event {
    job: usize,
    what: u8,
    by: i64,
}

fn event() -> impl Strategy<Value = Event> {
    (0..JOBS.len(), 0..15u8, 1..9i64).prop_map(|(job, what, by)| Event { job, what, by })
}

/// Executions of some jobs.
struct Runs {
    world: World,
    now: Millis,
    /// Those that are under way.
    fires: Vec<Fire>,
    /// When those came on record that were caught up on.
    caught_up: BTreeMap<ExecutionId, Millis>,
    asked_for: u8,
}

impl Runs {
    fn new() -> Self {
        let mut world = World::new();
        world.raise();
        for name in JOBS {
            world.create_as(JobSpec { tags: tags([("name", name), ("all", "")]), ..spec(name) });
        }
        Self { world, now: 1_000, fires: Vec::new(), caught_up: BTreeMap::new(), asked_for: 0 }
    }

    fn happens(&mut self, Event { job, what, by }: Event) {
        self.now += 500 * by;
        let row = self.world.job(JOBS[job]);
        match what {
            0..=4 => {
                let due = row.job.next_due.expect("it is enabled");
                let is_behind = due + 4_000 < self.now;
                if !is_behind {
                    self.now = self.now.max(due - 1_500);
                }
                let next_due = Some(due.max(self.now) + 1_000 * by);
                let step = match (is_behind, what) {
                    (false, _) => run(&row, due),
                    (true, 0) => {
                        let missed = Some(missed(row.job.id, due, due + 1_000, 1_000));
                        PlanStep { from: due, missed, ..run(&row, due + 2_000) }
                    }
                    (true, _) => run(&row, due),
                };
                let step = PlanStep { next_due, ..step };
                let trigger = if is_behind { Trigger::CatchUp } else { Trigger::Schedule };
                self.does(plan([with(step, |run| run.trigger = trigger)]));
            }
            5 => {
                self.asked_for += 1;
                let id = ExecutionId::manual(row.job.id, self.now, [self.asked_for; 10]);
                self.does(trigger(&row, id, None));
            }
            6 => {
                let of_job = self.all().into_iter().filter(|found| found.job_seq == row.seq);
                let runs: Vec<_> = of_job.filter(|found| found.execution.missed.is_none()).collect();
                let Some(original) = runs.get(usize::try_from(by).unwrap() % runs.len().max(1)) else {
                    return;
                };
                self.asked_for += 1;
                let id = ExecutionId::manual(row.job.id, self.now, [self.asked_for; 10]);
                self.does(trigger(&row, id, Some(original.execution.id)));
            }
            7 => {
                let executions = self.world.aged(1 << 39, 1);
                let trim = Trim { executions, versions: vec![], jobs: vec![], keys_before: 0 };
                self.does(Command::Trim(trim));
            }
            _ if self.fires.is_empty() => {}
            _ => {
                let fire = self.fires.remove(usize::try_from(by).unwrap() % self.fires.len());
                let began = self.now.max(fire.run.scheduled_time) + 300 * by;
                self.now = began + 100;
                match what {
                    8 => self.does(cancel(fire.run.execution)),
                    9 => {
                        self.does(report(&fire, begun(1, began)));
                        self.fires.push(fire);
                    }
                    10 => self.does(report(&fire, calling(failed(1, began, None), "h"))),
                    11 => self.does(report(&fire, failed(1, began, Some(began + 50_000)))),
                    12 => self
                        .does(report(&fire, Reported::Skipped { reason: "another one is under way".into() })),
                    _ => self.does(report(&fire, delivered(1, began))),
                }
            }
        }
    }

    fn does(&mut self, command: Command) {
        let (_, effects) = self.world.run(self.now, command);
        self.fires.extend(fires(&effects));
        for row in self.all() {
            if row.execution.trigger == Trigger::CatchUp || row.execution.missed.is_some() {
                self.caught_up.entry(row.execution.id).or_insert(self.now);
            }
        }
    }

    /// All executions, the newest first.
    fn all(&self) -> Vec<ExecutionRow> {
        self.world.ask(|r| executions(r, &ExecutionFilter::default(), None, 10_000)).items
    }

    fn fits(&self, filter: &ExecutionFilter, row: &ExecutionRow) -> bool {
        let ExecutionFilter {
            job,
            status,
            error_kind,
            trigger,
            node,
            host,
            texts: _,
            tags,
            late,
            from,
            to,
            scope,
        } = filter;
        let (found, spec) = (&row.execution, row.spec.as_ref().expect("a good version"));
        let is_not_before = |at: Millis| match self.caught_up.get(&found.id) {
            Some(on_record) => *on_record >= at,
            None => found.id >= ExecutionId::floor(at),
        };
        let is_undelivered = found.status.is_finished() && found.status != Status::Success;
        let carries = |(key, value): &(String, String)| spec.tags.as_map().get(key) == Some(value);
        job.is_none_or(|job| job == row.job_seq)
            && status.is_none_or(|status| status == found.status)
            && error_kind.is_none_or(|kind| is_undelivered && found.error_kind == Some(kind))
            && trigger.is_none_or(|trigger| trigger == found.trigger)
            && node.as_ref().is_none_or(|node| *node == found.node_id)
            && host.as_ref().is_none_or(|host| host == "h")
            && tags.iter().all(carries)
            && scope.sees(spec.tags.as_map())
            && late.is_none_or(|late| late == found.lateness_ms.is_some_and(|lateness| lateness > 1_000))
            && from.is_none_or(is_not_before)
            && to.is_none_or(|to| !is_not_before(to))
    }

    /// The executions of a list as the judge has them.
    fn judged(&self, list: &ExecutionList) -> Vec<ExecutionId> {
        let all = self.all().into_iter().filter(|row| self.fits(&list.filter, row));
        let mut ids: Vec<_> = all.map(|row| row.execution.id).collect();
        if list.is_ascending {
            ids.reverse();
        }
        ids
    }
}

fn filters() -> Vec<ExecutionFilter> {
    let none = ExecutionFilter::default;
    let of = |status| ExecutionFilter { status: Some(status), ..none() };
    let tag =
        |key: &str, value: &str| ExecutionFilter { tags: vec![(key.to_owned(), value.to_owned())], ..none() };
    let a = Some(JobSeq::new(1));
    let (here, host) = (Some(node(NODE)), Some("h".to_owned()));
    let mut filters = vec![
        none(),
        ExecutionFilter { job: a, ..none() },
        ExecutionFilter { job: a, late: Some(true), ..of(Status::Success) },
        ExecutionFilter { node: here.clone(), ..none() },
        ExecutionFilter { node: here, ..of(Status::Failed) },
        ExecutionFilter { node: Some(node("nobody")), ..of(Status::Failed) },
        ExecutionFilter { host: host.clone(), ..of(Status::Failed) },
        ExecutionFilter { host, error_kind: Some(ErrorKind::Status), ..none() },
        ExecutionFilter { host: Some("other".to_owned()), ..of(Status::Failed) },
        tag("all", ""),
        tag("name", "b"),
        tag("name", "nobody"),
        ExecutionFilter { trigger: Some(Trigger::CatchUp), ..of(Status::Success) },
        ExecutionFilter { trigger: Some(Trigger::Manual), ..tag("name", "a") },
    ];
    let kinds = [ErrorKind::Status, ErrorKind::Timeout, ErrorKind::Cancelled, ErrorKind::Overlap];
    filters.extend(Status::ALL.iter().map(|status| of(*status)));
    filters.extend(Trigger::ALL.iter().map(|trigger| ExecutionFilter { trigger: Some(*trigger), ..none() }));
    filters.extend(kinds.map(|kind| ExecutionFilter { error_kind: Some(kind), ..none() }));
    filters.push(ExecutionFilter { scope: scope("name", &["a", "nobody"]), ..none() });
    filters.push(ExecutionFilter {
        scope: scope("name", &["a", "b"]),
        status: Some(Status::Failed),
        ..none()
    });
    filters.extend([true, false].map(|late| ExecutionFilter { late: Some(late), ..none() }));
    filters
}

fn lists() -> Vec<ExecutionList> {
    let [early, late] = TIMES.map(Some);
    let times = [(None, None), (early, None), (None, early), (early, late), (late, None)];
    let mut lists = Vec::new();
    for filter in filters() {
        for (from, to) in times {
            for is_ascending in [false, true] {
                let filter = ExecutionFilter { from, to, ..filter.clone() };
                lists.push(ExecutionList { filter, is_ascending });
            }
        }
    }
    lists
}

#[test]
fn every_list_has_the_executions_that_are_meant_in_its_order() {
    let mut runner = TestRunner::new(ProptestConfig { cases: 16, ..ProptestConfig::default() });
    let judged = runner.run(&prop::collection::vec(event(), 0..120), |events| {
        let mut runs = Runs::new();
        for event in events {
            runs.happens(event);
        }
        for list in lists() {
            let wanted = runs.judged(&list);
            let page = runs.world.ask(|r| Page::of(|take| r.executions(&list, None, None, ALL, take)));
            let found: Vec<_> = page.items.into_iter().map(|row| row.execution.id).collect();
            prop_assert_eq!(&found, &wanted, "{:?}", list);
            let total = runs.world.ask(|r| r.count_executions(&list, None));
            prop_assert_eq!(total, Total { count: wanted.len() as u64, exact: true }, "{:?}", list);
        }
        Ok(())
    });
    judged.unwrap();
}

#[test]
fn an_execution_that_is_meant_all_the_time_is_seen_once_whatever_changes_between_the_pages() {
    let mut runner = TestRunner::new(ProptestConfig { cases: 200, ..ProptestConfig::default() });
    let events = || prop::collection::vec(event(), 0..60);
    let lists = lists();
    let walked = runner.run(&(events(), events(), 0..lists.len(), 1..4usize, 1..5usize), |tuple| {
        let (before, meanwhile, list, rows, examined_rows) = tuple;
        let (mut runs, list) = (Runs::new(), &lists[list]);
        for event in before {
            runs.happens(event);
        }
        let limits = PageLimits { rows, examined_rows, ..ALL };
        // On how many pages each execution was there, and on how many it was meant.
        let mut known = BTreeMap::<ExecutionId, (usize, usize)>::new();
        let (mut seen, mut after, mut pages) = (Vec::new(), None, 0);
        let mut events = meanwhile.into_iter();
        loop {
            let meant: BTreeSet<_> = runs.judged(list).into_iter().collect();
            for row in runs.all() {
                let (there, fits) = known.entry(row.execution.id).or_default();
                *there += 1;
                *fits += usize::from(meant.contains(&row.execution.id));
            }
            let next = runs.world.ask(|r| {
                r.executions(list, None, after, limits, |row| {
                    seen.push((row.execution.id, meant.contains(&row.execution.id)));
                    true
                })
            });
            pages += 1;
            let Some(next) = next else { break };
            prop_assert!(after != Some(next), "a page that goes nowhere");
            after = Some(next);
            for event in events.by_ref().take(2) {
                runs.happens(event);
            }
        }
        prop_assert!(seen.iter().all(|(_, fits)| *fits), "none that is not meant");
        let ids: Vec<_> = seen.iter().map(|(id, _)| *id).collect();
        let is_sorted = ids.is_sorted_by(|a, b| if list.is_ascending { a < b } else { a > b });
        prop_assert!(is_sorted, "in order, and none twice: {:?}", ids);
        for (id, (there, fits)) in known {
            if there == pages && (fits == 0 || fits == pages) {
                let times = ids.iter().filter(|seen| **seen == id).count();
                prop_assert_eq!(times, usize::from(fits > 0), "{:?} of {:?}", id, list);
            }
        }
        Ok(())
    });
    walked.unwrap();
}

/// The hours after an outage: what was caught up on stands where it was missed, and is of the time in which that was.
#[test]
fn what_is_caught_up_on_is_of_the_time_in_which_it_came_on_record() {
    const HOUR: Millis = 3_600_000;
    let mut world = World::new();
    world.raise();
    let job = world.create("a");
    let missed = Some(missed(job.job.id, HOUR, 2 * HOUR, 1_000));
    let late = with(run(&job, 3 * HOUR), |run| run.trigger = Trigger::CatchUp);
    let step = PlanStep { from: 1_000, next_due: Some(9 * HOUR), missed, ..late };
    world.done(8 * HOUR, plan([step]));
    world.done(9 * HOUR - 500, plan([run(&world.job("a"), 9 * HOUR)]));
    let hours = |from: i64, to: i64, is_ascending| {
        let (from, to) = (Some(from * HOUR), Some(to * HOUR));
        let filter = ExecutionFilter { from, to, ..ExecutionFilter::default() };
        let list = ExecutionList { filter, is_ascending };
        let page = world.ask(|r| Page::of(|take| r.executions(&list, None, None, ALL, take)));
        page.items.iter().map(|row| row.execution.scheduled_time / HOUR).collect::<Vec<_>>()
    };
    assert_eq!(hours(7, 10, false), [9, 3, 2]);
    assert_eq!(hours(7, 10, true), [2, 3, 9]);
    assert_eq!(hours(8, 9, false), [3, 2], "from the instant on, and not up to it");
    for (from, to) in [(1, 4), (2, 8), (0, 1)] {
        assert_eq!(hours(from, to, false), [0; 0], "nothing came on record from {from} to {to}");
    }
    assert_eq!(hours(0, 9, false), [3, 2]);
    assert_eq!(hours(9, 10, false), [9]);
    // What is forgotten is found by nothing more.
    world.run(9 * HOUR, cancel(ExecutionId::scheduled(job.job.id, 3 * HOUR)));
    let executions = world.aged(1 << 39, 10);
    assert_eq!(executions.len(), 2);
    world.done(10 * HOUR, Command::Trim(Trim { executions, versions: vec![], jobs: vec![], keys_before: 0 }));
    let sql = "SELECT count(*) FROM caught_up";
    assert_eq!(look(&world.path()).query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}
