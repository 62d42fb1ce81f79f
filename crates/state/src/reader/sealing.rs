//! Which data key seals, which encryption keys are needed, and what is to be sealed anew.

use chronos_seal::{KeyId, Sealed, WrappedKey};
use chronos_types::{JobId, OperationId};
use rusqlite::Row;

use super::connection::Reader;
use super::secrets::SecretRow;
use crate::command::{BulkAction, SECRETS_SINCE, SealCursor};
use crate::error::StateError;
use crate::run::JobSeq;
use crate::schema;
use crate::stored::operation::{self, StoredOperation};
use crate::stored::overrides::StoredOverrides;
use crate::stored::sealing::{self, Sealing};
use crate::stored::spec::StoredSpec;
use crate::stored::webhook::StoredWebhook;
use crate::stored::{columns, row};

/// So many records, and so many bytes of their texts, are looked at at once. The first is taken always.
const LOOKED_AT: usize = 500;
const LOOKED_AT_BYTES: usize = 384 << 10;

/// What is sealed, or is to be.
#[derive(Clone, Debug, PartialEq)]
pub enum SealedRecord {
    /// A named secret.
    Secret(Box<SecretRow>),
    /// The webhook of a version of a job.
    Webhook {
        /// The number of the job.
        job: JobSeq,
        /// Its id.
        id: JobId,
        /// The version.
        version: u64,
        /// The webhook, without its body.
        webhook: Box<StoredWebhook<'static>>,
    },
    /// What an execution sends of its own.
    Overrides {
        /// The number of the execution.
        execution: i64,
        /// Its job.
        job: JobId,
        /// The header in which the `auth` of the job is sent.
        sent: Option<String>,
        /// What it sends, without the body.
        overrides: Box<StoredOverrides>,
    },
    /// The change that an operation makes.
    Patch(OperationId, BulkAction),
}

/// Records that come next.
#[derive(Clone, Debug, PartialEq)]
pub struct SealedRecords {
    /// They, in their order. Those that hold nothing that could be sealed are left out.
    pub records: Vec<SealedRecord>,
    /// The place that was come to.
    pub to: SealCursor,
    /// So many could not be read.
    pub unread: u32,
}

/// The bound on what is looked at.
struct Looked {
    count: usize,
    bytes: usize,
}

impl Looked {
    /// Whether one more with so many bytes has a place.
    fn takes(&mut self, bytes: usize) -> bool {
        let takes = self.count == 0 || self.count < LOOKED_AT && self.bytes + bytes <= LOOKED_AT_BYTES;
        self.count += 1;
        self.bytes += bytes;
        takes
    }
}

impl Reader {
    /// The data key that seals; none where nothing is sealed.
    ///
    /// # Errors
    /// The storage failed.
    pub fn sealing_key(&self) -> Result<Option<WrappedKey>, StateError> {
        if !self.may_seal()? {
            return Ok(None);
        }
        let Some(id) = sealing::key(&self.connection)? else { return Ok(None) };
        self.data_key_by(id)?.map(Some).ok_or_else(|| row::missing("data_keys", id))
    }

    /// A data key, by its id.
    ///
    /// # Errors
    /// The storage failed.
    pub fn data_key_by(&self, id: KeyId) -> Result<Option<WrappedKey>, StateError> {
        if self.may_seal()? { self.data_key("id", &id.to_string()) } else { Ok(None) }
    }

    /// All data keys, the oldest first.
    ///
    /// # Errors
    /// The storage failed.
    pub fn data_keys(&self) -> Result<Vec<WrappedKey>, StateError> {
        if !self.may_seal()? {
            return Ok(Vec::new());
        }
        let mut statement =
            self.connection.prepare_cached("SELECT id FROM data_keys ORDER BY created_at, id")?;
        let ids = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
        let mut keys = Vec::with_capacity(ids.len());
        for id in ids {
            keys.extend(self.data_key("id", &id)?);
        }
        Ok(keys)
    }

    /// The encryption keys that a node needs to open what there is.
    ///
    /// # Errors
    /// The storage failed.
    pub fn needed_keys(&self) -> Result<Vec<KeyId>, StateError> {
        if !self.may_seal()? {
            return Ok(Vec::new());
        }
        let sql = "SELECT id, wrapped_by FROM data_keys ORDER BY created_at, id";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        let mut needed = Vec::new();
        while let Some(row) = rows.next()? {
            let key = row::read("data_keys", row, |row| Ok(KeyId::parse(row.get_ref(1)?.as_str()?)))?;
            needed.extend(key.filter(|key| !needed.contains(key)));
        }
        Ok(needed)
    }

