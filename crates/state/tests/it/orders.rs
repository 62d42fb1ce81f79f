//! Lists of jobs in every order and with every filter, against a naive judge, while jobs change between the pages.

use std::collections::{BTreeMap, BTreeSet};

use chronos_state::{
    ExecutionFilter, Fire, JobFilter, JobKey, JobList, JobOrder, JobPlace, JobRow, PageLimits, PlanStep,
    Reported, Total,
};
use chronos_types::{JobSpec, Millis, Response, Status, Waited};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::support::*;

/// The instant at which lists are read: some runs that are planned lie before it, and some behind it.
const NOW: Millis = 20_000;
/// Enough for any list here.
const ALL: PageLimits = PageLimits { rows: 10_000, examined_rows: 10_000, examined_bytes: u64::MAX };
const ORDERS: [JobOrder; 7] = [
    JobOrder::Created,
    JobOrder::Name,
    JobOrder::NextRun,
    JobOrder::LastRun,
    JobOrder::Failures,
    JobOrder::Duration,
    JobOrder::PausedAt,
];

/// Something that happens to a job.
#[derive(Clone, Copy, Debug)]
struct Event {
    job: usize,
    what: u8,
    /// How far it goes.
    by: i64,
}

fn event() -> impl Strategy<Value = Event> {
    (0..12usize, 0..11u8, 1..9i64).prop_map(|(job, what, by)| Event { job, what, by })
}

fn name(job: usize, version: i64) -> String {
    // In no order of creation.
    format!("{}-{version}", ["m", "C", "z", "a", "k", "b", "x", "d", "w", "e", "v", "f"][job % 12])
}

/// The jobs of a world, each with its executions that are under way.
struct Jobs {
    world: World,
    jobs: Vec<Option<(JobRow, Vec<Fire>)>>,
    versions: i64,
}

impl Jobs {
    fn new() -> Self {
        let mut world = World::new();
        world.raise();
        let mut all = Self { world, jobs: Vec::new(), versions: 0 };
        for job in 0..8 {
            all.create(job);
        }
        all
    }

    fn spec(&mut self, job: usize, enabled: bool) -> JobSpec {
        self.versions += 1;
        let labels = tags([("parity", if job.is_multiple_of(2) { "even" } else { "odd" }), ("all", "")]);
        JobSpec { enabled, tags: labels, description: "x".repeat(job), ..spec(&name(job, self.versions)) }
    }

    fn create(&mut self, job: usize) {
        let spec = self.spec(job, true);
        let row = self.world.create_as(spec);
        self.jobs.resize(self.jobs.len().max(job + 1), None);
        self.jobs[job] = Some((row, Vec::new()));
    }

    fn happens(&mut self, event: Event) {
        let Event { job, what, by } = event;
        let Some((row, mut fires)) = self.jobs.get(job).cloned().flatten() else { return self.create(job) };
        match what {
            0 => {
                self.world.done(NOW, delete(&row));
                self.jobs[job] = None;
                return;
            }
            1 | 2 => {
                let enabled = what == 1;
                let spec = self.spec(job, enabled);
                let due = enabled.then_some(1_000 * by);
                self.world.run(NOW, put(row.job.id, Some(row.job.version), spec, due));
            }
            10 => {
                let command = match row.paused {
                    Some(_) => resume(&row, Some(1_000 * by)),
                    None => pause(&row, None, None),
                };
                self.world.run(NOW + by, command);
            }
            3..=5 => {
                if let Some(due) = row.job.next_due {
                    let step = PlanStep { next_due: Some(due + 3_000 * by), ..run(&row, due) };
                    fires.extend(crate::support::fires(&self.world.done(due - 500, plan([step]))));
                }
            }
            _ => {
                if let Some(fire) = fires.pop() {
                    let at = fire.run.scheduled_time + by;
                    let reported = match what {
                        6 => begun(1, at),
                        7 => failed(1, at, None),
                        // The index follows what jobs took to within a bucket: these are an octave apart.
                        _ => took(at, 10 << by),
                    };
                    self.world.done(at + 100, report(&fire, reported));
                    if what == 6 {
                        fires.insert(0, fire);
                    }
                }
            }
        }
        let row = self.world.ask(|r| r.find_job(&row.job.id.to_string())).expect("it is there");
        self.jobs[job] = Some((row, fires));
    }

