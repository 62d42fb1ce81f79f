//! What happens, as the server tells it.

use std::collections::VecDeque;

use bytes::Bytes;
use chronos_api::StreamEvent;
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::Value;

use crate::path::path;
use crate::{Client, Connection, Error, EventQuery};

/// The longest event that is read. The server's are a few KiB.
const LONGEST_EVENT: usize = 1 << 20;

impl Client {
    /// Listens for what happens. Answers once the server tells it.
    ///
    /// # Errors
    /// See [`Error`]; 404 where there is no such job, 503 where too many listen to the server already.
    pub async fn events(&self, query: &EventQuery) -> Result<EventStream, Error> {
        let asked = query.query().of(path(&["events"]));
        let after = query.after.as_deref().map(|id| ("last-event-id", id));
        let headers: Vec<_> = [("accept", "text/event-stream")].into_iter().chain(after).collect();
        let request = self.server.request(Method::GET, &asked, &headers, Bytes::new())?;
        let deadline = self.deadline();
        let (connection, response) = self.send(request, deadline).await?;
        if response.status() != StatusCode::OK {
            return Err(self.by(deadline, self.server.read(response)).await??.refusal());
        }
        let text = EventText { last_id: query.after.clone(), ..EventText::default() };
        Ok(EventStream { client: self.clone(), _connection: connection, body: response.into_body(), text })
    }
}

/// Events on their way. Dropped, it hangs up.
#[derive(Debug)]
pub struct EventStream {
    client: Client,
    /// The body comes as long as the connection is there.
    _connection: Connection,
    body: Incoming,
    text: EventText,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeardEvent {
    /// Its id, for whoever comes back; none of what is told of the cluster.
    pub id: Option<String>,
    /// What it says.
    pub event: StreamEvent,
}

impl EventStream {
    /// The id from which to go on, on any node: of the last event that was heard, or of a later one before which nothing
    /// was to be told.
    #[must_use]
    pub fn last_id(&self) -> Option<&str> {
        self.text.told_id.as_deref().or(self.text.last_id.as_deref())
    }

    /// The next event; none where the server ends. The server says something every 15 s, so silence that lasts longer
    /// than a call may take is an error. What only a later release knows is passed over.
    ///
    /// # Errors
    /// [`Error::Unanswered`]: the connection broke, or the server let this client go because it was too slow. Come back
    /// with [`EventStream::last_id`].
    pub async fn next(&mut self) -> Result<Option<HeardEvent>, Error> {
        loop {
            if let Some((heard, last_id)) = self.text.ready.pop_front() {
                self.text.told_id = last_id;
                match heard {
                    Some(heard) => return Ok(Some(heard)),
                    None => continue,
                }
            }
            let frame = self.client.by(self.client.deadline(), self.body.frame()).await?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| self.client.server.unanswered(error))?;
            if let Ok(data) = frame.into_data() {
                self.text.take(&data).map_err(|why| self.client.server.unanswered(why))?;
            }
        }
    }
}

/// Reads the text of events.
#[derive(Debug, Default)]
struct EventText {
    /// What has come of an event that is not whole.
    begun: Vec<u8>,
    /// The id that came last.
    last_id: Option<String>,
    /// The same as of what was given out.
    told_id: Option<String>,
    /// What was read, with the last id then; nothing where there was an id alone.
    ready: VecDeque<(Option<HeardEvent>, Option<String>)>,
}

impl EventText {
    /// Takes what came.
    fn take(&mut self, data: &[u8]) -> Result<(), String> {
        self.begun.extend_from_slice(data);
        let mut done = 0;
        while let Some(length) = self.begun[done..].windows(2).position(|two| two == b"\n\n") {
            let text = String::from_utf8_lossy(&self.begun[done..done + length]).into_owned();
            done += length + 2;
            let heard = self.event(&text)?;
            self.ready.push_back((heard, self.last_id.clone()));
        }
        self.begun.drain(..done);
        if self.begun.len() > LONGEST_EVENT {
            return Err(format!("an event has more than {LONGEST_EVENT} bytes"));
        }
        Ok(())
    }

    fn event(&mut self, text: &str) -> Result<Option<HeardEvent>, String> {
        let (mut id, mut kind, mut data) = (None, "", String::new());
        for line in text.lines() {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => id = Some(value.to_owned()),
                "event" => kind = value,
                "data" if data.is_empty() => value.clone_into(&mut data),
                "data" => data = format!("{data}\n{value}"),
                _ => {}
            }
        }
        if id.is_some() {
            self.last_id.clone_from(&id);
        }
        if data.is_empty() {
            return Ok(None);
        }
        let wrong = |error| format!("the event {kind:?} cannot be read: {error}");
        let value: Value = serde_json::from_str(&data).map_err(wrong)?;
        let event = StreamEvent::read(kind, value).map_err(wrong)?;
        Ok(event.map(|event| HeardEvent { id, event }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = "id: c-7-0\nevent: job.created\ndata: {\"type\":\"job.created\",\"time\":\"t\",\
        \"job_id\":\"i\",\"job_name\":\"a\",\"job_version\":1}\n\n";

    #[test]
    fn events_are_read_wherever_their_text_is_cut() {
        let unknown = "id: c-7-1\nevent: moon.rose\ndata: {}\n\n";
        let text = format!("retry: 2000\n\n{JOB}{unknown}:\nid: c-9-0\n\n{JOB}");
        for size in [1, 2, 3, 7, 50, 1_000] {
            let mut read = EventText::default();
            text.as_bytes().chunks(size).for_each(|part| read.take(part).expect("events"));
            let ids: Vec<_> = read.ready.iter().map(|(_, last)| last.as_deref()).collect();
            assert_eq!(ids, [None, Some("c-7-0"), Some("c-7-1"), Some("c-9-0"), Some("c-7-0")]);
            let heard: Vec<_> = read.ready.iter().filter_map(|(heard, _)| heard.as_ref()).collect();
            assert_eq!(heard.len(), 2);
            assert_eq!((heard[0].id.as_deref(), heard[0].event.kind()), (Some("c-7-0"), "job.created"));
            assert_eq!(read.begun.len(), 0);
        }
    }

    #[test]
    fn what_is_no_event_of_ours_is_told() {
        let mut read = EventText::default();
        let error = read.take(b"event: job.created\ndata: {}\n\n").expect_err("no job");
        assert!(error.starts_with("the event \"job.created\" cannot be read: "), "{error}");
        assert!(read.take(&vec![b'x'; LONGEST_EVENT + 1]).is_err());
    }
}
