//! The disturbances: what each is made of.

use std::net::{Ipv4Addr, SocketAddr};

use chronos_types::{MAX_BODY_BYTES, Millis, MissedRuns};
use clap::ValueEnum;

use super::super::generator::Kind;
use super::super::jobs::{Job, turning};

/// What goes on while the healthy webhooks are fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Disturbance {
    /// Nothing.
    Undisturbed,
    /// Name servers are silent: 1,000 jobs call 3 hosts.
    Names,
    /// 2,000 targets hang.
    Hang,
    /// One target answers a byte a second.
    Drip,
    /// 50 clients search and list.
    Search,
    /// 4,000 minutely jobs catch up on two hours.
    CatchUp,
    /// Backups are taken.
    Backup,
    /// Retention works off a million records.
    Retention,
    /// 1,000 jobs with bodies of 256 KiB fire over 10 s, again and again.
    Bodies,
    /// 64 clients write such jobs.
    Writes,
    /// Nobody reads standard error, at level debug.
    Stderr,
}

/// What a disturbance does to the machine. It decides what is allowed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Burden {
    /// There is none.
    None,
    /// It waits.
    Waits,
    /// It burns CPU or disk.
    Burns,
}

/// How a disturbance is made.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its name in the table.
    pub name: &'static str,
    /// What it does to the machine.
    pub burden: Burden,
    /// What is beside the server.
    pub generator: Kind,
    /// The jobs that are loaded beside the healthy ones.
    pub jobs: fn(&Place) -> Vec<Job>,
    /// Environment variables of the server.
    pub settings: &'static [(&'static str, &'static str)],
    /// Whether the server begins with the large state.
    pub large: bool,
}

/// What jobs are made for.
pub struct Place {
    /// Where the generator listens; where nobody does if it does not.
    pub target: SocketAddr,
    /// About when the healthy jobs begin.
    pub start: Millis,
    /// For how long they fire.
    pub seconds: usize,
}

/// The hosts that silent name servers are asked for. The domain is reserved (RFC 2606).
const HOSTS: usize = 3;
/// The period of jobs whose targets do not answer, and the time that their attempts have.
const PERIOD_SECONDS: usize = 10;
const TIMEOUT_MS: u64 = 10_000;
/// Minutely jobs, and how far they are behind.
const BEHIND: usize = 4_000;
const BEHIND_MS: Millis = 2 * 3_600_000;

impl Disturbance {
    /// All of them, the undisturbed first.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::value_variants().iter().copied()
    }

    /// Whether nothing is disturbed.
    pub fn is_none(self) -> bool {
        self == Self::Undisturbed
    }

    /// How it is made.
    pub fn case(self) -> Case {
        let case = |name, burden, generator| Case {
            name,
            burden,
            generator,
            jobs: |_| Vec::new(),
            settings: &[],
            large: false,
        };
        use Burden::{Burns, Waits};
        match self {
            Self::Undisturbed => case("undisturbed", Burden::None, Kind::Idle),
            Self::Names => Case { jobs: nameless, ..case("names", Waits, Kind::Names) },
            Self::Hang => Case { jobs: hanging, ..case("hang", Waits, Kind::Hang) },
            Self::Drip => Case { jobs: dripping, ..case("drip", Waits, Kind::Drip) },
            Self::Search => Case { large: true, ..case("search", Burns, Kind::Search) },
            Self::CatchUp => Case { jobs: behind, ..case("catch-up", Burns, Kind::Answer) },
            Self::Backup => Case { large: true, ..case("backup", Burns, Kind::Backup) },
            Self::Retention => Case {
                large: true,
                // The records of the large state are three to four hours old.
                settings: &[("CHRONOS_HISTORY__MAX_AGE", "1h"), ("CHRONOS_HISTORY__MIN_PER_JOB", "0")],
                ..case("retention", Burns, Kind::Idle)
            },
            Self::Bodies => Case { jobs: large_bodies, ..case("bodies", Burns, Kind::Answer) },
            Self::Writes => case("writes", Burns, Kind::Write),
            Self::Stderr => Case {
                jobs: failing,
                settings: &[("CHRONOS_LOGGING__LEVEL", "debug")],
                ..case("stderr", Waits, Kind::Idle)
            },
        }
    }
}

impl Case {
    /// Whether nobody reads the server's standard error.
    pub fn unread_stderr(&self) -> bool {
        self.name == "stderr"
    }

    /// Whether retention is to have forgotten records.
    pub fn forgets(&self) -> bool {
        self.name == "retention"
    }
}

