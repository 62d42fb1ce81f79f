//! The jobs: a mix as a company with many teams has it. Job number `n` follows from its number alone.

use std::collections::BTreeMap;

use chronos_schedule::{Schedule, Zone};
use chronos_types::{Concurrency, DurationMs, JobSpec, Millis, Tags, TargetUrl, Template};

use super::draw::Draw;
use crate::Result;
use crate::bench::jobs::Job;

/// Nothing of the mix falls due for so long: the mix calls hosts that are not there, and what fires while the
/// answers are measured is counted.
pub const QUIET_MS: Millis = 3 * HOUR_MS;
const HOUR_MS: Millis = 3_600_000;
/// Hosts that jobs call, a few of them far more than the others.
const HOSTS: usize = 2_000;
/// Jobs that are next to each other and of the same set. One in four such groups is of any.
pub const OF_SET: usize = 500;
/// Of a thousand jobs.
const DISABLED: usize = 40;
const PAUSED: usize = 20;
const NEVER_RAN: usize = 250;
const BROKEN: usize = 15;
/// One host in this many answers nothing but errors since three days ago.
const BROKEN_HOST: usize = 60;

const TEAMS: [&str; 12] = [
    "billing",
    "payments",
    "search",
    "growth",
    "risk",
    "logistics",
    "identity",
    "reporting",
    "support",
    "platform",
    "partners",
    "data",
];
const VERBS: [(&str, &str); 10] = [
    ("sync", "Synchronizes"),
    ("export", "Exports"),
    ("refresh", "Refreshes"),
    ("clean-up", "Cleans up"),
    ("send", "Sends"),
    ("recompute", "Recomputes"),
    ("archive", "Archives"),
    ("verify", "Verifies"),
    ("import", "Imports"),
    ("rotate", "Rotates"),
];
const OBJECTS: [&str; 16] = [
    "invoices",
    "ledgers",
    "orders",
    "sessions",
    "reports",
    "exchange-rates",
    "tickets",
    "subscriptions",
    "shipments",
    "profiles",
    "indexes",
    "reminders",
    "refunds",
    "audit-trails",
    "price-lists",
    "thumbnails",
];
/// What some descriptions end with, in other scripts too.
const REMARKS: [&str; 6] = [
    "Nur für Kundenrechnungen der Straße 17 zuständig.",
    "顧客レポートは月曜日に確認してください。",
    "Владелец: группа расчётов.",
    "Page the owner only after three failures.",
    "Runs after the warehouse load; see the runbook before a replay.",
    "Replaces the cron entry on the old batch host.",
];
const ZONES: [&str; 8] = [
    "UTC",
    "UTC",
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Tokyo",
    "Asia/Kolkata",
    "Australia/Sydney",
];
const TIERS: [&str; 3] = ["gold", "silver", "bronze"];
/// How many customers have jobs of their own.
pub const CUSTOMERS: usize = 400;
/// The tag that half of the jobs have.
const COMMON: (&str, &str) = ("env", "production");

/// A job, and what becomes of it.
pub struct Mixed {
    /// What its owner asks for.
    pub spec: JobSpec,
    /// When it falls due first, from now on; never where it is disabled.
    pub due: Option<Millis>,
    /// The number of its host.
    pub host: usize,
    /// Whether it is paused.
    pub paused: bool,
    /// Whether its newest runs failed, through a fault of its own.
    pub broken: bool,
    /// Whether it has had any run.
    pub ran: bool,
}

/// Makes job number `n` of so many, `now`.
pub fn job(n: usize, now: Millis) -> Result<Mixed> {
    let mut draw = Draw::of(1, n);
    let team = draw.one(&TEAMS);
    let (verb, does) = draw.one(&VERBS);
    let object = draw.one(&OBJECTS);
    let host = draw.skewed(HOSTS);
    let timezone = draw.one(&ZONES);
    let enabled = !draw.permille(DISABLED);
    let paused = enabled && draw.permille(PAUSED);
    let zone = Zone::parse(timezone)?;
    let times = times(&mut draw, &zone, now)?;
    let words = object.replace('-', " ");
    let description = match draw.below(5) {
        0 => String::new(),
        1 => format!("{does} {words}."),
        _ => {
            let tenant = draw.below(900) + 100;
            let remark = draw.one(&REMARKS);
            format!("{does} {words} of the {team} team for tenant {tenant} and tells the dashboard. {remark}")
        }
    };
    let mut tags = BTreeMap::from([("team".to_owned(), team.to_owned())]);
    let common = if n.is_multiple_of(2) { COMMON.1 } else { draw.one(&["staging", "test"]) };
    tags.insert(COMMON.0.to_owned(), common.to_owned());
    if draw.permille(600) {
        tags.insert("tier".to_owned(), draw.one(&TIERS).to_owned());
    }
    if draw.permille(300) {
        tags.insert("customer".to_owned(), customer(draw.below(CUSTOMERS)));
    }
    let plain = Job::named(format!("{team}-{verb}-{object}-{n:06}"), &times.schedule);
    let mut spec = plain.to_spec(([127, 0, 0, 1], 9).into())?;
    spec.start_at = times.start_at;
    spec.description = description;
    spec.timezone = timezone.to_owned();
    spec.webhook.url = TargetUrl::parse(&format!(
        "https://{}/v{}/{object}/{verb}?tenant={}",
        self::host(host),
        draw.below(3) + 1,
        draw.below(900) + 100
    ))?;
    let batch = draw.one(&[100, 250, 500]);
    let body = format!(
        r#"{{"action": "{verb}", "object": "{object}", "batch": {batch}, "run": "{{{{.ExecutionID}}}}"}}"#
    );
    spec.webhook.body = Some(Template::parse(&body)?);
    spec.timeout = draw.permille(200).then(|| DurationMs::from_secs(10));
    spec.concurrency = if draw.permille(200) { Concurrency::Allow } else { Concurrency::Forbid };
    spec.tags = Tags::parse(tags).map_err(|wrong| format!("{wrong:?}"))?;
    spec.enabled = enabled;
    Ok(Mixed {
        due: times.due.filter(|_| enabled),
        host,
        paused,
        broken: draw.permille(BROKEN),
        ran: !draw.permille(NEVER_RAN),
        spec,
    })
}

