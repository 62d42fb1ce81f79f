//! One round: a fresh server, the healthy jobs, and a disturbance.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use chronos_types::Millis;
use rusqlite::{Connection, OpenFlags};

use super::super::audit::{Audit, audit_only};
use super::super::fire::instants;
use super::super::generator::{Generator, Kind, NAME_SERVERS};
use super::super::jobs::steady;
use super::super::load::Loader;
use super::super::proc::resident_mib;
use super::super::server::{Server, Surroundings, free_addresses};
use super::super::sink::Sink;
use super::super::{data_directory, mounts, now_ms, sleep_until_ms};
use super::RATE;
use super::cases::{Case, Place};
use super::template::Template;
use super::verdict::{NEVER_US, late};
use crate::Result;

/// From the loading of the healthy jobs to their first instant. The server starts in some 200 ms, and is to be left
/// a second and a half for planning ahead.
const LEAD_MS: i64 = 2_500;
/// What must be left of it when the server is ready.
const LEAST_LEFT_MS: i64 = 500;
/// How long a server may take to be ready.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// How long the last runs may take to arrive, and to be on record.
const ARRIVES_WITHIN: Duration = Duration::from_secs(3);
const RECORDED_WITHIN: Duration = Duration::from_secs(10);
/// How long reading the records may take.
const READ_WITHIN: Duration = Duration::from_secs(30);
/// Where nobody listens.
const NOBODY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9);

/// A round to be run.
pub struct Round<'a> {
    /// The disturbance.
    pub case: Case,
    /// The large state, where any round needs it.
    pub template: Option<&'a Template>,
    /// What the healthy jobs call.
    pub sink: &'a Sink,
    /// For how long they fire.
    pub seconds: usize,
}

/// How a round ended.
#[derive(Clone, Debug)]
pub enum Ended {
    /// It was measured.
    Measured(Figures),
    /// The machine cannot do what it takes.
    NotRun(String),
    /// It could not be measured.
    Failed(String),
}

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// How late the healthy were, but for one in a hundred.
    pub p99_us: i64,
    /// Instants that did not arrive.
    pub lost: u64,
    /// Instants that are not on record as one success, in words; none where there are none.
    pub unrecorded: Option<String>,
    /// The most memory that the server had, in MiB.
    pub peak_mib: f64,
    /// What the disturbance did, in words.
    pub did: String,
    /// Whether it disturbed at all.
    pub disturbed: bool,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Measured(Figures { p99_us, lost, unrecorded, peak_mib, did, .. }) => {
                let recorded = unrecorded.as_deref().unwrap_or("all on record");
                write!(f, "p99 {}, {lost} lost, {recorded}, {peak_mib:.0} MiB; {did}", late(*p99_us))
            }
            Self::NotRun(why) => write!(f, "not run: {why}"),
            Self::Failed(why) => write!(f, "failed: {why}"),
        }
    }
}

