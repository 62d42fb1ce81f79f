//! Disturbances that call the API.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use chronos_client::{Answer, Client, Connection, Method, StatusCode};
use chronos_types::MAX_BODY_BYTES;
use tokio::task::JoinSet;

use super::super::jobs::Job;
use super::super::{api, now_ms, sleep_until_ms};
use super::Orders;
use crate::Result;

/// Clients that search and list.
const READERS: usize = 50;
/// Clients that write.
const WRITERS: usize = 64;
/// How often each of them writes, at most. All together write 64 MiB a second then, which is 4 GiB in a minute:
/// the bound is for the disk.
const WRITE_EVERY_MS: i64 = 250;
/// Between two backups.
const BACKUP_EVERY: Duration = Duration::from_secs(1);
/// How long a client that was refused waits. A patient one would wait as long as `Retry-After` says.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// What is asked, in turn: a search that finds nothing and so looks at everything, large pages, and the history of
/// one job of the large state that they ask for.
const QUESTIONS: [&str; 5] = [
    "/api/v1/jobs?q=nothing-has-this-name",
    "/api/v1/jobs?limit=500",
    "/api/v1/executions?from=1970-01-01T00:00:00Z&view=full&limit=500",
    "/api/v1/executions?from=1970-01-01T00:00:00Z&status=failed&view=full&limit=500",
    "/api/v1/jobs/old-0000007/executions?view=full&limit=500",
];

/// What came of the calls. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Counts(Rc<Came>);

/// Calls, by what came of them; and what was read of backups.
#[derive(Debug, Default)]
struct Came {
    done: Cell<usize>,
    refused: Cell<usize>,
    lost: Cell<usize>,
    bytes: Cell<usize>,
}

impl Counts {
    /// What was done.
    pub fn done(&self) -> usize {
        self.0.done.get()
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Came { done: _, refused, lost, bytes } = &*self.0;
        write!(f, "{} refused, {} lost", refused.get(), lost.get())?;
        if bytes.get() > 0 { write!(f, ", {} MiB read", bytes.get() >> 20) } else { Ok(()) }
    }
}

fn add(count: &Cell<usize>, more: usize) {
    count.set(count.get() + more);
}

/// Clients that search and list, each on a connection of its own and one question after the other.
pub async fn search(orders: Orders, counts: Counts) -> Result<()> {
    let client = api::client(orders.api)?;
    let tasks = (0..READERS).map(|n| {
        let (client, counts) = (client.clone(), counts.clone());
        async move {
            let mut caller = Caller { client, connection: None, counts };
            for question in QUESTIONS.iter().cycle().skip(n) {
                caller.call(Method::GET, question, Bytes::new()).await;
            }
        }
    });
    all(tasks).await
}

/// Clients that write, each a job with the largest body there may be, again and again.
pub async fn write(orders: Orders, counts: Counts) -> Result<()> {
    let client = api::client(orders.api)?;
    let tasks = (0..WRITERS).map(|n| {
        let (client, counts) = (client.clone(), counts.clone());
        async move {
            let mut caller = Caller { client, connection: None, counts };
            // Nobody listens at that address, but nothing is due within the year.
            let job = |body: char| Job {
                body: body.to_string().repeat(MAX_BODY_BYTES).into(),
                ..Job::named(format!("written-{n}"), "30 4 1 1 *")
            };
            let bodies = ['x', 'y'].map(|body| job(body).to_json(([127, 0, 0, 1], 9).into()));
            // All of them begin within the time of one write.
            let mut at = orders.from + i64::try_from(n).unwrap_or_default() % WRITE_EVERY_MS;
            while !caller.call(Method::POST, "/api/v1/jobs", bodies[0].clone()).await {}
            for body in bodies.iter().cycle().skip(1) {
                at = now_ms().max(at + WRITE_EVERY_MS);
                sleep_until_ms(at).await;
                caller.call(Method::PUT, &format!("/api/v1/jobs/written-{n}"), body.clone()).await;
            }
        }
    });
    all(tasks).await
}

/// A client that takes backups, one after the other, and reads each to its end. Counts those that are under way
/// too: the server makes a copy before it sends anything.
pub async fn backup(orders: Orders, counts: Counts) -> Result<()> {
    let (client, came) = (api::client(orders.api)?, &counts.0);
    loop {
        add(&came.done, 1);
        let mut backup = client.backup(false).await;
        if let Ok(backup) = &mut backup {
            loop {
                match backup.part().await {
                    Ok(Some(part)) => add(&came.bytes, part.len()),
                    Ok(None) => break,
                    Err(_) => {
                        add(&came.lost, 1);
                        break;
                    }
                }
            }
        } else {
            came.done.set(came.done.get() - 1);
            add(&came.refused, 1);
        }
        tokio::time::sleep(BACKUP_EVERY).await;
    }
}

/// Runs all, which do not end.
async fn all(tasks: impl Iterator<Item = impl Future<Output = ()> + 'static>) -> Result<()> {
    let mut running = JoinSet::new();
    for task in tasks {
        running.spawn_local(task);
    }
    while let Some(ended) = running.join_next().await {
        ended?;
    }
    Ok(())
}

/// A client with one connection, which it makes anew where it is lost.
struct Caller {
    client: Client,
    connection: Option<Connection>,
    counts: Counts,
}

impl Caller {
    /// Makes a call, and counts what came of it. Says whether there is what was to be; else it has waited.
    async fn call(&mut self, method: Method, path: &str, body: Bytes) -> bool {
        let headers = if body.is_empty() { &[][..] } else { &JSON[..] };
        let answer = self.answer(method, path, headers, body).await;
        let came = &self.counts.0;
        match answer {
            Some(answer) if answer.status.is_success() => {
                add(&came.done, 1);
                return true;
            }
            // It is there: a call created it whose answer was lost.
            Some(answer) if answer.status == StatusCode::CONFLICT => return true,
            Some(answer) => {
                // The load is a reason to refuse. Any other would be a fault of this file.
                let overload =
                    answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS;
                assert!(overload, "{path}: {}: {}", answer.status, answer.text());
                add(&came.refused, 1);
            }
            None => add(&came.lost, 1),
        }
        tokio::time::sleep(AFTER_REFUSAL).await;
        false
    }

    async fn answer(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Option<Answer> {
        if self.connection.is_none() {
            self.connection = self.client.connection().await.ok();
        }
        let answer = self.connection.as_mut()?.request(method, path, headers, body).await;
        if answer.is_err() {
            self.connection = None;
        }
        answer.ok()
    }
}