    /// What a job is ordered by, and whether it is meant.
    fn judge(&self, list: &JobList, row: &JobRow) -> (Option<JobKey>, bool) {
        let stats = row.stats.as_deref().cloned().unwrap_or_default();
        let spec = row.job.spec.as_ref().expect("a good job");
        let number = |number: Option<i64>| number.map(JobKey::Number);
        let key = match list.order {
            JobOrder::Created => None,
            JobOrder::Name => Some(JobKey::Text(spec.name.to_string())),
            JobOrder::NextRun => number(row.next_run(NOW)),
            JobOrder::LastRun => number(row.last_run.map(|(_, at)| at)),
            JobOrder::Failures => {
                number(Some(stats.failures_in_row.cast_signed()).filter(|count| *count > 0))
            }
            JobOrder::PausedAt => number(row.paused.as_ref().map(|pause| pause.at)),
            JobOrder::Duration => number(stats.duration_p50.map(u64::cast_signed)),
        };
        let filter = ExecutionFilter { job: Some(row.seq), ..ExecutionFilter::default() };
        let executions = self.world.ask(|r| executions(r, &filter, None, 10_000)).items;
        let is = |status| executions.iter().any(|row| row.execution.status == status);
        let is_late = row.pending.iter().any(|run| run.fire_at < NOW - 5_000)
            || row.job.next_due.is_some_and(|due| due < NOW - 5_000);
        let JobFilter {
            enabled,
            tags,
            not_tags,
            set,
            status,
            failing,
            late,
            running,
            never_ran,
            texts: _,
            scope,
        } = &list.filter;
        let carries = |(key, value): &(String, String)| spec.tags.as_map().get(key) == Some(value);
        let fits = enabled.is_none_or(|enabled| enabled == spec.enabled)
            && tags.iter().all(carries)
            && scope.sees(spec.tags.as_map())
            && !not_tags.iter().any(carries)
            && set.as_ref().is_none_or(|set| row.set.as_ref().is_some_and(|own| own.as_str() == set))
            && status.is_none_or(|status| row.last_run.is_some_and(|(last, _)| last == status))
            && failing.is_none_or(|failing| failing == (stats.failures_in_row > 0))
            && late.is_none_or(|late| late == is_late)
            && running.is_none_or(|running| running == is(Status::Running))
            && never_ran.is_none_or(|never| never == row.last_run.is_none());
        (key, fits)
    }

    /// All jobs that are there.
    fn all(&self) -> Vec<JobRow> {
        self.world.ask(|r| Page::of(|take| r.jobs(&JobList::default(), None, None, ALL, take))).items
    }

    /// All jobs of a list as the judge has them, in their order, with what they are ordered by.
    fn judged(&self, list: &JobList) -> Vec<JobPlace> {
        let judged = self.all().into_iter().filter_map(|row| {
            let (key, fits) = self.judge(list, &row);
            fits.then_some(JobPlace { key, seq: row.seq })
        });
        let mut places: Vec<_> = judged.collect();
        let is_reversed = list.is_reversed;
        places.sort_by(|a, b| match (&a.key, &b.key) {
            (Some(a_key), Some(b_key)) => {
                let order = a_key.cmp(b_key).then(a.seq.cmp(&b.seq));
                if is_reversed { order.reverse() } else { order }
            }
            (None, None) if list.order == JobOrder::Created && is_reversed => b.seq.cmp(&a.seq),
            (a_key, b_key) => a_key.is_none().cmp(&b_key.is_none()).then(a.seq.cmp(&b.seq)),
        });
        places
    }
}

/// A success.
fn took(started_at: Millis, duration_ms: u64) -> Reported {
    let response = Response { status_code: 200, ..Response::default() };
    let (failure, retry_at, phases, waited, host) = (None, None, None, Waited::default(), None);
    Reported::Ended { attempt: 1, started_at, duration_ms, response, failure, retry_at, phases, waited, host }
}