impl Round<'_> {
    /// Runs it.
    pub async fn run(&self) -> Result<Ended> {
        let directory = data_directory()?;
        let mut generator = match Generator::start(self.case.generator)? {
            Ok(generator) => generator,
            Err(why) => return Ok(Ended::NotRun(why)),
        };
        let surroundings = match self.surroundings(directory.path())? {
            Ok(surroundings) => surroundings,
            Err(why) => return Ok(Ended::NotRun(why)),
        };
        self.sink.reset().await?;
        let jobs = self.load(directory.path(), generator.address.unwrap_or(NOBODY))?;
        let start = jobs.start;
        let until = start + i64::try_from(self.seconds * 1000)?;
        let http = free_addresses(1)?[0];
        generator.order(http, start, until)?;
        let settings: Vec<_> =
            self.case.settings.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let server = Server::spawn_in(&surroundings, directory.path(), http, &settings)?;
        let ready = tokio::time::timeout(READY_WITHIN, server.ready()).await;
        let server = ready.map_err(|_| format!("the server is not ready within {READY_WITHIN:?}"))??;
        let left = start - now_ms();
        if left < LEAST_LEFT_MS {
            return Err(format!("the server was ready {left} ms before the first instant").into());
        }
        sleep_until_ms(until).await;

        let (_, peak_mib) = resident_mib(server.pid())?;
        let total: usize = jobs.expected.values().map(Vec::len).sum();
        let total = u64::try_from(total)?;
        self.sink.wait_for(total, ARRIVES_WITHIN).await?;
        let report = self.sink.report().await?;
        let lost = total.saturating_sub(report.distinct);
        let unread = server.unread()?;
        let generated = generator.finish().await?;
        let unrecorded = self.unrecorded(&server, &jobs.expected).await?;
        server.kill()?;
        let (did, disturbed) = if self.case.unread_stderr() {
            (format!("{unread} bytes unread"), unread > 0)
        } else if self.case.forgets() {
            let forgotten = Template::records() - records_before(directory.path(), start - 3_600_000)?;
            (format!("{forgotten} records forgotten"), forgotten > 0)
        } else {
            (generated.what, generated.count > 0 || self.case.generator == Kind::Idle)
        };
        Ok(Ended::Measured(Figures {
            // What did not come is later than anything that did.
            p99_us: if lost * 100 > total { NEVER_US } else { report.p99_us },
            lost,
            unrecorded,
            peak_mib,
            did,
            disturbed,
        }))
    }

    /// What the server finds around it, or why this machine cannot give it that.
    fn surroundings(&self, directory: &Path) -> Result<std::result::Result<Surroundings, String>> {
        let mut surroundings =
            Surroundings { unread_stderr: self.case.unread_stderr(), ..Surroundings::default() };
        if self.case.generator == Kind::Names {
            let file = directory.join("resolv.conf");
            std::fs::write(&file, NAME_SERVERS.map(|address| format!("nameserver {address}\n")).concat())?;
            if let Err(error) = mounts::try_resolv_conf(&file) {
                return Ok(Err(error.to_string()));
            }
            surroundings.resolv_conf = Some(file);
        }
        Ok(Ok(surroundings))
    }

    /// Loads the state: first what disturbs, which may take seconds, then the healthy jobs.
    fn load(&self, directory: &Path, target: SocketAddr) -> Result<Healthy> {
        if self.case.large {
            self.template.ok_or("there is no large state")?.copy_to(directory)?;
        }
        let mut loader = Loader::open(directory, self.sink.address)?;
        let place = Place { target, start: now_ms() + LEAD_MS, seconds: self.seconds };
        loader.put((self.case.jobs)(&place).into_iter())?;
        let start = now_ms() + LEAD_MS;
        let jobs = steady(RATE, start, self.seconds);
        let expected = instants(&jobs);
        loader.put(jobs.into_iter())?;
        loader.finish()?;
        Ok(Healthy { start, expected })
    }

    /// What is wrong with the records of the healthy jobs. Reports may still be on their way.
    async fn unrecorded(
        &self,
        server: &Server,
        expected: &HashMap<String, Vec<Millis>>,
    ) -> Result<Option<String>> {
        let (arrived, begun) = (self.sink.executions().await?, Instant::now());
        loop {
            let reading = audit_only(&server.api, expected, &arrived);
            let audit: Audit = match tokio::time::timeout(READ_WITHIN, reading).await {
                Ok(audit) => audit?,
                Err(_) => return Ok(Some(format!("the API did not tell within {READ_WITHIN:?}"))),
            };
            if audit.is_clean() {
                return Ok(None);
            }
            if begun.elapsed() > RECORDED_WITHIN {
                return Ok(Some(audit.to_string()));
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

/// The healthy jobs: when they begin, and the instants of each.
struct Healthy {
    start: Millis,
    expected: HashMap<String, Vec<Millis>>,
}

/// Counts the records of instants before `at`.
fn records_before(directory: &Path, at: Millis) -> Result<usize> {
    let file = Connection::open_with_flags(directory.join("state.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let sql = "SELECT count(*) FROM executions WHERE scheduled_time < ?1";
    Ok(file.query_row(sql, [at], |row| row.get(0))?)
}
