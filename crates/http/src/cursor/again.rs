//! Cursors, for those outside this crate who make cursors up.

use chronos_state::{AuditPlace, JobPlace};
use chronos_types::{ExecutionId, OperationId};

use super::Binding;
use crate::place::Place;

/// The cursors of one list with its filters. The fuzz target of cursors asks this what the pages of the list read in one.
pub struct Cursors {
    binding: Binding,
    again: fn(&[u8]) -> Option<Vec<u8>>,
}

impl Cursors {
    /// Lists that have cursors: one for each kind of place.
    pub const LISTS: [&str; 6] = ["jobs", "executions", "operations", "audit", "secrets", "versions"];

    /// The cursors of a list with these filters. `None` where it is none of [`Cursors::LISTS`].
    #[must_use]
    pub fn of(list: &str, filters: &[&str]) -> Option<Self> {
        let again = match list {
            "jobs" => again::<JobPlace>,
            "executions" => again::<ExecutionId>,
            "operations" => again::<OperationId>,
            "audit" => again::<AuditPlace>,
            "secrets" => again::<String>,
            "versions" => again::<u64>,
            _ => return None,
        };
        Some(Self { binding: Binding::new(list, filters), again })
    }

    /// A cursor that is bound to this list, with any bytes where the list puts its place.
    #[must_use]
    pub fn made_up(&self, place: &[u8]) -> String {
        self.binding.encode(place)
    }

    /// Reads a cursor as a page of the list does, and writes it again. `None` where the page refuses the cursor.
    #[must_use]
    pub fn again(&self, cursor: &str) -> Option<String> {
        let place = self.binding.decode(cursor)?;
        Some(self.binding.encode(&(self.again)(&place)?))
    }
}

fn again<P: Place>(bytes: &[u8]) -> Option<Vec<u8>> {
    P::read(bytes).map(|place| place.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_list_takes_it_writes_the_same_and_no_other_list_takes_it() {
        let places = [&[0, 0, 0, 0, 0, 0, 0, 0, 7][..], &[1; 16], &[1; 16], &[0; 16], b"github", &[7; 8]];
        for (list, place) in Cursors::LISTS.into_iter().zip(places) {
            let cursors = Cursors::of(list, &["enabled=true"]).expect(list);
            let cursor = cursors.made_up(place);
            assert_eq!(cursors.again(&cursor), Some(cursor.clone()), "{list}");
            assert_eq!(Cursors::of(list, &[]).expect(list).again(&cursor), None, "{list}");
            assert_eq!(cursors.again(&cursors.made_up(b"a place of no list")), None, "{list}");
        }
        assert!(Cursors::of("weather", &[]).is_none());
    }
}
