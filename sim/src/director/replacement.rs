//! A node that loses its disk: an operator removes it, and when that is done, and not before, it ends,
//! its files go, and it joins as a new node under its old name.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use chronos_client::Method;
use turmoil::Sim;

use super::{Director, now_ms};
use crate::ledger::Ledger;
use crate::web::ask;

/// Between an operator's attempts.
const PAUSE: Duration = Duration::from_millis(300);

/// One at a time.
pub(super) struct Replacement {
    node: usize,
    away_ms: u64,
    stage: Stage,
}

enum Stage {
    /// An operator asks until he hears that it is no member.
    Leaving(Rc<Cell<bool>>),
    /// It is down, and has no files.
    Away { until_ms: u64 },
    /// An operator looks until it says of itself that it has a vote.
    Joining(Rc<Cell<bool>>),
}

impl Director {
    /// False where another one is under way.
    pub(super) fn begin_replacing(&mut self, sim: &mut Sim<'_>, node: usize, away_ms: u64) -> bool {
        if self.replacement.is_some() {
            return false;
        }
        let name = self.members[node].name.clone();
        let others = self.members.iter().map(|member| member.name.clone());
        let others: Vec<_> = others.filter(|other| *other != name).collect();
        let (done, ledger) = (Rc::new(Cell::new(false)), self.ledger.clone());
        let own = Rc::clone(&done);
        sim.client(self.operator(), async move {
            remove(&ledger, &name, &others).await;
            own.set(true);
            Ok(())
        });
        self.replacement = Some(Replacement { node, away_ms, stage: Stage::Leaving(done) });
        self.ledger.with(|seen| seen.replacing = true);
        true
    }

    /// Looks whether the next step is due.
    pub(super) fn go_on_replacing(&mut self, sim: &mut Sim<'_>) -> Result<(), String> {
        let Some(Replacement { node, away_ms, stage }) = &self.replacement else { return Ok(()) };
        let (node, now) = (*node, now_ms(sim));
        let next = match stage {
            Stage::Leaving(done) if done.get() => {
                let until_ms = now + away_ms;
                self.crash(sim, node, 0)?;
                self.members[node].wipe();
                self.ledger.note_at(sim.elapsed(), format_args!("n{} has lost its files", node + 1));
                Stage::Away { until_ms }
            }
            Stage::Away { until_ms } if self.up[node] || self.over || now >= *until_ms => {
                if !self.up[node] {
                    self.start(sim, node);
                }
                let (done, ledger) = (Rc::new(Cell::new(false)), self.ledger.clone());
                let (own, name) = (Rc::clone(&done), self.members[node].name.clone());
                sim.client(self.operator(), async move {
                    while !votes(&name).await {
                        tokio::time::sleep(PAUSE).await;
                    }
                    ledger.note(format_args!("{name} has a vote again"));
                    own.set(true);
                    Ok(())
                });
                Stage::Joining(done)
            }
            Stage::Joining(done) if done.get() => {
                self.replacement = None;
                self.ledger.count("node_replaced");
                self.ledger.with(|seen| seen.replacing = false);
                return Ok(());
            }
            _ => return Ok(()),
        };
        if let Some(replacement) = &mut self.replacement {
            replacement.stage = next;
        }
        Ok(())
    }
}

/// Asks one after the other to remove a node, until one says that it is no member.
async fn remove(ledger: &Ledger, name: &str, others: &[String]) {
    let path = format!("/api/v1/cluster/nodes/{name}");
    let mut may_be_done = false;
    for at in others.iter().cycle() {
        let answer = ask(at, Method::DELETE, &path, None).await.map(|(status, _)| status);
        ledger.note(format_args!("DELETE {path} at {at}: {answer:?}"));
        match answer {
            Some(204) => return,
            // An attempt before this one had come through.
            Some(404) if may_be_done => return,
            _ => may_be_done = true,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether a node says of itself that it has a vote.
async fn votes(name: &str) -> bool {
    let Some((200, status)) = ask(name, Method::GET, "/api/v1/cluster/status", None).await else {
        return false;
    };
    let nodes = status["nodes"].as_array().cloned().unwrap_or_default();
    nodes.iter().any(|node| node["id"] == name && node["role"] != "learner")
}
