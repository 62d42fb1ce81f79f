//! What happened, entry by entry of the log, for those who listen.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chronos_types::{JobId, Millis};
use rusqlite::Row;

use super::connection::Reader;
use super::texts::JobTexts;
use crate::apply::events::ROW_BYTES;
use crate::command::EVENTS_SINCE;
use crate::error::StateError;
use crate::run::JobSeq;
use crate::schema;
use crate::stored::event::{self, Event};
use crate::stored::{raw, row};

/// Bytes of rows that a page has, the last one not counted.
const PAGE_BYTES: usize = 256 << 10;

/// The place of an event, which is the same on every node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventPlace {
    /// The index of its entry in the log; 0 is before all.
    pub index: u64,
    /// Its number among the events of the entry, from 0.
    pub n: u32,
}

/// An event on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Its place.
    pub place: EventPlace,
    /// When it was put on record, by the cluster's time.
    pub at: Millis,
    /// What happened.
    pub event: Event,
}

/// Events in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventPage {
    /// The events.
    pub events: Vec<RecordedEvent>,
    /// Why some between them cannot be read, by the index of their entry.
    pub unreadable: Vec<(u64, String)>,
    /// Whether all that came after the place that was asked for is on record still.
    pub is_whole: bool,
    /// Whether nothing comes after them.
    pub is_end: bool,
    /// The place up to which it reaches; that which was asked for, where nothing comes after it.
    pub upto: EventPlace,
    /// The index of the newest entry that has events; 0 where there is none.
    pub newest: u64,
}

/// What is told of the job of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventJob {
    /// The job.
    pub id: JobId,
    /// Its name; of one that is deleted, the last one.
    pub name: String,
    /// Its tags, likewise.
    pub tags: BTreeMap<String, String>,
}

/// A row.
struct Found {
    index: u64,
    /// Bytes that were put on record before it.
    before: u64,
}

impl Reader {
    /// The events after a place, about `most` of them: those of one entry are not parted. Where the cluster has no events
    /// yet, there are none.
    ///
    /// # Errors
    /// The storage failed.
    pub fn events(&self, after: EventPlace, most: usize) -> Result<EventPage, StateError> {
        let mut page = EventPage { is_whole: true, is_end: true, upto: after, ..EventPage::default() };
        if schema::version(&self.connection)? < EVENTS_SINCE {
            return Ok(page);
        }
        let Some(oldest) =
            self.event_row("SELECT place, upto, length(body) FROM events ORDER BY place LIMIT 1")?
        else {
            return Ok(page);
        };
        page.newest = self.newest_event_row()?.map_or(0, |newest| newest.index);
        page.is_whole = oldest.index <= after.index || (after == EventPlace::default() && oldest.before == 0);
        let sql = "SELECT place, at, body FROM events WHERE place >= ?1 ORDER BY place";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([after.index])?;
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            if page.events.len() >= most || bytes >= PAGE_BYTES {
                page.is_end = false;
                break;
            }
            bytes += row::read("events", row, |row| page.add(row, after))?;
        }
        Ok(page)
    }

    /// The place of the newest event; the place before all where there is none.
    ///
    /// # Errors
    /// The storage failed.
    pub fn newest_event(&self) -> Result<EventPlace, StateError> {
        let Some(newest) = self.newest_event_row()? else { return Ok(EventPlace::default()) };
        let sql = "SELECT place, at, body FROM events WHERE place = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([newest.index])?;
        let mut page = EventPage::default();
        if let Some(row) = rows.next()? {
            row::read("events", row, |row| page.add(row, EventPlace::default()))?;
        }
        Ok(page.upto)
    }

    /// The job of an event; none where it is not on record any more.
    ///
    /// # Errors
    /// The storage failed.
    pub fn event_job(&self, job: JobSeq) -> Result<Option<EventJob>, StateError> {
        let sql = "SELECT seq, id, name, spec FROM jobs WHERE seq = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([job.get()])?;
        let read = |row: &Row<'_>| {
            let (id, spec) = (JobId::from_bytes(row.get(1)?), row.get_ref(3)?);
            let JobTexts { name, tags, .. } = JobTexts::of(row.get_ref(2)?, spec);
            let owned = |(key, value): (Cow<'_, str>, Cow<'_, str>)| (key.into_owned(), value.into_owned());
            let name = match &*name {
                // A deleted job has given its name back.
                "" => raw::name(spec.as_str().unwrap_or_default()),
                name => name.to_owned(),
            };
            Ok(EventJob { id, name, tags: tags.into_iter().map(owned).collect() })
        };
        rows.next()?.map(|row| row::read("jobs", row, read)).transpose()
    }

    /// The job of this id, also if it is deleted, as long as anything refers to it.
    ///
    /// # Errors
    /// The storage failed.
    pub fn job_of_id(&self, id: JobId) -> Result<Option<JobSeq>, StateError> {
        let mut statement = self.connection.prepare_cached("SELECT seq FROM jobs WHERE id = ?1")?;
        let mut rows = statement.query([id.as_bytes()])?;
        Ok(rows.next()?.map(|row| row.get(0)).transpose()?.map(JobSeq::new))
    }

    /// What the events on record take, roughly.
    pub(super) fn event_bytes(&self) -> Result<u64, StateError> {
        if schema::version(&self.connection)? < EVENTS_SINCE {
            return Ok(0);
        }
        let sql = "SELECT coalesce((SELECT upto FROM events ORDER BY place DESC LIMIT 1), 0)
            - coalesce((SELECT upto FROM events ORDER BY place LIMIT 1), 0)";
        Ok(self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    }

    fn newest_event_row(&self) -> Result<Option<Found>, StateError> {
        if schema::version(&self.connection)? < EVENTS_SINCE {
            return Ok(None);
        }
        self.event_row("SELECT place, upto, length(body) FROM events ORDER BY place DESC LIMIT 1")
    }

    fn event_row(&self, sql: &str) -> Result<Option<Found>, StateError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        let read = |row: &Row<'_>| {
            let (upto, length): (u64, u64) = (row.get(1)?, row.get(2)?);
            let before = upto.saturating_sub(length + ROW_BYTES);
            Ok(Found { index: row.get(0)?, before })
        };
        rows.next()?.map(|row| row::read("events", row, read)).transpose()
    }
}

impl EventPage {
    /// Adds those of a row that come after a place. Answers how many bytes it has.
    fn add(&mut self, row: &Row<'_>, after: EventPlace) -> Result<usize, StateError> {
        let (index, at, body) = (row.get(0)?, row.get(1)?, row.get_ref(2)?);
        let body = body.as_blob().unwrap_or_default();
        match event::read(at, body) {
            Ok(events) => {
                let placed = (0..).zip(events).map(|(n, event)| RecordedEvent {
                    place: EventPlace { index, n },
                    at,
                    event,
                });
                self.events.extend(placed.filter(|event| event.place > after));
                let last = self.events.last().map(|event| event.place);
                self.upto = last.filter(|last| last.index == index).unwrap_or(self.upto);
            }
            Err(why) => {
                self.unreadable.push((index, why));
                self.upto = self.upto.max(EventPlace { index, n: 0 });
            }
        }
        Ok(body.len())
    }
}