    /// The key of the fingerprints of requests, sealed.
    ///
    /// # Errors
    /// The storage failed.
    pub fn fingerprint_key(&self) -> Result<Option<Sealed>, StateError> {
        if self.may_seal()? { sealing::fingerprints(&self.connection) } else { Ok(None) }
    }

    /// How far it has come that all is sealed by the data key that seals; none where nothing is sealed.
    ///
    /// # Errors
    /// The storage failed.
    pub fn sealing(&self) -> Result<Option<Sealing>, StateError> {
        if self.may_seal()? { sealing::progress(&self.connection) } else { Ok(None) }
    }

    /// The records behind a place, as many as are looked at at once.
    ///
    /// # Errors
    /// The storage failed.
    pub fn sealed_records(&self, from: &SealCursor) -> Result<SealedRecords, StateError> {
        let mut found = SealedRecords { records: Vec::new(), to: SealCursor::End, unread: 0 };
        if !self.may_seal()? {
            return Ok(found);
        }
        let mut looked = Looked { count: 0, bytes: 0 };
        // Behind the last record of one kind the next kind begins.
        let next = match from {
            SealCursor::Start => self.sealed_secrets("", &mut looked, &mut found)?,
            SealCursor::Secret(name) => self.sealed_secrets(name, &mut looked, &mut found)?,
            SealCursor::Job(job) => self.sealed_jobs(*job, &mut looked, &mut found)?,
            SealCursor::Version(job, version) => {
                self.sealed_versions(*job, *version, &mut looked, &mut found)?
            }
            SealCursor::Execution(execution) => self.sealed_overrides(*execution, &mut looked, &mut found)?,
            SealCursor::Operation(id) => self.sealed_patches(*id, &mut looked, &mut found)?,
            SealCursor::End => SealCursor::End,
        };
        found.to = next;
        Ok(found)
    }

    fn sealed_secrets(
        &self,
        after: &str,
        looked: &mut Looked,
        found: &mut SealedRecords,
    ) -> Result<SealCursor, StateError> {
        let sql = "SELECT name, length(value) FROM secrets WHERE name > ?1 ORDER BY name";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([after])?;
        let mut last = after.to_owned();
        while let Some(row) = rows.next()? {
            if !looked.takes(row.get(1)?) {
                return Ok(SealCursor::Secret(last));
            }
            last = row.get(0)?;
            found.records.extend(self.secret(&last)?.map(|row| SealedRecord::Secret(Box::new(row))));
        }
        Ok(SealCursor::Job(JobSeq::default()))
    }

    fn sealed_jobs(
        &self,
        after: JobSeq,
        looked: &mut Looked,
        found: &mut SealedRecords,
    ) -> Result<SealCursor, StateError> {
        let sql = "SELECT seq, version, spec, id FROM jobs WHERE seq > ?1 ORDER BY seq";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([after.get()])?;
        let mut last = after;
        while let Some(row) = rows.next()? {
            let Some((job, _)) = webhook("jobs", row, looked, found)? else {
                return Ok(SealCursor::Job(last));
            };
            last = job;
        }
        Ok(SealCursor::Version(JobSeq::default(), 0))
    }

    fn sealed_versions(
        &self,
        job: JobSeq,
        version: u64,
        looked: &mut Looked,
        found: &mut SealedRecords,
    ) -> Result<SealCursor, StateError> {
        let sql = "SELECT v.seq, v.version, v.spec, j.id FROM versions v JOIN jobs j ON j.seq = v.seq
            WHERE (v.seq, v.version) > (?1, ?2) ORDER BY v.seq, v.version";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query((job.get(), i64::try_from(version).unwrap_or(i64::MAX)))?;
        let mut last = (job, version);
        while let Some(row) = rows.next()? {
            let Some(place) = webhook("versions", row, looked, found)? else {
                return Ok(SealCursor::Version(last.0, last.1));
            };
            last = place;
        }
        Ok(SealCursor::Execution(0))
    }

