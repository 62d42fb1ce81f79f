//! Holds what is on record against what was acknowledged, what was due and what arrived.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chronos_client::api::{Execution, Job};

use super::{AnyNode, Delivery, Seen, Target, Writes, firing};
use crate::{Due, Records, instant};

/// What a process sent before a fault may be read so much later.
const READ_LATE: Duration = Duration::from_secs(1);

/// A fault that explains why a delivery was repeated: one that was made before its end, and made
/// again after its beginning.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// When it began.
    pub from: Instant,
    /// When it was over.
    pub until: Instant,
}

impl Fault {
    /// A process is killed now.
    #[must_use]
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
    /// What the writers were told.
    pub writes: Arc<Writes>,
    /// What explains that deliveries were repeated.
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
    /// The calls of which nobody knows whether they were carried out.
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
    pub async fn when_settled(client: &AnyNode, target: &Target, expected: &Expected) -> Self {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let audit = Self::now(client, target, expected).await;
            if audit.is_clean() || Instant::now() > deadline {
                return audit;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
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

    async fn now(client: &AnyNode, target: &Target, expected: &Expected) -> Self {
        let writes = &expected.writes;
        let mut audit = Self {
            acknowledged: writes.acknowledged,
            unanswered: writes.unanswered.clone(),
            wrong: writes.wrong.clone(),
            ..Self::default()
        };
        // The deliveries first: whatever has arrived by now was on record before.
        let deliveries = target.deliveries();
        let executions = client.all_executions().await;
        audit.records = executions.len();
        let jobs = client.all_jobs().await;
        let jobs: HashMap<&str, &Job> = jobs.iter().map(|job| (job.spec.name.as_str(), job)).collect();
        audit.jobs(&jobs, writes);
        audit.triggers(writes, &executions, &deliveries);
        let mut records = Records::of(executions);
        audit.deliveries(expected, &records, &deliveries);
        audit.instants(&jobs, expected, &mut records, &deliveries);
        audit
    }

    /// Every acknowledged creation, change and deletion still holds.
    fn jobs(&mut self, standing: &HashMap<&str, &Job>, writes: &Writes) {
        for (name, id) in &writes.created {
            match (standing.get(name.as_str()), writes.deleted.get(name)) {
                (Some(job), None) if job.id == *id => {}
                (None, Some(_)) | (Some(_), Some(Seen::Asked)) => {}
                (found, deleted) => {
                    let found = format!("{name}: created as {id}, deleted {deleted:?}, found {found:?}");
                    self.lost_writes.push(found);
                }
            }
        }
        for (name, (asked, acknowledged)) in &writes.changed {
            let description = standing.get(name.as_str()).and_then(|job| job.spec.description.as_deref());
            let found: u64 = description.and_then(|text| text.parse().ok()).unwrap_or_default();
            if found < *acknowledged || found > *asked {
                self.lost_writes
                    .push(format!("{name}: {acknowledged} was acknowledged, {found} stands there"));
            }
        }
    }

    /// Every instant of every firing job has one record, a success, and was delivered.
    fn instants(
        &mut self,
        jobs: &HashMap<&str, &Job>,
        expected: &Expected,
        records: &mut Records,
        deliveries: &HashMap<String, Vec<Delivery>>,
    ) {
        let mut due = Due::default();
        for name in (0..expected.firing).map(firing) {
            let Some(job) = jobs.get(name.as_str()) else {
                self.lost_writes.push(name);
                continue;
            };
            let anchor = instant(&job.created_at);
            let instants = (anchor + 1_000..=expected.until).step_by(1_000);
            records.check(&name, instants, |record| deliveries.contains_key(&record.id), &mut due);
            // What is left of this job lies behind the end, or on no instant of its schedule.
            let astray = records
                .left()
                .filter(|(job, at)| *job == name && (*at <= expected.until || (*at - anchor) % 1_000 != 0));
            self.doubled
                .extend(astray.map(|(job, at)| format!("{job} at {at}, which is none of its instants")));
        }
        let Due { count, succeeded: _, unrecorded, doubled, unsuccessful, undelivered } = due;
        self.instants = count;
        self.unrecorded = unrecorded;
        self.doubled.extend(doubled);
        let bad = unsuccessful.into_iter().chain(undelivered).map(|record| format!("{record:?}"));
        self.undelivered.extend(bad);
    }

    /// Every acknowledged trigger has its record and was delivered, unless its job was deleted.
    fn triggers(
        &mut self,
        writes: &Writes,
        records: &[Execution],
        deliveries: &HashMap<String, Vec<Delivery>>,
    ) {
        let by_id: HashMap<&str, &Execution> =
            records.iter().map(|record| (record.id.as_str(), record)).collect();
        for id in &writes.triggered {
            let Some(record) = by_id.get(id.as_str()) else {
                self.lost_writes.push(format!("the triggered execution {id}"));
                continue;
            };
            let cancelled = writes.deleted.contains_key(&record.job_name) && record.status == "cancelled";
            let delivered = record.status == "success" && deliveries.contains_key(id);
            if !cancelled && !delivered {
                self.undelivered.push(format!("triggered: {record:?}"));
            }
        }
    }

    /// Every delivery has a record, and is repeated only across a fault.
    fn deliveries(
        &mut self,
        expected: &Expected,
        records: &Records,
        deliveries: &HashMap<String, Vec<Delivery>>,
    ) {
        for (id, arrivals) in deliveries {
            self.deliveries += arrivals.len();
            self.redelivered += arrivals.len() - 1;
            if !records.know(id) {
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
