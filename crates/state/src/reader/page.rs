//! Lists that are read in parts: how much one part looks at, and where the next one begins.

use std::ops::ControlFlow;

use rusqlite::types::Value;

use crate::error::StateError;

/// Rows that a page looks at, whether they are what is asked for or not. To look at a job takes 2 to 4 µs.
const EXAMINED_ROWS: usize = 5_000;
/// Where no more executions than this may be meant, a page collects them.
pub(super) const MOST_COLLECTED: usize = 20_000;
/// Bytes of records that a page searches for a text. Some tenths of a second.
const EXAMINED_BYTES: u64 = 64 << 20;
/// Up to this a list is counted.
const COUNTED_ROWS: usize = 10_000;
/// Rows that are looked at to count a list. Some tenths of a second at most, where few of very many are meant.
const EXAMINED_TO_COUNT: usize = 100_000;

/// How much one page of a list may be. A page that reaches one of these ends there, and says where the list
/// goes on: so it may have fewer rows than were asked for, even none, and not be the last.
#[derive(Clone, Copy, Debug)]
pub struct PageLimits {
    /// Rows that the page has.
    pub rows: usize,
    /// Rows that are looked at.
    pub examined_rows: usize,
    /// Bytes of the records that are searched for a text.
    pub examined_bytes: u64,
}

impl PageLimits {
    /// Those of a page of so many rows.
    #[must_use]
    pub fn of(rows: usize) -> Self {
        Self { rows, examined_rows: EXAMINED_ROWS, examined_bytes: EXAMINED_BYTES }
    }

    /// Those of counting a list.
    #[must_use]
    pub fn of_count() -> Self {
        Self { examined_rows: EXAMINED_TO_COUNT, ..Self::of(COUNTED_ROWS) }
    }
}

/// How many rows a list has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// As many as were counted.
    pub count: u64,
    /// Whether that is all of them. If not, there are at least so many.
    pub exact: bool,
}

/// A row that a page looks at. `P` is its place in the list.
pub(super) struct Candidate<P> {
    pub place: P,
    /// The machine's number of it.
    pub seq: i64,
    /// Whether it is one of those that are asked for.
    pub fits: bool,
    /// Bytes that had to be searched to know.
    pub bytes: u64,
}

/// A page that is being read, along one statement or several.
pub(super) struct Walk<P> {
    limits: PageLimits,
    taken: usize,
    examined: usize,
    bytes: u64,
    last: Option<P>,
}

impl<P: Clone> Walk<P> {
    pub(super) fn new(limits: PageLimits) -> Self {
        Self { limits, taken: 0, examined: 0, bytes: 0, last: None }
    }

    /// Goes along rows, and has those taken that fit, until the page is full: `take` says when it has no place for a
    /// row. It breaks at the place of the last row that the page is done with, and continues where the rows have ended.
    pub(super) fn along(
        &mut self,
        mut next: impl FnMut() -> Result<Option<Candidate<P>>, StateError>,
        mut take: impl FnMut(&Candidate<P>) -> Result<bool, StateError>,
    ) -> Result<ControlFlow<Option<P>>, StateError> {
        let PageLimits { rows, examined_rows, examined_bytes } = self.limits;
        // The row behind the last one is looked at too, because it decides whether this page is the end.
        while let Some(candidate) = next()? {
            if self.examined >= examined_rows || self.bytes >= examined_bytes {
                return Ok(ControlFlow::Break(self.last.clone()));
            }
            if candidate.fits {
                if self.taken == rows || !take(&candidate)? {
                    return Ok(ControlFlow::Break(self.last.clone()));
                }
                self.taken += 1;
            }
            self.last = Some(candidate.place);
            self.examined += 1;
            self.bytes += candidate.bytes;
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Goes along the rows of a list as [`Walk::along`] does. Answers the place of the last row that the page is done with,
/// if there is more behind it.
pub(super) fn walk<P: Clone>(
    limits: PageLimits,
    next: impl FnMut() -> Result<Option<Candidate<P>>, StateError>,
    take: impl FnMut(&Candidate<P>) -> Result<bool, StateError>,
) -> Result<Option<P>, StateError> {
    Ok(Walk::new(limits).along(next, take)?.break_value().flatten())
}

/// Counts the rows that `read` has taken on a page of a count.
pub(super) fn count<P>(
    read: impl FnOnce(PageLimits, &mut dyn FnMut() -> bool) -> Result<Option<P>, StateError>,
) -> Result<Total, StateError> {
    let mut count = 0;
    let mut one_more = || {
        count += 1;
        true
    };
    let next = read(PageLimits::of_count(), &mut one_more)?;
    Ok(Total { count, exact: next.is_none() })
}

/// The values of a statement that is put together.
#[derive(Default)]
pub(super) struct Values(pub(super) Vec<Value>);

impl Values {
    /// Adds a value. Answers the parameter that stands for it.
    pub(super) fn add(&mut self, value: impl Into<Value>) -> String {
        self.0.push(value.into());
        format!("?{}", self.0.len())
    }
}

/// Rows by their numbers, as a statement takes them with `json_each`.
pub(super) fn numbers(rows: impl IntoIterator<Item = i64>) -> Value {
    let rows: Vec<_> = rows.into_iter().map(|row| row.to_string()).collect();
    format!("[{}]", rows.join(",")).into()
}
