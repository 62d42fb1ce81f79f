//! Lists that are read in parts: how much one part looks at, and where the next one begins.

use crate::error::StateError;

/// Rows that a page looks at, whether they are what is asked for or not. Some tens of milliseconds.
const EXAMINED_ROWS: usize = 20_000;
/// Bytes of records that a page searches for a text. Some tenths of a second.
const EXAMINED_BYTES: u64 = 64 << 20;

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

/// Goes along the rows of a list, and has those taken that fit, until the page is full: `take` says when it has
/// no place for a row. Answers the place of the last row that the page is done with, if there is more behind it.
pub(super) fn walk<P: Copy>(
    limits: PageLimits,
    mut next: impl FnMut() -> Result<Option<Candidate<P>>, StateError>,
    mut take: impl FnMut(&Candidate<P>) -> Result<bool, StateError>,
) -> Result<Option<P>, StateError> {
    let PageLimits { rows, examined_rows, examined_bytes } = limits;
    let (mut taken, mut examined, mut bytes, mut last) = (0, 0, 0, None);
    // The row behind the last one is looked at too, because it decides whether this page is the end.
    while let Some(candidate) = next()? {
        if examined >= examined_rows || bytes >= examined_bytes {
            return Ok(last);
        }
        if candidate.fits {
            if taken == rows || !take(&candidate)? {
                return Ok(last);
            }
            taken += 1;
        }
        last = Some(candidate.place);
        examined += 1;
        bytes += candidate.bytes;
    }
    Ok(None)
}
