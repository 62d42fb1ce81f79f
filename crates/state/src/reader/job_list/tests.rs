//! How lists of jobs are gone along, and what that costs: in steps of SQLite, which are the same on every machine.

use super::*;
use crate::reader::cost::{self, Cost};
use crate::reader::sample;

const ORDERS: [JobOrder; 7] = [
    JobOrder::Created,
    JobOrder::Name,
    JobOrder::NextRun,
    JobOrder::LastRun,
    JobOrder::Failures,
    JobOrder::Duration,
    JobOrder::PausedAt,
];

/// Steps of a page that finds its rows near each other. At most 16,288 are taken.
const NEAR: i64 = 22_000;
/// Steps of a page that looks at all rows that it may look at, and collects and sorts as many as it may. At most 107,630
/// are taken: those of the jobs whose last run failed, in the order of the name.
const FAR: i64 = 140_000;
/// Steps of a count that looks at all jobs that there are. At most 500,030 are taken, by those that lack a tag.
const COUNTED: i64 = 650_000;

fn tag(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

/// Every filter, with whether a page finds its rows near each other in every order.
fn filters() -> Vec<(JobFilter, bool)> {
    let none = JobFilter::default;
    let yes = Some(true);
    vec![
        (none(), true),
        (JobFilter { enabled: yes, ..none() }, true),
        (JobFilter { enabled: Some(false), ..none() }, false),
        (JobFilter { tags: vec![tag("half", "yes")], ..none() }, true),
        (JobFilter { tags: vec![tag("team", "7")], ..none() }, false),
        (JobFilter { tags: vec![tag("team", "7"), tag("half", "yes")], ..none() }, false),
        (JobFilter { tags: vec![tag("team", "nobody")], ..none() }, false),
        (JobFilter { not_tags: vec![tag("half", "yes")], ..none() }, true),
        (JobFilter { set: Some("set-3".to_owned()), ..none() }, false),
        (JobFilter { set: Some("half".to_owned()), ..none() }, true),
        (JobFilter { status: Some(Status::Failed), ..none() }, false),
        (JobFilter { status: Some(Status::Running), ..none() }, false),
        (JobFilter { failing: yes, ..none() }, false),
        (JobFilter { failing: Some(false), ..none() }, false),
        (JobFilter { late: yes, ..none() }, false),
        (JobFilter { late: Some(false), ..none() }, true),
        (JobFilter { running: yes, ..none() }, false),
        (JobFilter { running: Some(false), ..none() }, true),
        (JobFilter { never_ran: yes, ..none() }, false),
        (JobFilter { failing: yes, tags: vec![tag("half", "yes")], enabled: yes, ..none() }, false),
    ]
}

/// Every list of every filter in every order.
fn lists() -> impl Iterator<Item = (JobList, bool)> {
    filters().into_iter().flat_map(|(filter, is_near)| {
        ORDERS.into_iter().flat_map(move |order| {
            let filter = filter.clone();
            [false, true].map(move |is_reversed| {
                let filter = filter.clone();
                (JobList { filter, order, is_reversed, now: sample::NOW }, is_near)
            })
        })
    })
}

#[test]
fn each_list_in_each_order_costs_a_bounded_number_of_steps() {
    let (_directory, reader) = sample::reader();
    for (list, is_near) in lists() {
        cost::take();
        let mut found = 0;
        let next = reader.jobs(&list, None, None, PageLimits::of(50), |_| {
            found += 1;
            true
        });
        let next = next.expect("a page");
        let Cost { steps, sorts } = cost::take();
        // Lists of all jobs in these orders begin with few.
        let is_near = is_near && !matches!(list.order, JobOrder::Failures | JobOrder::PausedAt);
        let most = if is_near { NEAR } else { FAR };
        assert!(steps <= most, "{list:?}: {steps} steps for {found} rows, next {next:?}");
        assert_eq!(sorts, 0, "{list:?}: SQLite sorts nothing");
        assert!(!is_near || found == 50, "{list:?}: {found} rows");
        reader.count_listed(&list, None).expect("a count");
        let Cost { steps, .. } = cost::take();
        assert!(steps <= COUNTED, "{list:?}: {steps} steps to count");
    }
}

#[test]
fn a_page_of_few_jobs_is_counted_without_collecting_them_again() {
    let (_directory, reader) = sample::reader();
    let filter = JobFilter { failing: Some(true), tags: vec![tag("half", "yes")], ..JobFilter::default() };
    for order in ORDERS {
        let list = JobList { filter: filter.clone(), order, is_reversed: false, now: sample::NOW };
        cost::take();
        reader.jobs(&list, None, None, PageLimits::of(50), |_| true).expect("a page");
        let alone = cost::take().steps;
        let counted = reader.counted_jobs(&list, None, None, None, PageLimits::of(50), |_| true);
        let Cost { steps, .. } = cost::take();
        let (_, total) = counted.expect("a page and its count");
        assert_eq!(total, Total { count: sample::JOBS.unsigned_abs() / 100, exact: true }, "{list:?}");
        assert!(steps <= alone, "{list:?}: {steps} steps, {alone} for the page alone");
    }
}

/// A statement that sorts looks at every row before it gives the first, however few the page asks for.
#[test]
fn no_list_of_jobs_is_sorted_by_sqlite_and_few_statements_scan() {
    let (_directory, reader) = sample::reader();
    // The order of creation is that of the table, so its first page goes along that.
    let scans = ["SCAN j", "SCAN c VIRTUAL TABLE INDEX 1:"];
    let after = JobPlace { key: None, seq: JobSeq::new(7) };
    for (list, _) in lists() {
        let keyed = JobPlace {
            key: Some(if list.order == JobOrder::Name {
                JobKey::Text("job".to_owned())
            } else {
                JobKey::Number(7)
            }),
            ..after.clone()
        };
        let mut statements =
            vec![orders::ordered(&list, None), orders::ordered(&list, Some(&keyed)), orders::one(&list)];
        statements.extend(orders::rest(&list, Some(&after)));
        statements.extend(reader.sources(&list).expect("the sources"));
        for (sql, values) in statements {
            for step in sample::plan(&reader, &sql, values) {
                assert!(!step.contains("TEMP B-TREE"), "{step}: {sql}");
                // An index that is scanned is that of the order, or of the few that a source finds.
                let is_plain = step.starts_with("SCAN") && !step.contains("INDEX");
                assert!(!is_plain || scans.contains(&step.as_str()), "{step}: {sql}");
            }
        }
    }
}

/// What is kept of a job beside its row is forgotten with it. To ask the row costs as much as all else together.
#[test]
fn lists_along_what_is_kept_of_jobs_do_not_ask_whether_these_are_there() {
    let (_directory, reader) = sample::reader();
    let beside = |list: &JobList| !matches!(list.order, JobOrder::Created | JobOrder::Name);
    for (list, _) in lists().filter(|(list, _)| list.filter.enabled.is_none() && beside(list)) {
        let (sql, values) = orders::ordered(&list, None);
        for step in sample::plan(&reader, &sql, values) {
            assert!(!step.starts_with("SEARCH j "), "{step}: {sql}");
        }
    }
}

/// Where the pages go along an index and where they collect and sort, they give the same.
#[test]
fn pages_of_any_length_give_each_job_once_and_in_order() {
    let (_directory, reader) = sample::reader();
    let all = PageLimits { rows: usize::MAX, examined_rows: usize::MAX, examined_bytes: u64::MAX };
    let both_ways = |filter: &JobFilter| {
        filter.failing.is_some() || filter.late.is_some() || filter.enabled == Some(false)
    };
    for (list, _) in lists().filter(|(list, _)| both_ways(&list.filter)) {
        let mut whole = Vec::new();
        let end = reader.along_jobs(&list, None, None, all, |found| {
            whole.push(found.place.clone());
            Ok(true)
        });
        assert_eq!(end.expect("the list"), None);
        assert!(whole.is_sorted_by(|a, b| list.is_behind(b, a)), "{list:?}");
        let (mut seen, mut after) = (Vec::new(), None::<JobPlace>);
        loop {
            let page = reader.along_jobs(&list, None, after.as_ref(), PageLimits::of(499), |found| {
                seen.push(found.place.clone());
                Ok(true)
            });
            after = page.expect("a page");
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), whole.len(), "{list:?}");
        assert!(seen == whole, "{list:?}");
        let few: Vec<_> = (1..=sample::JOBS).collect();
        let planned = reader.planned(&list).expect("the planned");
        let mut collected = reader.collected(&list, &few, &planned).expect("all, collected");
        collected.sort_unstable_by(|a, b| list.compare(a, b));
        assert!(collected == whole, "{list:?}: {} and {}", collected.len(), whole.len());
    }
}

