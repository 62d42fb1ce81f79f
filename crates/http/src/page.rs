//! The text of a page of a list, written row after row where the rows are read.

use std::marker::PhantomData;

use bytes::Bytes;
use chronos_api::TimeWindow;
use chronos_engine::{PageEnd, PageWriter, Window};
use chronos_state::Total;
use chronos_types::format_rfc3339;
use serde::Serialize;

use crate::cursor::Binding;
use crate::place::Place;

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
}
