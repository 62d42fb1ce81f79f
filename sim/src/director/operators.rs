//! What operators do through the API. They share a host of turmoil's.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use chronos_client::Method;
use chronos_server::config::Config;
use chronos_types::{Millis, NodeName, parse_rfc3339};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use turmoil::Sim;

use super::Director;
use crate::evidence;
use crate::faults::Fault;
use crate::ledger::Ledger;
use crate::web::{EVER, PATIENCE, ask, fetch};
use crate::world::{at_ms, since_start};

/// The time between an operator's attempts.
pub(super) const PAUSE: Duration = Duration::from_millis(300);
/// How often an operator looks whether a node whose clock is ahead has come to lead.
const LOOK: Duration = Duration::from_millis(100);
/// Between looks at what has failed. A job has fifteen runs on record, and most have no more in that time.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// No run is planned so far ahead, unless a clock was.
const FAR: Duration = Duration::from_secs(60);
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

type Work = Pin<Box<dyn Future<Output = ()>>>;

/// Their host. It ends when this is dropped, and all of their work is done.
pub(super) struct Operators(mpsc::UnboundedSender<Work>);

impl Operators {
    /// Adds their host to the simulation.
    pub(super) fn add(sim: &mut Sim<'_>) -> Self {
        let (sender, mut asked) = mpsc::unbounded_channel::<Work>();
        sim.client("operators", async move {
            let mut working = Vec::new();
            while let Some(work) = asked.recv().await {
                working.push(tokio::task::spawn_local(work));
            }
            for work in working {
                work.await?;
            }
            Ok(())
        });
        Self(sender)
    }
}

impl Director {
    /// Has an operator do this.
    pub(super) fn operate(&self, work: impl Future<Output = ()> + 'static) {
        if let Some(Operators(operators)) = &self.operators {
            let _ = operators.send(Box::pin(work));
        }
    }

    /// Waits until all founders have their votes.
    pub(super) fn watch_it_form(&self) {
        let (ledger, nodes) = (self.ledger.clone(), self.names_of_founders());
        self.operate(async move {
            let mut at = nodes.iter().cycle();
            let formed = async || {
                let (_, votes) = role(at.next()?).await?;
                (votes >= nodes.len()).then(since_start)
            };
            let formed = ask_until(formed).await;
            ledger.note("all founders have their votes");
            ledger.with(|seen| seen.formed = Some(formed));
        });
    }

