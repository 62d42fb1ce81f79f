//! How lists of executions are gone along, and what that costs: in steps of SQLite, which are the same on every machine.

use chronos_types::Millis;

use super::*;
use crate::reader::cost::{self, Cost};
use crate::reader::sample::{self, NOW};

/// Steps of a page that finds its rows near each other. At most 28,195 are taken.
const NEAR: i64 = 40_000;
/// Steps of a page that finds its rows near each other once it has looked through what was caught up on. At most 70,377 are
/// taken.
const THROUGH: i64 = 100_000;
/// Steps of a page that looks at all rows that it may look at, or that collects and sorts as many as it may. At most
/// 339,884 are taken, where none of a day was begun in time.
const FAR: i64 = 450_000;
/// Steps of a count that looks at all executions that there are. At most 1,631,092 are taken, by the same list.
const COUNTED: i64 = 2_100_000;

fn tag(key: &str, value: &str) -> Vec<(String, String)> {
    vec![(key.to_owned(), value.to_owned())]
}

/// Every filter, with whether a page finds its rows near each other.
fn filters() -> Vec<(ExecutionFilter, bool)> {
    let none = ExecutionFilter::default;
    let of = |status| ExecutionFilter { status: Some(status), ..none() };
    let kind = |kind| ExecutionFilter { error_kind: Some(kind), ..none() };
    let by = |trigger| ExecutionFilter { trigger: Some(trigger), ..none() };
    let node = Some(NodeName::unchecked("n1"));
    let host = Some("host-3".to_owned());
    vec![
        (none(), true),
        (ExecutionFilter { job: Some(JobSeq::new(50)), ..none() }, true),
        (ExecutionFilter { job: Some(JobSeq::new(50)), ..of(Status::Failed) }, true),
        (of(Status::Success), true),
        (of(Status::Failed), true),
        (of(Status::Cancelled), true),
        (of(Status::Running), false),
        (of(Status::Retrying), false),
        (kind(ErrorKind::Timeout), true),
        (kind(ErrorKind::Tls), true),
        (kind(ErrorKind::Overlap), true),
        (by(Trigger::Schedule), true),
        (by(Trigger::Manual), true),
        (by(Trigger::CatchUp), true),
        (by(Trigger::Replay), true),
        (ExecutionFilter { node: node.clone(), ..none() }, true),
        (ExecutionFilter { node: node.clone(), ..of(Status::Failed) }, true),
        (ExecutionFilter { node, error_kind: Some(ErrorKind::Timeout), ..none() }, true),
        (ExecutionFilter { host: host.clone(), ..of(Status::Failed) }, true),
        (ExecutionFilter { host, ..kind(ErrorKind::Timeout) }, true),
        (ExecutionFilter { tags: tag("half", "yes"), ..none() }, true),
        (ExecutionFilter { tags: tag("team", "7"), ..none() }, false),
        (ExecutionFilter { tags: tag("team", "nobody"), ..none() }, true),
        (ExecutionFilter { late: Some(true), ..none() }, false),
        (ExecutionFilter { late: Some(false), ..none() }, false),
    ]
}

/// Every list, with the steps that a page of it may take.
fn lists() -> impl Iterator<Item = (ExecutionList, i64)> {
    let day: Millis = 24 * 3_600_000;
    filters().into_iter().flat_map(move |(filter, is_near)| {
        [false, true].into_iter().flat_map(move |is_ascending| {
            let filter = filter.clone();
            let (day, half) = (Some(NOW - day), Some(sample::HALF));
            // What was caught up on in the last of these times is of the time before it, and is looked through.
            [(None, None, NEAR), (day, None, NEAR), (day, Some(NOW), NEAR), (half, None, THROUGH)].map(
                move |(from, to, near)| {
                    let filter = ExecutionFilter { from, to, ..filter.clone() };
                    (ExecutionList { filter, is_ascending }, if is_near { near } else { FAR })
                },
            )
        })
    })
}

#[test]
fn each_list_costs_a_bounded_number_of_steps() {
    let (_directory, reader) = sample::reader();
    for (list, most) in lists() {
        cost::take();
        let mut found = 0;
        let next = reader.executions(&list, None, None, PageLimits::of(50), |_| {
            found += 1;
            true
        });
        let next = next.expect("a page");
        let Cost { steps, sorts } = cost::take();
        assert!(steps <= most, "{list:?}: {steps} steps for {found} rows, next {next:?}");
        let ExecutionFilter { status, tags, .. } = &list.filter;
        // Those that are open, and those of few jobs.
        let sorts_few = matches!(status, Some(Status::Running | Status::Retrying))
            || tags.first().is_some_and(|(key, _)| key == "team");
        // Each of the two parts that a list may have.
        let is_sorted = sorts > 0;
        assert!(sorts <= 2 && (is_sorted == sorts_few || found == 0), "{list:?}: sorted {sorts} times");
        reader.count_executions(&list, None).expect("a count");
        let Cost { steps, .. } = cost::take();
        assert!(steps <= COUNTED, "{list:?}: {steps} steps to count");
    }
}

#[test]
fn only_lists_of_few_are_sorted_by_sqlite_and_none_scans_a_table() {
    let (_directory, reader) = sample::reader();
    let after = ExecutionId::floor(NOW);
    let ways = |filter: &ExecutionFilter| {
        let narrow = [Way::Job, Way::Open, Way::Host, Way::Kind, Way::Node, Way::Jobs(vec![1, 2]), Way::All];
        narrow.into_iter().chain([wide_way(filter, true), wide_way(filter, false)])
    };
    for (list, _) in lists() {
        let plans = ways(&list.filter).flat_map(|way| {
            [Part::InTime, Part::CaughtUp].into_iter().flat_map(move |part| {
                let way = way.clone();
                [false, true].map(|by_call| (Plan { way: way.clone(), by_call, keeps: true }, part))
            })
        });
        for (plan, part) in plans {
            let sorts = matches!(plan.way, Way::Open | Way::Jobs(_));
            let (sql, values) = statements::along(&list, &plan, part, Some(after));
            let steps = sample::plan(&reader, &sql, values);
            let is_sorted = steps.iter().any(|step| step.contains("TEMP B-TREE"));
            assert_eq!(is_sorted, sorts, "{plan:?}: {sql}");
            for step in steps {
                // Of the open ones there are few, and all are looked at.
                let is_plain = step.starts_with("SCAN") && !step.contains("INDEX");
                assert!(!is_plain, "{step}: {sql}");
            }
        }
    }
}
