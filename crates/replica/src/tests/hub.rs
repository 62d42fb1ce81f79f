//! A network in memory, whose links can be cut.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use chronos_env::BoxFuture;
use chronos_peer::{Answer, Body, Caller, Lane, PeerError, Service, Transport};
use futures::StreamExt as _;
use tokio::sync::watch;

use crate::lock::lock;
use crate::messages::wire::{self, Part};

/// A heartbeat has no more bytes than this.
const HEARTBEAT: usize = 1_000;

/// All nodes by their addresses, and the links that are cut.
#[derive(Clone, Default)]
pub(super) struct Hub(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    services: BTreeMap<String, (Caller, Arc<dyn Service>)>,
    /// From and to.
    cut: BTreeSet<(String, String)>,
    /// Messages of these kinds are lost.
    lost: BTreeSet<&'static str>,
    /// To these addresses no more than a heartbeat passes.
    starved: BTreeSet<String>,
    /// So many chunks of the next bodies pass, each.
    chunks: Option<usize>,
    /// In so many of the next bodies a bit is flipped.
    flips: usize,
    /// So many of the next bodies never arrive, and the sender does not hear of it.
    swallows: usize,
    /// In so many of the next uploads the answer never arrives, and the caller does not hear of it.
    unanswered: usize,
    /// Bodies stand still.
    held: watch::Sender<bool>,
    /// From, to, and of which kind.
    sent: Vec<(String, String, &'static str)>,
    /// The node at this address answers messages of this kind as a newer Chronos would.
    newer: Option<(String, &'static str)>,
}

struct Port {
    hub: Hub,
    address: String,
    caller: Caller,
}

impl std::fmt::Debug for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.address)
    }
}

impl Hub {
    pub(super) fn transport(&self, address: &str, caller: &Caller) -> Arc<dyn Transport> {
        Arc::new(Port { hub: self.clone(), address: address.to_owned(), caller: caller.clone() })
    }

    pub(super) fn serve(&self, address: &str, caller: &Caller, service: Arc<dyn Service>) {
        lock(&self.0).services.insert(address.to_owned(), (caller.clone(), service));
    }

    /// Nothing passes between this node and any other, either way.
    pub(super) fn isolate(&self, name: &str) {
        let mut state = lock(&self.0);
        let others: Vec<_> = state.services.keys().cloned().collect();
        let address = format!("{name}:1");
        for other in others {
            state.cut.insert((address.clone(), other.clone()));
            state.cut.insert((other, address.clone()));
        }
    }

    /// This node hears all others, and none hears it: neither what it asks nor what it answers.
    pub(super) fn mute(&self, name: &str) {
        let mut state = lock(&self.0);
        let others: Vec<_> = state.services.keys().cloned().collect();
        let address = format!("{name}:1");
        state.cut.extend(others.into_iter().map(|other| (address.clone(), other)));
    }

    /// Others hear this node, and it hears none: not even the answers to what it asks.
    pub(super) fn deafen(&self, name: &str) {
        let mut state = lock(&self.0);
        let others: Vec<_> = state.services.keys().cloned().collect();
        let address = format!("{name}:1");
        state.cut.extend(others.into_iter().map(|other| (other, address.clone())));
    }

    /// Heartbeats reach this node, and no entries.
    pub(super) fn starve(&self, name: &str) {
        lock(&self.0).starved.insert(format!("{name}:1"));
    }

    pub(super) fn heal(&self) {
        let mut state = lock(&self.0);
        state.cut.clear();
        state.starved.clear();
        state.newer = None;
    }

    /// Messages of a kind are lost, on whichever link.
    pub(super) fn lose(&self, kind: &'static str) {
        lock(&self.0).lost.insert(kind);
    }

    /// Bodies break after so many chunks.
    pub(super) fn break_bodies(&self, chunks: Option<usize>) {
        lock(&self.0).chunks = chunks;
    }

    /// In so many of the next bodies a bit is flipped on the way.
    pub(super) fn flip_bodies(&self, flips: usize) {
        lock(&self.0).flips = flips;
    }

    /// So many of the next bodies vanish, as on a connection that is dead without anybody knowing.
    pub(super) fn swallow_bodies(&self, swallows: usize) {
        lock(&self.0).swallows = swallows;
    }

    /// So many of the next bodies arrive, and the answers to them vanish.
    pub(super) fn swallow_answers(&self, unanswered: usize) {
        lock(&self.0).unanswered = unanswered;
    }

    /// Whether bodies stand still on their way.
    pub(super) fn hold_bodies(&self, held: bool) {
        lock(&self.0).held.send_replace(held);
    }

    /// This node answers messages of this kind in a format that is newer than this Chronos.
    pub(super) fn answer_newer(&self, name: &str, kind: &'static str) {
        lock(&self.0).newer = Some((format!("{name}:1"), kind));
    }