/// Else the first pages are empty, and a client asks again and again for what is at hand.
#[test]
fn disabled_jobs_by_their_next_run_begin_with_the_first_of_them() {
    let (_directory, reader) = sample::reader();
    let filter = JobFilter { enabled: Some(false), ..JobFilter::default() };
    let list = JobList { filter, order: JobOrder::NextRun, now: sample::NOW, ..JobList::default() };
    let (limits, mut count) = (PageLimits { examined_rows: 50, ..PageLimits::of(50) }, 0);
    let page = reader.along_order(&list, None, &Planned::default(), None, limits, |_| {
        count += 1;
        Ok(true)
    });
    assert!(page.expect("a page").is_some());
    assert_eq!(count, 50);
}

#[test]
fn what_is_counted_past_ten_thousand_is_said_to_be_more() {
    let (_directory, reader) = sample::reader();
    let count = |filter: JobFilter| {
        let list = JobList { filter, now: sample::NOW, ..JobList::default() };
        reader.count_listed(&list, None).expect("a count")
    };
    assert_eq!(count(JobFilter::default()), Total { count: 10_000, exact: false });
    // Few of very many, which no index finds.
    let failed = JobFilter { status: Some(Status::Failed), ..JobFilter::default() };
    assert_eq!(count(failed), Total { count: sample::JOBS.unsigned_abs() / 100, exact: true });
    let limits = PageLimits::of_count();
    assert_eq!((limits.rows, limits.examined_rows), (10_000, 100_000));
}