    /// Looks again and again at what has failed, at one node after the other, until the faults are over.
    pub(super) fn watch_failures(&self) {
        let (ledger, nodes) = (self.ledger.clone(), self.names_of_founders());
        self.operate(async move {
            for at in nodes.iter().cycle() {
                let path = format!("/api/v1/executions?status=failed&from={EVER}&limit=100");
                if let Some((200, answer)) = ask(at, Method::GET, &path, None).await {
                    let failed = answer["executions"].as_array().into_iter().flatten().filter_map(failed);
                    ledger.with(|seen| seen.failed.extend(failed));
                }
                if is_calm(&ledger) {
                    return;
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        });
    }

    /// Asks the node behind this one that this one lead.
    pub(super) fn ask_to_lead(&self, to: usize) {
        let at = self.members[(to + 1) % self.founders()].name.clone();
        let (ledger, is_one_down) = (self.ledger.clone(), Rc::clone(&self.is_one_down));
        let body = json!({"to": self.members[to].name});
        self.operate(async move {
            let path = "/api/v1/cluster/transfer-leadership";
            let answer = ask(&at, Method::POST, path, Some(&body)).await.map(|(status, _)| status);
            ledger.note(format_args!("{path} at {at}: {answer:?}"));
            if answer == Some(200) {
                ledger.count("transfer_done");
                if is_one_down.get() {
                    ledger.count("lead_moved_while_a_node_was_down");
                }
            }
        });
    }

    /// Sets a node's clock off by days, for a while. Clients do not ask such a node, for what they create there is due
    /// from the time of its clock on: each job would have 100,000 runs to make up for. A leader's clock is set ahead
    /// by nobody, because the time of the cluster would go with it.
    pub(super) fn set_the_clock_off(&self, node: usize, days: i64, time: Duration) {
        let (ledger, name) = (self.ledger.clone(), self.members[node].name.clone());
        let (clock, link) = (Arc::clone(&self.members[node].clock), Arc::clone(&self.members[node].link));
        let others: Vec<_> = self.names_of_founders().into_iter().filter(|other| *other != name).collect();
        self.operate(async move {
            link.leave_out();
            // All that was asked for before is answered, or given up.
            tokio::time::sleep(PATIENCE).await;
            let leader = leader(&others).await;
            let may_lead = leader.is_none_or(|leader| leader == name);
            let is_harmless = days < 0 || !may_lead;
            if is_harmless && !is_calm(&ledger) {
                let off_ms = days * DAY_MS;
                clock.set_off_ms(off_ms);
                ledger.fault_at(since_start(), Fault::Clock { node, off_ms });
                ledger.note(format_args!("the clock of {name} is off by {days} days"));
                ledger.count("clock_days_off");
                let end = since_start() + time;
                while since_start() < end && !is_calm(&ledger) {
                    tokio::time::sleep(LOOK).await;
                    if days > 0 && leader_is(&others, &name).await {
                        break;
                    }
                }
                clock.set_off_ms(0);
                ledger.fault_at(since_start(), Fault::Clock { node, off_ms: 0 });
                ledger.note(format_args!("the clock of {name} is right"));
            }
            link.let_in();
        });
    }

    /// When the faults are over, and the time of the cluster is ahead of all clocks: sets it back. A run that was
    /// planned meanwhile would come when its instant comes, after days, so it is cancelled.
    pub(super) fn put_the_time_right(&self) {
        let (ledger, nodes) = (self.ledger.clone(), self.founders());
        self.operate(async move {
            for number in (1..=nodes).cycle() {
                let at = format!("n{number}");
                match ask(&at, Method::GET, "/api/v1/cluster/status", None).await {
                    Some((200, status)) if status["leader"].is_null() => {}
                    Some((200, status)) if status["time"]["ahead"].is_null() => {
                        let jumped = ledger.with(|seen| seen.time_jumped);
                        let is_clean = !jumped || cancel_far_ones(&ledger, &at).await;
                        if is_clean {
                            break;
                        }
                    }
                    Some((200, _)) => {
                        let body = json!({"time": "set_back"});
                        let path = "/api/v1/cluster/clock";
                        let answer = ask(&at, Method::POST, path, Some(&body)).await;
                        ledger.note(format_args!("{path} at {at}: {:?}", answer.map(|(status, _)| status)));
                        ledger.with(|seen| seen.time_jumped = true);
                    }
                    _ => {}
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
    }

    /// Takes a backup, and looks whether it is one.
    pub(super) fn take_backup(&mut self, node: usize, consistent: bool) {
        let (ledger, at) = (self.ledger.clone(), self.members[node].name.clone());
        self.backups += 1;
        let directory = self.directory.join(self.backups.to_string());
        self.operate(async move {
            let before = known_jobs(&ledger);
            let path = format!("/api/v1/cluster/backup?consistent={consistent}");
            let answer = fetch(&at, &path).await;
            ledger.note(format_args!("{path} at {at}: {:?}", answer.as_ref().map(|(status, _)| *status)));
            let Some((200, bytes)) = answer else { return };
            ledger.count("backup_taken");
            let wrong = match restore(&directory, &bytes) {
                Ok(jobs) if consistent => {
                    let lacking = known_jobs(&ledger).into_iter().filter(|job| before.contains(job));
                    let lacking: Vec<_> = lacking.filter(|job| !jobs.contains(job)).collect();
                    (!lacking.is_empty()).then(|| format!("it lacks {}", lacking.join(", ")))
                }
                Ok(_) => None,
                Err(error) => Some(error),
            };
            let wrong = wrong.map(|what| format!("a backup of {at}: {what}"));
            ledger.with(|seen| seen.wrong.extend(wrong));
        });
    }
}

/// An execution that failed: its id and its node, and when it was over.
fn failed(found: &Value) -> Option<((String, String), Millis)> {
    let text = |field: &str| found[field].as_str();
    let of = (text("id")?.to_owned(), text("node_id")?.to_owned());
    Some((of, parse_rfc3339(text("completed_at")?).ok()?))
}

fn is_calm(ledger: &Ledger) -> bool {
    ledger.with(|seen| seen.calm)
}

/// The leader that the first of these nodes to know one names.
async fn leader(nodes: &[String]) -> Option<String> {
    for at in nodes {
        if let Some((200, status)) = ask(at, Method::GET, "/api/v1/cluster/status", None).await
            && let Some(leader) = status["leader"].as_str()
        {
            return Some(leader.to_owned());
        }
    }
    None
}

async fn leader_is(nodes: &[String], name: &str) -> bool {
    leader(nodes).await.is_some_and(|leader| leader == name)
}

/// Cancels what is planned for far from now. Answers whether there was nothing.
async fn cancel_far_ones(ledger: &Ledger, at: &str) -> bool {
    let path = format!("/api/v1/executions?status=pending&from={EVER}&limit=100&consistent=true");
    let Some((200, answer)) = ask(at, Method::GET, &path, None).await else { return false };
    let latest = at_ms(since_start() + FAR);
    let is_far = |run: &&Value| {
        let planned = run["scheduled_time"].as_str().and_then(|time| parse_rfc3339(time).ok());
        planned.is_some_and(|planned| planned > latest)
    };
    let runs = answer["executions"].as_array().cloned().unwrap_or_default();
    let far: Vec<_> = runs.iter().filter(is_far).collect();
    for run in &far {
        let (job, id) = (run["job_id"].as_str().unwrap_or_default(), run["id"].as_str().unwrap_or_default());
        let path = format!("/api/v1/jobs/{job}/executions/{id}/cancel");
        let answer = ask(at, Method::POST, &path, None).await.map(|(status, _)| status);
        ledger.note(format_args!("POST {path} at {at}: {answer:?}"));
    }
    far.is_empty()
}

/// The jobs that were acknowledged, and that nobody has asked to delete.
fn known_jobs(ledger: &Ledger) -> Vec<String> {
    ledger.with(|seen| {
        let living = seen.jobs.iter().filter(|(_, job)| !job.deleting);
        living.map(|(id, _)| id.clone()).collect()
    })
}

/// Makes a data directory from a backup. Returns the jobs that are in it.
fn restore(directory: &Path, backup: &[u8]) -> Result<Vec<String>, String> {
    std::fs::create_dir_all(directory).map_err(|error| error.to_string())?;
    let file = directory.join("backup");
    std::fs::write(&file, backup).map_err(|error| error.to_string())?;
    let mut config = Config::default();
    config.cluster.node_id = NodeName::parse("restored").expect("a name");
    config.cluster.data_dir = directory.join("restored");
    chronos_server::restore(&config, &file).map_err(|error| error.to_string())?;
    let state = evidence::read("restored", &config.cluster.data_dir).map_err(|error| error.to_string())?;
    std::fs::remove_dir_all(directory).map_err(|error| error.to_string())?;
    Ok(state.jobs.iter().map(|row| row.job.id.to_string()).collect())
}

/// Asks one node after the other to remove `name`, until one answers that it is no member.
pub(super) async fn remove(ledger: &Ledger, name: &str, others: &[String]) {
    let path = format!("/api/v1/cluster/nodes/{name}");
    let mut may_be_done = false;
    for at in others.iter().cycle() {
        let answer = ask(at, Method::DELETE, &path, None).await.map(|(status, _)| status);
        ledger.note(format_args!("DELETE {path} at {at}: {answer:?}"));
        match answer {
            Some(204) => return,
            // An earlier attempt succeeded.
            Some(404) if may_be_done => return,
            _ => may_be_done = true,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The role of a member, as it says itself, and how many have a vote. `None` where it is none, or does not answer.
pub(super) async fn role(name: &str) -> Option<(String, usize)> {
    let (200, status) = ask(name, Method::GET, "/api/v1/cluster/status", None).await? else { return None };
    let nodes = status["nodes"].as_array()?;
    let own = nodes.iter().find(|node| node["id"] == name)?;
    let votes = nodes.iter().filter(|node| node["role"] != "learner").count();
    Some((own["role"].as_str()?.to_owned(), votes))
}

/// Asks a node for something, for as long as it takes.
pub(super) async fn ask_until<T>(mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = attempt().await {
            return found;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A body for a request.
pub(super) fn invitation(name: &str) -> Value {
    json!({"raft_address": format!("{name}:7000")})
}
