//! The stored form of the events of an entry of the log, one behind the other.
//!
//! There are two for each run, so they are short: a byte for the type, numbers of as many bytes as they need, instants
//! counted from that of the entry, and nothing that can be looked up when the event is told. What is not known here is
//! for a later version of the cluster to bring: all nodes of one version write the same.

use chronos_types::{ErrorKind, EventType, ExecutionId, JobId, Millis, OperationId, Trigger};

use super::code::Code;
use crate::run::JobSeq;

/// What happened, as an entry of the log has left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// To a job.
    Job(JobEvent),
    /// To an execution.
    Execution(ExecutionEvent),
    /// To an operation.
    Operation(OperationEvent),
}

/// What happened to a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobEvent {
    /// What it was.
    pub what: EventType,
    /// The machine's own number of the job.
    pub job: JobSeq,
    /// The job.
    pub id: JobId,
    /// Its version then; of one that was deleted, the last one.
    pub version: u64,
    /// Its name then.
    pub name: String,
}

/// What happened to an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionEvent {
    /// What it was.
    pub what: EventType,
    /// The machine's own number of its job.
    pub job: JobSeq,
    /// The execution.
    pub id: ExecutionId,
    /// What asked for it.
    pub trigger: Trigger,
    /// The instant it was scheduled for.
    pub scheduled_time: Millis,
    /// Attempts begun.
    pub attempts: u32,
    /// The status of the response to the last attempt, where there was one.
    pub status_code: Option<u16>,
    /// What went wrong last.
    pub error_kind: Option<ErrorKind>,
    /// How long it took as a whole, where it is over and had begun.
    pub duration_ms: Option<u64>,
}

/// What happened to an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationEvent {
    /// What it was.
    pub what: EventType,
    /// The operation.
    pub id: OperationId,
    /// With so many targets it had done what was asked for.
    pub done: u64,
    /// With so many nothing could be done.
    pub refused: u64,
}

const HAS_STATUS_CODE: u8 = 1;
const HAS_ERROR_KIND: u8 = 2;
const HAS_DURATION: u8 = 4;

impl Event {
    /// What it was.
    #[must_use]
    pub fn what(&self) -> EventType {
        match self {
            Self::Job(event) => event.what,
            Self::Execution(event) => event.what,
            Self::Operation(event) => event.what,
        }
    }

    /// The job that it is about; none of what is about an operation.
    #[must_use]
    pub fn job(&self) -> Option<JobSeq> {
        match self {
            Self::Job(event) => Some(event.job),
            Self::Execution(event) => Some(event.job),
            Self::Operation(_) => None,
        }
    }

    /// Adds it to the events of an entry of this instant.
    pub(crate) fn write(&self, at: Millis, out: &mut Vec<u8>) {
        match self {
            Self::Job(JobEvent { what, job, id, version, name }) => {
                code(*what, out);
                number(job.get().cast_unsigned(), out);
                out.extend_from_slice(id.as_bytes());
                number(*version, out);
                number(name.len() as u64, out);
                out.extend_from_slice(name.as_bytes());
            }
            Self::Execution(event) => event.write(at, out),
            Self::Operation(OperationEvent { what, id, done, refused }) => {
                code(*what, out);
                out.extend_from_slice(id.as_bytes());
                number(*done, out);
                number(*refused, out);
            }
        }
    }
}

impl ExecutionEvent {
    fn write(&self, at: Millis, out: &mut Vec<u8>) {
        let Self { what, job, id, trigger, scheduled_time, attempts, status_code, error_kind, duration_ms } =
            self;
        code(*what, out);
        number(job.get().cast_unsigned(), out);
        out.extend_from_slice(id.as_bytes());
        code(*trigger, out);
        signed(scheduled_time.wrapping_sub(at), out);
        number((*attempts).into(), out);
        let has = |is_there: bool, flag: u8| if is_there { flag } else { 0 };
        out.push(
            has(status_code.is_some(), HAS_STATUS_CODE)
                | has(error_kind.is_some(), HAS_ERROR_KIND)
                | has(duration_ms.is_some(), HAS_DURATION),
        );
        if let Some(status) = status_code {
            number((*status).into(), out);
        }
        if let Some(kind) = error_kind {
            code(*kind, out);
        }
        if let Some(duration) = duration_ms {
            number(*duration, out);
        }
    }
}

/// Reads the events of an entry of this instant.
///
/// # Errors
/// They are in no form that this release knows.
pub(crate) fn read(at: Millis, body: &[u8]) -> Result<Vec<Event>, String> {
    let mut rest = Rest(body);
    let mut events = Vec::with_capacity(body.len() / 24);
    while !rest.0.is_empty() {
        let number = events.len();
        let event =
            rest.event(at).ok_or_else(|| format!("its event {number} is in no form that is known"))?;
        events.push(event);
    }
    Ok(events)
}