    /// How many messages of a kind were sent to a node.
    pub(super) fn count(&self, to: &str, kind: &str) -> usize {
        let to = format!("{to}:1");
        lock(&self.0).sent.iter().filter(|(_, address, sent)| *address == to && *sent == kind).count()
    }

    /// How many messages of a kind a node has sent.
    pub(super) fn count_from(&self, from: &str, kind: &str) -> usize {
        let from = format!("{from}:1");
        lock(&self.0).sent.iter().filter(|(address, _, sent)| *address == from && *sent == kind).count()
    }

    fn is_cut(&self, from: &str, to: &str) -> bool {
        lock(&self.0).cut.contains(&(from.to_owned(), to.to_owned()))
    }
}

impl Port {
    /// As HTTP would have it: strangers are refused before anything is looked at.
    fn reach(&self, to: &str, kind: &'static str) -> Result<Arc<dyn Service>, PeerError> {
        let unreachable = || PeerError::Unreachable(format!("{to} cannot be reached"));
        if self.hub.is_cut(&self.address, to) {
            return Err(unreachable());
        }
        let mut state = lock(&self.hub.0);
        if state.lost.contains(kind) {
            return Err(unreachable());
        }
        state.sent.push((self.address.clone(), to.to_owned(), kind));
        let (other, service) = state.services.get(to).ok_or_else(unreachable)?;
        let (mine, theirs) = (self.caller.cluster.get(), other.cluster.get());
        let others = mine.is_some() && theirs.is_some() && mine != theirs;
        if others || mine.is_none() && kind != "join" {
            return Err(PeerError::Stranger(format!(
                "{to} belongs to {theirs:?}, and this node to {mine:?}"
            )));
        }
        Ok(service.clone())
    }

    /// An answer comes only while the way back is there.
    fn returned(&self, to: &str, answer: Answer) -> Answer {
        if self.hub.is_cut(to, &self.address) {
            return Err(PeerError::Unreachable(format!("{to} cannot be reached any more")));
        }
        answer
    }
}

impl Transport for Port {
    fn call<'a>(
        &'a self,
        to: &'a str,
        _: Lane,
        kind: &'static str,
        message: Bytes,
        timeout: Duration,
    ) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let service = self.reach(to, kind)?;
            if message.len() > HEARTBEAT && lock(&self.hub.0).starved.contains(to) {
                return Err(PeerError::Unreachable(format!("{to} took too long")));
            }
            let answer = tokio::time::timeout(timeout, service.call(&self.caller.node, kind, message)).await;
            let answer = answer.map_err(|_| PeerError::Unreachable(format!("{to} took too long")))?;
            let is_newer =
                lock(&self.hub.0).newer.as_ref().is_some_and(|(newer, of)| newer == to && *of == kind);
            let answer = match answer {
                Ok(bytes) if is_newer => Ok(wire::in_format(2, Part::Answer(kind), &bytes)),
                other => other,
            };
            self.returned(to, answer)
        })
    }

    fn upload<'a>(
        &'a self,
        to: &'a str,
        kind: &'static str,
        message: Bytes,
        body: Body,
    ) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let service = self.reach(to, kind)?;
            if take_one(&mut lock(&self.hub.0).swallows) {
                return std::future::pending().await;
            }
            let limit = lock(&self.hub.0).chunks;
            let body = match limit {
                None => body,
                Some(chunks) => {
                    let broken = futures::stream::iter([Err(std::io::Error::other("the connection broke"))]);
                    body.take(chunks).chain(broken).boxed()
                }
            };
            let flips = take_one(&mut lock(&self.hub.0).flips);
            let body = if flips { body.map(flipped).boxed() } else { body };
            let held = lock(&self.hub.0).held.subscribe();
            let body = body.then(move |chunk| {
                let mut held = held.clone();
                async move {
                    // The hub lives for as long as anybody sends.
                    let _ = held.wait_for(|held| !held).await;
                    chunk
                }
            });
            let body = body.boxed();
            let answer = service.receive(&self.caller.node, kind, message, body).await;
            if take_one(&mut lock(&self.hub.0).unanswered) {
                return std::future::pending().await;
            }
            self.returned(to, answer)
        })
    }
}

/// Whether there is one left of these, which is taken.
fn take_one(left: &mut usize) -> bool {
    let any = *left > 0;
    *left = left.saturating_sub(1);
    any
}

/// A chunk with its first bit flipped.
fn flipped(chunk: std::io::Result<Bytes>) -> std::io::Result<Bytes> {
    let mut chunk = chunk?.to_vec();
    if let Some(byte) = chunk.first_mut() {
        *byte ^= 1;
    }
    Ok(chunk.into())
}
