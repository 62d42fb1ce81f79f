//! The audit: who has changed what. Its entries are written in the step that makes a change (see `chronos-state`); here
//! they are read, told in the log of this node, and written for what changes no state.

use std::time::Duration;

use chronos_env::Seldom;
use chronos_state::{AUDIT_SINCE, AuditFilter, AuditPlace, AuditRow, AuditWord, Command, PageLimits, Reader};
use chronos_types::{Actor, By, Millis, Note, clip, format_rfc3339};

use crate::error::{LoopError, ReadError, WriteError};
use crate::lookup;
use crate::read::{PageEnd, PageRequest, PageWriter};
use crate::services::Services;

/// For so long it is waited that a word is on record for what changes no state.
const NOTED_WITHIN: Duration = Duration::from_secs(2);
/// Between looks for entries that are to be told in the log.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So many are read at once.
const AT_ONCE: usize = 200;
/// What is older than this when it comes to this node is not told any more: it comes with the state of others, who told
/// it then.
const OLD_MS: Millis = 3_600_000;

/// Reads the audit.
#[derive(Debug)]
pub struct Audit {
    services: Services,
}

impl Audit {
    /// The use cases, with what they work with.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self { services }
    }

    /// A page of the entries that a filter means, the newest first.
    ///
    /// # Errors
    /// The page cannot be read as demanded.
    pub async fn page<W: PageWriter<AuditRow, AuditPlace>>(
        &self,
        filter: AuditFilter,
        page: PageRequest<AuditPlace>,
        mut writer: W,
    ) -> Result<W::Answer, ReadError> {
        let PageRequest { after, limit, consistency, is_counted: _ } = page;
        lookup::catch_up(&self.services, consistency).await?;
        let read = self.services.store.query(move |reader| {
            let next = reader.audit(&filter, after, PageLimits::of(limit), |row| writer.take(row))?;
            Ok(writer.end(PageEnd::of(next)))
        });
        Ok(read.await?)
    }
}

/// Puts on record what changes no state. Where that cannot be done in time, it is told in the log of this node: a cluster
/// that has lost its majority must be able to give a backup away.
pub(crate) async fn note(services: &Services, by: &By, what: &'static str, target: Option<&str>) {
    if services.proposer.version() < AUDIT_SINCE {
        return;
    }
    let target = target.map(|target| clip(target).into_owned());
    let word = AuditWord::Note { what: what.to_owned(), target: target.clone() };
    let write = async {
        let proposal = services.proposal(by, None, Command::Audit(word))?;
        services.proposer.propose(proposal).await?;
        Ok::<_, WriteError>(())
    };
    let why = match tokio::time::timeout(NOTED_WITHIN, write).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it takes too long".to_owned(),
    };
    let Actor { kind, id, name, address } = &by.actor;
    tracing::warn!(
        what,
        target_id = target.as_deref(),
        actor_kind = kind.as_str(),
        actor_id = id.as_deref(),
        actor_name = name.as_deref(),
        address = address.map(tracing::field::display),
        why,
        "this is not, or may not be, in the audit"
    );
}

/// The loop that tells in the log of this node what comes into the audit, on whichever node it was asked for.
#[derive(Debug)]
pub struct AuditLog {
    services: Services,
    /// The number of the last entry that was told, or that was there before.
    told: Option<u64>,
}

impl AuditLog {
    /// The loop, with what it works with.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self { services, told: None }
    }

    /// Tells for as long as the node runs.
    pub async fn run(mut self) {
        let complaint = Seldom::default();
        loop {
            match self.tick().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => complaint
                    .say(|| tracing::warn!(%error, "the audit cannot be read for the log; trying again")),
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Tells some. Answers whether there may be more.
    async fn tick(&mut self) -> Result<bool, LoopError> {
        let store = &self.services.store;
        let Some(told) = self.told else {
            self.told = Some(store.read(Reader::newest_audit).await?);
            return Ok(true);
        };
        let rows = store.read(move |reader| reader.audit_after(told, AT_ONCE)).await?;
        let old = self.services.env.now().saturating_sub(OLD_MS);
        for row in &rows {
            if row.at >= old {
                tell(row);
            }
            self.told = Some(row.seq);
        }
        Ok(rows.len() == AT_ONCE)
    }
}

fn tell(row: &AuditRow) {
    let AuditRow { seq, at, what, by, target, name, difference } = row;
    let actor = by.as_ref().map(|by| &by.actor);
    let difference = difference.to_text();
    tracing::info!(
        seq,
        at = format_rfc3339(*at),
        what = what.as_str(),
        target_id = target.as_deref(),
        target_name = name.as_deref(),
        actor_kind = actor.map(|actor| actor.kind.as_str()),
        actor_id = actor.and_then(|actor| actor.id.as_deref()),
        actor_name = actor.and_then(|actor| actor.name.as_deref()),
        address = actor.and_then(|actor| actor.address).map(tracing::field::display),
        note = by.as_ref().and_then(|by| by.note.as_ref()).map(Note::as_str),
        difference,
        "audit"
    );
}
