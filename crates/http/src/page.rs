//! The text of a page of a list, written row after row where the rows are read.

use std::marker::PhantomData;

use bytes::Bytes;
use chronos_api::TimeWindow;
use chronos_engine::{PageEnd, PageWriter, Window};
use chronos_state::{AuditPlace, JobKey, JobPlace, JobSeq, Total};
use chronos_types::{ExecutionId, OperationId, format_rfc3339};
use serde::Serialize;

use crate::cursor::Binding;

/// Bytes of a page's rows, as they are written. A list of long records has fewer of them on a page, so that what
/// an answer holds in memory does not grow with them. Only the first row may be longer alone.
const MAX_BYTES: usize = 1 << 20;

/// Writes a page. Wire types are plain data with string keys, so that does not fail. `R` is a row as it is read, and `W` as a client sees it.
pub(crate) struct PageText<R, W, P> {
    text: Vec<u8>,
    is_empty: bool,
    binding: Binding,
    view: fn(&R) -> W,
    place: PhantomData<fn(P)>,
}

/// The fields of a page behind its rows.
#[derive(Serialize)]
struct End {
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<chronos_api::Total>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<TimeWindow>,
}

/// Where a list goes on, as a cursor holds it.
pub(crate) trait Place: Sized {
    fn bytes(&self) -> Vec<u8>;

    /// Reads what [`Place::bytes`] wrote.
    fn read(bytes: &[u8]) -> Option<Self>;
}

/// A number, what the job is ordered by where it has that, and its number.
impl Place for JobPlace {
    fn bytes(&self) -> Vec<u8> {
        let Self { key, seq } = self;
        let (kind, key) = match key {
            None => (0, Vec::new()),
            Some(JobKey::Number(number)) => (1, number.to_be_bytes().to_vec()),
            Some(JobKey::Text(text)) => (2, text.clone().into_bytes()),
        };
        [&[kind], &seq.get().to_be_bytes()[..], &key].concat()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (seq, key) = rest.split_first_chunk()?;
        let key = match kind {
            0 if key.is_empty() => None,
            1 => Some(JobKey::Number(i64::from_be_bytes(key.try_into().ok()?))),
            2 => Some(JobKey::Text(String::from_utf8(key.to_vec()).ok()?)),
            _ => return None,
        };
        Some(Self { key, seq: JobSeq::new(i64::from_be_bytes(*seq)) })
    }
}

impl Place for ExecutionId {
    fn bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_bytes)
    }
}

impl Place for OperationId {
    fn bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_bytes)
    }
}

/// When an entry was put on record, and its number.
impl Place for AuditPlace {
    fn bytes(&self) -> Vec<u8> {
        let Self { at, seq } = self;
        [at.to_be_bytes(), seq.to_be_bytes()].concat()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (at, seq) = bytes.split_first_chunk()?;
        Some(Self { at: i64::from_be_bytes(*at), seq: u64::read(seq)? })
    }
}

/// The number of a version.
impl Place for u64 {
    fn bytes(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

impl<R, W: Serialize, P> PageText<R, W, P> {
    /// A page without rows yet. `field` is the field that has them.
    pub(crate) fn new(field: &'static str, binding: Binding, view: fn(&R) -> W) -> Self {
        let text = format!("{{\"{field}\":[").into_bytes();
        Self { text, is_empty: true, binding, view, place: PhantomData }
    }
}

impl<R, W, P> PageWriter<R, P> for PageText<R, W, P>
where
    R: 'static,
    W: Serialize + 'static,
    P: Place + 'static,
{
    type Answer = Bytes;

    fn take(&mut self, row: R) -> bool {
        let before = self.text.len();
        if !self.is_empty {
            self.text.push(b',');
        }
        serde_json::to_writer(&mut self.text, &(self.view)(&row)).expect("wire types serialise");
        if self.text.len() > MAX_BYTES && !self.is_empty {
            self.text.truncate(before);
            return false;
        }
        self.is_empty = false;
        true
    }

    fn end(self, end: PageEnd<P>) -> Bytes {
        let Self { mut text, binding, .. } = self;
        let PageEnd { next, total, window } = end;
        let end = End {
            next_cursor: next.map(|place| binding.encode(&place.bytes())),
            total: total.map(|Total { count, exact }| chronos_api::Total { count, exact }),
            window: window.map(|Window { from, to }| TimeWindow {
                from: from.map(format_rfc3339),
                to: to.map(format_rfc3339),
            }),
        };
        text.extend_from_slice(b"],");
        let fields = serde_json::to_vec(&end).expect("wire types serialise");
        // They go on in the same object.
        text.extend_from_slice(&fields[1..]);
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> PageText<usize, String, u64> {
        PageText::new("rows", binding(), |size| "x".repeat(*size))
    }

    fn binding() -> Binding {
        Binding::new("rows", &[""; 0])
    }

    fn end(next: Option<u64>) -> PageEnd<u64> {
        PageEnd { next, total: None, window: None }
    }

    fn read(text: &[u8]) -> (Vec<usize>, Option<String>) {
        let value: serde_json::Value = serde_json::from_slice(text).expect("JSON");
        let rows = value["rows"].as_array().expect("rows");
        let sizes = rows.iter().map(|row| row.as_str().expect("a text").len()).collect();
        (sizes, value["next_cursor"].as_str().map(str::to_owned))
    }

    #[test]
    fn a_page_takes_rows_until_it_is_long_and_always_its_first() {
        for (rows, taken) in [
            (&[][..], &[][..]),
            (&[5, 7], &[5, 7]),
            (&[600_000, 400_000, 100_000], &[600_000, 400_000]),
            (&[600_000, 500_000], &[600_000]),
            (&[3_000_000, 1], &[3_000_000]),
        ] {
            let mut page = page();
            let count = rows.iter().take_while(|row| page.take(**row)).count();
            assert_eq!(count, taken.len());
            let text = page.end(end(None));
            assert!(text.len() <= MAX_BYTES + 100 || count == 1);
            assert_eq!(read(&text), (taken.to_vec(), None));
        }
    }

    #[test]
    fn the_cursor_is_that_of_the_list() {
        let (rows, cursor) = read(&page().end(end(Some(7))));
        assert_eq!(rows, [0; 0]);
        let position = binding().decode(&cursor.expect("a cursor"));
        assert_eq!(position.and_then(|bytes| u64::read(&bytes)), Some(7));
    }

    #[test]
    fn a_page_says_how_long_its_list_is_and_of_which_time() {
        let total = Some(Total { count: 7, exact: true });
        let window = Some(Window { from: Some(0), to: None });
        let text = page().end(PageEnd { next: None, total, window });
        let value: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(
            value,
            serde_json::json!({
                "rows": [],
                "next_cursor": null,
                "total": {"count": 7, "exact": true},
                "window": {"from": "1970-01-01T00:00:00.000Z", "to": null},
            })
        );
    }

    #[test]
    fn the_place_of_a_job_is_read_as_it_was_written_and_no_other_bytes_are() {
        let seq = JobSeq::new(7);
        for key in [None, Some(JobKey::Number(-1)), Some(JobKey::Text("näme".to_owned()))] {
            let place = JobPlace { key, seq };
            assert_eq!(JobPlace::read(&place.bytes()), Some(place));
        }
        for bad in [
            &[][..],
            &[0],
            &[0; 8],
            &[0; 10],
            &[1; 16],
            &[1; 18],
            &[3; 9],
            &[2, 0, 0, 0, 0, 0, 0, 0, 7, 0xff],
        ] {
            assert_eq!(JobPlace::read(bad), None, "{bad:?}");
        }
    }
}
