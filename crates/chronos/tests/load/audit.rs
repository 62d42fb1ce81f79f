//! Holds what is on record against what was acknowledged, what was due and what arrived.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use serde_json::Value;

use super::writer::Seen;
use super::{Client, Delivery, Receiver, Writes};

/// What a process sent before a fault may be read so much later.
const READ_LATE: Duration = Duration::from_secs(1);

/// A fault that explains why a delivery was repeated: one that was made before its end, and made
/// again after its beginning.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub from: Instant,
    pub until: Instant,
}

impl Fault {
    /// A process is killed now.
    pub fn now() -> Self {
        let now = Instant::now();
        Self { from: now, until: now }
    }
}

/// What must be found.
pub struct Expected {
    /// The jobs `firing-0` and on.
    pub firing: usize,
    /// Instants up to this one are looked at.
    pub until: i64,
    pub writes: Arc<Writes>,
    pub faults: Vec<Fault>,
}

/// What was found. Each list names what is wrong.
#[derive(Debug, Default)]
pub struct Audit {
    instants: usize,
    records: usize,
    deliveries: usize,
    redelivered: usize,
    acknowledged: usize,
    pub unanswered: Vec<String>,
    lost_writes: Vec<String>,
    unrecorded: Vec<String>,
    doubled: Vec<String>,
    undelivered: Vec<String>,
    unknown: Vec<String>,
    needless: Vec<String>,
    wrong: Vec<String>,
}