/// Jobs that go on past the end, each once in a period.
fn around(place: &Place, count: usize, url: impl Fn(usize) -> String) -> Vec<Job> {
    let jobs = turning(count, PERIOD_SECONDS, place.start, place.seconds + PERIOD_SECONDS);
    let dress = |(n, job): (usize, Job)| Job {
        name: format!("disturbing-{n}"),
        url: Some(url(n)),
        timeout_ms: Some(TIMEOUT_MS),
        ..job
    };
    jobs.into_iter().enumerate().map(dress).collect()
}

fn nameless(place: &Place) -> Vec<Job> {
    around(place, 1_000, |n| format!("http://silent-{}.example.com/", n % HOSTS))
}

fn hanging(place: &Place) -> Vec<Job> {
    // An address of loopback each: 127.1.0.1 to 127.1.7.250.
    let address = |n: usize| {
        let (high, low) =
            (u8::try_from(n / 250).unwrap_or(u8::MAX), u8::try_from(n % 250).unwrap_or(u8::MAX));
        Ipv4Addr::new(127, 1, high, low + 1)
    };
    around(place, 2_000, |n| format!("http://{}:{}/", address(n), place.target.port()))
}

fn dripping(place: &Place) -> Vec<Job> {
    around(place, 1_000, |_| format!("http://{}/", place.target))
}

fn behind(place: &Place) -> Vec<Job> {
    let job = |n: usize| {
        // Minutely, and spread over the minute, so that the backlog and not a burst is what disturbs.
        let second = i64::try_from(n % 60).unwrap_or_default();
        let minute = (place.start - BEHIND_MS) / 60_000;
        Job {
            url: Some(format!("http://{}/", place.target)),
            missed_runs: MissedRuns::ExecuteAll,
            due: Some(minute * 60_000 + second * 1_000),
            ..Job::named(format!("disturbing-{n}"), &format!("{second} * * * * *"))
        }
    };
    (0..BEHIND).map(job).collect()
}

fn large_bodies(place: &Place) -> Vec<Job> {
    let body: std::sync::Arc<str> = "x".repeat(MAX_BODY_BYTES).into();
    let jobs = around(place, 1_000, |_| format!("http://{}/", place.target));
    jobs.into_iter().map(|job| Job { body: body.clone(), ..job }).collect()
}

/// Jobs that are refused each time: each attempt is worth a line.
fn failing(place: &Place) -> Vec<Job> {
    around(place, 500, |_| format!("http://{}/", place.target))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn jobs(disturbance: Disturbance) -> Vec<Job> {
        let place = Place { target: ([127, 0, 0, 1], 4_242).into(), start: 1_800_000_000_000, seconds: 60 };
        (disturbance.case().jobs)(&place)
    }

    fn distinct<'a>(jobs: &'a [Job], of: impl Fn(&'a Job) -> &'a str) -> usize {
        jobs.iter().map(of).collect::<HashSet<_>>().len()
    }

    #[test]
    fn there_are_as_many_targets_as_promised() {
        let check = |disturbance, count, targets| {
            let jobs = jobs(disturbance);
            assert_eq!(
                (distinct(&jobs, |job| &job.name), distinct(&jobs, |job| job.url.as_deref().unwrap())),
                (count, targets)
            );
            for job in &jobs {
                job.to_spec(([127, 0, 0, 1], 9).into()).unwrap();
            }
        };
        check(Disturbance::Names, 1_000, 3);
        check(Disturbance::Hang, 2_000, 2_000);
        check(Disturbance::Drip, 1_000, 1);
        check(Disturbance::CatchUp, 4_000, 1);
        check(Disturbance::Bodies, 1_000, 1);
    }

    #[test]
    fn minutely_jobs_are_two_hours_behind() {
        for job in jobs(Disturbance::CatchUp) {
            let due = job.first_due(1_800_000_000_000).unwrap().unwrap();
            let behind = 1_800_000_000_000 - due;
            assert!((BEHIND_MS - 60_000..=BEHIND_MS + 60_000).contains(&behind), "{behind}");
            // It is an instant of the schedule, and the next one is a minute later.
            let next = Job { due: None, ..job }.first_due(due - 1).unwrap();
            assert_eq!(next, Some(due));
        }
    }

    #[test]
    fn every_disturbance_has_the_name_by_which_it_is_chosen() {
        for disturbance in Disturbance::all() {
            let value = disturbance.to_possible_value().unwrap();
            assert_eq!(value.get_name(), disturbance.case().name);
        }
    }
}
