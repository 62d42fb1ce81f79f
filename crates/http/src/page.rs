//! The text of a page of a list, written row after row where the rows are read.

use std::marker::PhantomData;

use bytes::Bytes;
use chronos_engine::PageWriter;
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

/// Where a list goes on, as a cursor holds it.
pub(crate) trait Place {
    fn bytes(&self) -> Vec<u8>;
}

impl Place for chronos_state::JobSeq {
    fn bytes(&self) -> Vec<u8> {
        self.get().to_be_bytes().to_vec()
    }
}

impl Place for chronos_types::ExecutionId {
    fn bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

impl Place for chronos_types::OperationId {
    fn bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

/// The number of a version.
impl Place for u64 {
    fn bytes(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
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

    fn end(self, next: Option<P>) -> Bytes {
        let Self { mut text, binding, .. } = self;
        // A cursor is base64: there is nothing to escape in it.
        let cursor =
            next.map_or("null".to_owned(), |place| format!("\"{}\"", binding.encode(&place.bytes())));
        text.extend_from_slice(format!("],\"next_cursor\":{cursor}}}").as_bytes());
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> PageText<usize, String, u64> {
        PageText::new("rows", Binding::new("rows", &[]), |size| "x".repeat(*size))
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
            let text = page.end(None);
            assert!(text.len() <= MAX_BYTES + 100 || count == 1);
            assert_eq!(read(&text), (taken.to_vec(), None));
        }
    }

    #[test]
    fn the_cursor_is_that_of_the_list() {
        let (rows, cursor) = read(&page().end(Some(7)));
        assert_eq!(rows, [0; 0]);
        let position = Binding::new("rows", &[]).decode(&cursor.expect("a cursor"));
        assert_eq!(position.map(u64::from_be_bytes), Some(7));
    }
}