/// The set that owns a job, where one does: sets were written as a whole.
pub fn set(n: usize) -> Option<String> {
    let block = n / OF_SET;
    block.is_multiple_of(4).then(|| format!("{}-jobs", TEAMS[block / 4 % TEAMS.len()]))
}

/// The name of a host. Some of them have many jobs.
pub fn host(n: usize) -> String {
    let team = TEAMS[n % TEAMS.len()];
    match n % 3 {
        0 => format!("api-{n}.{team}.example.com"),
        1 => format!("hooks-{n}.example.net"),
        _ => format!("{team}-{n}.internal.example.org"),
    }
}

/// Whether a host answers nothing but errors since three days ago.
pub fn is_broken(host: usize) -> bool {
    host % BROKEN_HOST == 7
}

/// The name of a customer.
pub fn customer(n: usize) -> String {
    format!("acme-{n:03}")
}

/// When a job runs.
struct Times {
    schedule: String,
    start_at: Option<Millis>,
    due: Option<Millis>,
}

/// A schedule as people write them, and its next instant, which is not near.
fn times(draw: &mut Draw, zone: &Zone, now: Millis) -> Result<Times> {
    for _ in 0..100 {
        let any = draw.below(60);
        let (minute, hour) = (draw.one(&[0, 0, 5, 15, 30, 45, any]), draw.below(24));
        let mut start_at = None;
        let schedule = match draw.below(20) {
            0..8 => format!("{minute} {hour} * * *"),
            8..11 => format!("{minute} {hour} * * MON-FRI"),
            11..13 => format!("{minute} {hour} * * {}", draw.one(&["MON", "WED", "SUN"])),
            13 => format!("{minute} {hour} 1 * *"),
            14..16 => format!("*/{} {hour} * * *", draw.one(&[5, 10, 15])),
            16 => format!("{minute} {}-{} * * MON-FRI", hour / 2, hour / 2 + 8),
            17 => format!("{} {minute} {hour} * * *", draw.below(60)),
            18 => {
                // It counts from an hour of the week before the month.
                let hours = i64::try_from(draw.below(168)).unwrap_or_default();
                start_at = Some((now / HOUR_MS - 31 * 24 - hours) * HOUR_MS);
                "@every 168h".to_owned()
            }
            _ => format!("{minute} {hour},{} * * *", (hour + 12) % 24),
        };
        let due = Schedule::parse(&schedule)?.next_after(zone, start_at.unwrap_or(now), now);
        if due.is_none_or(|due| due > now + QUIET_MS) {
            return Ok(Times { schedule, start_at, due });
        }
    }
    Err("no schedule was drawn that leaves the server in peace".into())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const NOW: Millis = 1_800_000_000_000;

    #[test]
    fn the_mix_has_all_that_is_asked_for() {
        let jobs: Vec<_> = (0..4_000).map(|n| job(n, NOW).unwrap()).collect();
        let count = |what: fn(&Mixed) -> bool| jobs.iter().filter(|job| what(job)).count();
        let names: HashSet<_> = jobs.iter().map(|job| job.spec.name.as_str()).collect();
        let hosts: HashSet<_> = jobs.iter().map(|job| job.host).collect();
        let zones: HashSet<_> = jobs.iter().map(|job| &job.spec.timezone).collect();
        let schedules: HashSet<_> = jobs.iter().map(|job| &job.spec.schedule).collect();
        assert_eq!(names.len(), 4_000);
        assert!(hosts.len() > 300, "{}", hosts.len());
        assert_eq!(zones.len(), 6);
        assert!(schedules.len() > 500, "{}", schedules.len());
        let common = |job: &Mixed| job.spec.tags.as_map()[COMMON.0] == COMMON.1;
        assert_eq!(jobs.iter().filter(|job| common(job)).count(), 2_000);
        for (few, count) in [
            (DISABLED, count(|job| !job.spec.enabled)),
            (PAUSED, count(|job| job.paused)),
            (BROKEN, count(|job| job.broken)),
            (NEVER_RAN, count(|job| !job.ran)),
        ] {
            assert!((few * 3..few * 5).contains(&count), "{count} of 4,000, and not {few} of 1,000");
        }
    }

    #[test]
    fn nothing_is_due_soon_and_the_same_number_is_the_same_job() {
        for n in 0..500 {
            let (one, same) = (job(n, NOW).unwrap(), job(n, NOW).unwrap());
            assert_eq!(one.spec, same.spec);
            assert!(one.due.is_none_or(|due| due > NOW + QUIET_MS));
            assert_eq!(one.due.is_none(), !one.spec.enabled);
        }
    }
}