impl Audit {
    /// Asks again and again until nothing is missing or a minute is over: what a crash left
    /// unfinished needs its time.
    pub async fn when_settled(client: &Client, receiver: &Receiver, expected: &Expected) -> Self {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let audit = Self::now(client, receiver, expected).await;
            if audit.is_clean() || Instant::now() > deadline {
                return audit;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    pub fn is_clean(&self) -> bool {
        self.faults().iter().all(|(_, list)| list.is_empty())
    }

    fn faults(&self) -> [(&'static str, &Vec<String>); 7] {
        [
            ("acknowledged writes lost", &self.lost_writes),
            ("instants without a record", &self.unrecorded),
            ("doubled records", &self.doubled),
            ("instants and triggers not delivered", &self.undelivered),
            ("deliveries without a record", &self.unknown),
            ("deliveries repeated without a fault between", &self.needless),
            ("answers that no client should get", &self.wrong),
        ]
    }

    async fn now(client: &Client, receiver: &Receiver, expected: &Expected) -> Self {
        let writes = &expected.writes;
        let mut audit = Self {
            acknowledged: writes.acknowledged,
            unanswered: writes.unanswered.clone(),
            wrong: writes.wrong.clone(),
            ..Self::default()
        };
        // The deliveries first: whatever has arrived by now was on record before.
        let deliveries = receiver.deliveries();
        let records = client.all("/api/v1/executions", "executions").await;
        audit.records = records.len();
        audit.jobs(client, writes).await;
        audit.instants(client, expected, &records, &deliveries).await;
        audit.triggers(writes, &records, &deliveries);
        audit.deliveries(expected, &records, &deliveries);
        audit
    }

    /// Every acknowledged creation, change and deletion still holds.
    async fn jobs(&mut self, client: &Client, writes: &Writes) {
        let jobs = client.all("/api/v1/jobs", "jobs").await;
        let standing: HashMap<&str, &Value> = jobs.iter().map(|job| (text(job, "name"), job)).collect();
        for (name, id) in &writes.created {
            match (standing.get(name.as_str()), writes.deleted.get(name)) {
                (Some(job), None) if text(job, "id") == id => {}
                (None, Some(_)) | (Some(_), Some(Seen::Asked)) => {}
                (found, deleted) => {
                    self.lost_writes
                        .push(format!("{name}: created as {id}, deleted {deleted:?}, found {found:?}"));
                }
            }
        }
        for (name, (asked, acknowledged)) in &writes.changed {
            let found: u64 = standing
                .get(name.as_str())
                .and_then(|job| text(job, "description").parse().ok())
                .unwrap_or_default();
            if found < *acknowledged || found > *asked {
                self.lost_writes
                    .push(format!("{name}: {acknowledged} was acknowledged, {found} stands there"));
            }
        }
    }

    /// Every instant of every firing job has one record, a success, and was delivered.
    async fn instants(
        &mut self,
        client: &Client,
        expected: &Expected,
        records: &[Value],
        deliveries: &HashMap<String, Vec<Delivery>>,
    ) {
        let names: Vec<String> = (0..expected.firing).map(|n| format!("firing-{n}")).collect();
        let mut by_time: HashMap<(&str, i64), Vec<&Value>> = HashMap::new();
        for record in records {
            let time = instant(text(record, "scheduled_time"));
            by_time.entry((text(record, "job_name"), time)).or_default().push(record);
        }
        for name in &names {
            let Ok((StatusCode::OK, job)) = client.get(&format!("/api/v1/jobs/{name}")).await else {
                self.lost_writes.push(name.clone());
                continue;
            };
            let anchor = instant(text(&job, "created_at"));
            for time in (anchor + 1_000..=expected.until).step_by(1_000) {
                self.instants += 1;
                match by_time.remove(&(name.as_str(), time)).unwrap_or_default().as_slice() {
                    [] => self.unrecorded.push(format!("{name} at {time}")),
                    [record] => {
                        let id = text(record, "id");
                        if text(record, "status") != "success" || !deliveries.contains_key(id) {
                            self.undelivered.push(format!("{name} at {time}: {record}"));
                        }
                    }
                    more => self.doubled.push(format!("{name} at {time}: {} records", more.len())),
                }
            }
            // What is left of this job lies behind the end, or on no instant of its schedule.
            let astray = by_time.keys().filter(|(job, time)| {
                *job == name && (*time <= expected.until || (*time - anchor) % 1_000 != 0)
            });
            self.doubled
                .extend(astray.map(|(job, time)| format!("{job} at {time}, which is none of its instants")));
        }
    }

    /// Every acknowledged trigger has its record and was delivered, unless its job was deleted.
    fn triggers(&mut self, writes: &Writes, records: &[Value], deliveries: &HashMap<String, Vec<Delivery>>) {
        let by_id: HashMap<&str, &Value> =
            records.iter().map(|record| (text(record, "id"), record)).collect();
        for id in &writes.triggered {
            match by_id.get(id.as_str()) {
                None => self.lost_writes.push(format!("the triggered execution {id}")),
                Some(record) => {
                    let cancelled = writes.deleted.contains_key(text(record, "job_name"))
                        && text(record, "status") == "cancelled";
                    let delivered = text(record, "status") == "success" && deliveries.contains_key(id);
                    if !cancelled && !delivered {
                        self.undelivered.push(format!("triggered: {record}"));
                    }
                }
            }
        }
    }

    /// Every delivery has a record, and is repeated only across a fault.
    fn deliveries(
        &mut self,
        expected: &Expected,
        records: &[Value],
        deliveries: &HashMap<String, Vec<Delivery>>,
    ) {
        let known: HashSet<&str> = records.iter().map(|record| text(record, "id")).collect();
        for (id, arrivals) in deliveries {
            self.deliveries += arrivals.len();
            self.redelivered += arrivals.len() - 1;
            if !known.contains(id.as_str()) {
                self.unknown.push(id.clone());
            }
            for pair in arrivals.windows(2) {
                let explains =
                    |fault: &Fault| pair[0].at <= fault.until + READ_LATE && fault.from <= pair[1].at;
                if !expected.faults.iter().any(explains) {
                    self.needless.push(format!("{id}: {arrivals:?}"));
                }
            }
        }
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} instants due, {} records", self.instants, self.records)?;
        writeln!(f, "{} deliveries, {} of them repeated after a fault", self.deliveries, self.redelivered)?;
        writeln!(
            f,
            "{} writes acknowledged, {} calls without an answer",
            self.acknowledged,
            self.unanswered.len()
        )?;
        for (what, list) in self.faults() {
            writeln!(f, "{} {what}", list.len())?;
            for one in list.iter().take(5) {
                writeln!(f, "    {one}")?;
            }
        }
        Ok(())
    }
}

/// A field that must be there.
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name:?} is missing in {value}"))
}

/// RFC 3339 as milliseconds since the Unix epoch.
pub fn instant(text: &str) -> i64 {
    let timestamp: jiff::Timestamp = text.parse().expect("an instant");
    timestamp.as_millisecond()
}