/// Adds the number of an enum's value. There are few of each.
fn code<C: Code>(value: C, out: &mut Vec<u8>) {
    out.push(u8::try_from(value.code()).unwrap_or(u8::MAX));
}

/// Adds a number, seven bits a byte, the lowest first.
fn number(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Adds a number that may be negative: small ones are short, whichever side of zero they are.
fn signed(value: i64, out: &mut Vec<u8>) {
    number(((value << 1) ^ (value >> 63)).cast_unsigned(), out);
}

/// What is left to read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn event(&mut self, at: Millis) -> Option<Event> {
        let what: EventType = self.code()?;
        if what.topic() == EventType::OperationDone.topic() {
            let (id, done, refused) =
                (OperationId::from_bytes(self.bytes()?), self.number()?, self.number()?);
            return Some(Event::Operation(OperationEvent { what, id, done, refused }));
        }
        let job = JobSeq::new(self.number()?.cast_signed());
        let id = self.bytes()?;
        if what.status().is_none() {
            let (version, length) = (self.number()?, usize::try_from(self.number()?).ok()?);
            let (name, rest) = self.0.split_at_checked(length)?;
            self.0 = rest;
            let (id, name) = (JobId::from_bytes(id), String::from_utf8_lossy(name).into_owned());
            return Some(Event::Job(JobEvent { what, job, id, version, name }));
        }
        let trigger = self.code()?;
        let scheduled_time = at.wrapping_add(self.signed()?);
        let attempts = u32::try_from(self.number()?).ok()?;
        let has = self.byte()?;
        let status_code = match has & HAS_STATUS_CODE {
            0 => None,
            _ => Some(u16::try_from(self.number()?).ok()?),
        };
        let error_kind = if has & HAS_ERROR_KIND == 0 { None } else { Some(self.code()?) };
        let duration_ms = if has & HAS_DURATION == 0 { None } else { Some(self.number()?) };
        let id = ExecutionId::from_bytes(id);
        let event = ExecutionEvent {
            what,
            job,
            id,
            trigger,
            scheduled_time,
            attempts,
            status_code,
            error_kind,
            duration_ms,
        };
        Some(Event::Execution(event))
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn code<C: Code>(&mut self) -> Option<C> {
        C::known(self.byte()?.into())
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let value = self.number()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(what: EventType) -> ExecutionEvent {
        ExecutionEvent {
            what,
            job: JobSeq::new(300),
            id: ExecutionId::from_bytes([7; 16]),
            trigger: Trigger::Schedule,
            scheduled_time: 1_764_000_000_000,
            attempts: 1,
            status_code: Some(204),
            error_kind: None,
            duration_ms: Some(41),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let at = 1_764_000_000_050;
        let job = |version, name: &str| {
            let id = JobId::from_bytes([9; 16]);
            Event::Job(JobEvent {
                what: EventType::JobChanged,
                job: JobSeq::new(1),
                id,
                version,
                name: name.into(),
            })
        };
        let operation = OperationEvent {
            what: EventType::OperationProgressed,
            id: OperationId::from_bytes([5; 16]),
            done: 1_000,
            refused: u64::MAX,
        };
        let mut events =
            vec![Event::Operation(operation), job(1, "a"), job(u64::MAX, &"x".repeat(255)), job(3, "")];
        for what in EventType::ALL.iter().filter(|what| what.status().is_some()) {
            events.push(Event::Execution(run(*what)));
            for kind in ErrorKind::ALL {
                let other = ExecutionEvent {
                    job: JobSeq::new(i64::MAX),
                    trigger: Trigger::Replay,
                    scheduled_time: Millis::MIN,
                    attempts: u32::MAX,
                    status_code: None,
                    error_kind: Some(*kind),
                    duration_ms: None,
                    ..run(*what)
                };
                events.push(Event::Execution(other));
            }
        }
        let mut body = Vec::new();
        events.iter().for_each(|event| event.write(at, &mut body));
        assert_eq!(read(at, &body), Ok(events));
        // Cut off anywhere, it is read up to there or refused, and nothing panics.
        for length in 0..body.len() {
            let _ = read(at, &body[..length]);
        }
        assert_eq!(read(at, &[250]), Err("its event 0 is in no form that is known".into()));
    }

    #[test]
    fn what_comes_of_a_run_takes_some_thirty_bytes() {
        let mut body = Vec::new();
        Event::Execution(run(EventType::ExecutionSucceeded)).write(1_764_000_000_050, &mut body);
        assert_eq!(body.len(), 26);
    }
}