    fn sealed_overrides(
        &self,
        after: i64,
        looked: &mut Looked,
        found: &mut SealedRecords,
    ) -> Result<SealCursor, StateError> {
        let sql = "SELECT o.execution, NULL, o.headers, o.sealed, e.job, e.version, j.id
            FROM overrides o JOIN executions e ON e.seq = o.execution JOIN jobs j ON j.seq = e.job
            WHERE o.execution > ?1 ORDER BY o.execution";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([after])?;
        let mut last = after;
        while let Some(row) = rows.next()? {
            let read = |row: &Row<'_>| {
                let stored = columns::overrides(row)?;
                Ok((stored, columns::job_seq(row, 4)?, row.get::<_, u64>(5)?, JobId::from_bytes(row.get(6)?)))
            };
            let (stored, seq, version, job) = row::read("overrides", row, read)?;
            let bytes = stored.as_ref().map_or(0, StoredOverrides::weight);
            if !looked.takes(bytes) {
                return Ok(SealCursor::Execution(last));
            }
            last = row.get(0)?;
            let Ok(overrides) = stored else {
                found.unread += 1;
                continue;
            };
            if overrides.headers.is_empty() {
                continue;
            }
            let sent = self.auth_header(seq, version)?;
            let overrides = Box::new(overrides);
            found.records.push(SealedRecord::Overrides { execution: last, job, sent, overrides });
        }
        Ok(SealCursor::Operation(OperationId::from_bytes([0; 16])))
    }

    fn sealed_patches(
        &self,
        after: OperationId,
        looked: &mut Looked,
        found: &mut SealedRecords,
    ) -> Result<SealCursor, StateError> {
        let sql = "SELECT id, asked, length(asked) FROM operations WHERE id > ?1 ORDER BY id";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([after.as_bytes()])?;
        let mut last = after;
        while let Some(row) = rows.next()? {
            if !looked.takes(row.get(2)?) {
                return Ok(SealCursor::Operation(last));
            }
            last = OperationId::from_bytes(row.get(0)?);
            match operation::read::<StoredOperation>(row.get_ref(1)?) {
                Ok(StoredOperation { spec, .. }) => {
                    let action = spec.action;
                    if matches!(action, BulkAction::Patch(_) | BulkAction::SealedPatch(_)) {
                        found.records.push(SealedRecord::Patch(last, action));
                    }
                }
                Err(_) => found.unread += 1,
            }
        }
        Ok(SealCursor::End)
    }

    /// The header in which the `auth` of a version of a job is sent.
    fn auth_header(&self, job: JobSeq, version: u64) -> Result<Option<String>, StateError> {
        let version = i64::try_from(version).unwrap_or(i64::MAX);
        for table in ["jobs", "versions"] {
            let sql = format!("SELECT spec FROM {table} WHERE seq = ?1 AND version = ?2");
            let mut statement = self.connection.prepare_cached(&sql)?;
            let mut rows = statement.query((job.get(), version))?;
            if let Some(row) = rows.next()? {
                let text = row.get_ref(0)?.as_str().unwrap_or_default();
                let spec = serde_json::from_str::<StoredSpec<'_>>(text).ok();
                return Ok(spec.and_then(|spec| spec.webhook.auth_header()));
            }
        }
        Ok(None)
    }

    fn may_seal(&self) -> Result<bool, StateError> {
        Ok(schema::version(&self.connection)? >= SECRETS_SINCE)
    }
}

/// Adds the webhook of a version. Answers its place, or nothing where there is no room for it.
fn webhook(
    table: &str,
    row: &Row<'_>,
    looked: &mut Looked,
    found: &mut SealedRecords,
) -> Result<Option<(JobSeq, u64)>, StateError> {
    row::read(table, row, |row| {
        let text = row.get_ref(2)?.as_str().unwrap_or_default();
        if !looked.takes(text.len()) {
            return Ok(None);
        }
        let (job, version, id) = (columns::job_seq(row, 0)?, row.get(1)?, JobId::from_bytes(row.get(3)?));
        match serde_json::from_str::<StoredSpec<'_>>(text) {
            Ok(spec) => {
                let webhook = Box::new(StoredWebhook { body: None, ..spec.webhook }.into_owned());
                found.records.push(SealedRecord::Webhook { job, id, version, webhook });
            }
            Err(_) => found.unread += 1,
        }
        Ok(Some((job, version)))
    })
}