fn tag(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

fn filters() -> Vec<JobFilter> {
    let none = JobFilter::default;
    let mut filters = vec![
        none(),
        JobFilter { tags: vec![tag("parity", "odd")], ..none() },
        JobFilter { scope: scope("parity", &["odd", "nobody"]), ..none() },
        JobFilter { scope: scope("parity", &["odd", "even"]), enabled: Some(true), ..none() },
        JobFilter { not_tags: vec![tag("parity", "odd")], ..none() },
        JobFilter { tags: vec![tag("all", "")], failing: Some(false), late: Some(true), ..none() },
    ];
    for status in [Status::Running, Status::Retrying, Status::Success, Status::Failed, Status::Cancelled] {
        filters.push(JobFilter { status: Some(status), ..none() });
    }
    for is in [Some(true), Some(false)] {
        filters.push(JobFilter { enabled: is, ..none() });
        filters.push(JobFilter { failing: is, ..none() });
        filters.push(JobFilter { late: is, ..none() });
        filters.push(JobFilter { running: is, ..none() });
        filters.push(JobFilter { never_ran: is, ..none() });
    }
    filters
}

fn lists() -> Vec<JobList> {
    let of = |filter: JobFilter| {
        ORDERS.into_iter().flat_map(move |order| {
            let filter = filter.clone();
            [false, true].map(move |is_reversed| JobList {
                filter: filter.clone(),
                order,
                is_reversed,
                now: NOW,
            })
        })
    };
    filters().into_iter().flat_map(of).collect()
}

#[test]
fn every_list_has_the_jobs_that_are_meant_in_its_order() {
    let mut runner = TestRunner::new(ProptestConfig { cases: 24, ..ProptestConfig::default() });
    let judged = runner.run(&prop::collection::vec(event(), 0..120), |events| {
        let mut jobs = Jobs::new();
        for event in events {
            jobs.happens(event);
        }
        for list in lists() {
            let wanted: Vec<_> = jobs.judged(&list).into_iter().map(|place| place.seq).collect();
            let found = jobs.world.ask(|r| Page::of(|take| r.jobs(&list, None, None, ALL, take))).items;
            let found: Vec<_> = found.into_iter().map(|row| row.seq).collect();
            prop_assert_eq!(&found, &wanted, "{:?}", list);
            let mut beside = Vec::new();
            let (_, total) = jobs.world.ask(|r| {
                r.counted_jobs(&list, None, None, None, ALL, |row| {
                    beside.push(row.seq);
                    true
                })
            });
            prop_assert_eq!(&beside, &wanted, "{:?}", list);
            prop_assert_eq!(total, Total { count: wanted.len() as u64, exact: true }, "{:?}", list);
        }
        Ok(())
    });
    judged.unwrap();
}

#[test]
fn a_job_whose_place_stays_is_seen_once_whatever_changes_between_the_pages() {
    let mut runner = TestRunner::new(ProptestConfig { cases: 200, ..ProptestConfig::default() });
    let events = || prop::collection::vec(event(), 0..60);
    let lists = lists();
    let walked = runner.run(&(events(), events(), 0..lists.len(), 1..4usize, 1..5usize), |tuple| {
        let (before, meanwhile, list, rows, examined_rows) = tuple;
        let (mut jobs, list) = (Jobs::new(), &lists[list]);
        for event in before {
            jobs.happens(event);
        }
        let limits = PageLimits { rows, examined_rows, ..ALL };
        // What each job was ordered by, and whether it was meant, each time that a page was read.
        let mut known = BTreeMap::<_, BTreeSet<_>>::new();
        let (mut seen, mut after, mut pages) = (Vec::new(), None::<JobPlace>, 0);
        let mut events = meanwhile.into_iter();
        loop {
            let judged: BTreeMap<_, _> =
                jobs.all().into_iter().map(|row| (row.seq, jobs.judge(list, &row))).collect();
            let next = jobs.world.ask(|r| {
                r.jobs(list, None, after.as_ref(), limits, |row| {
                    seen.push((row.seq, judged[&row.seq].clone()));
                    true
                })
            });
            for (seq, judged) in judged {
                known.entry(seq).or_default().insert((pages, judged));
            }
            pages += 1;
            let Some(next) = next else { break };
            prop_assert!(after.as_ref() != Some(&next), "a page that goes nowhere");
            after = Some(next);
            for event in events.by_ref().take(2) {
                jobs.happens(event);
            }
        }
        let different: BTreeSet<_> = seen.iter().collect();
        prop_assert_eq!(different.len(), seen.len(), "none twice at one place: {:?}", seen);
        prop_assert!(seen.iter().all(|(_, (_, fits))| *fits), "none that is not meant");
        for (seq, judged) in known {
            let places: BTreeSet<_> = judged.iter().map(|(_, judged)| judged).collect();
            let is_constant = judged.len() == pages && places.len() == 1;
            let times = seen.iter().filter(|(found, _)| *found == seq).count();
            if is_constant {
                let fits = places.first().is_some_and(|(_, fits)| *fits);
                prop_assert_eq!(times, usize::from(fits), "{:?} of {:?}", seq, list);
            }
        }
        Ok(())
    });
    walked.unwrap();
}
