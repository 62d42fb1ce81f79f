//! [`SetScope`]: where one tag is the scope, the jobs of a set have one value of it.

use chronos_state::{JobRow, Reader, StateError};
use chronos_types::JobSpec;

use super::BatchItems;
use super::plan::Portion;
use crate::change::set_differs;

/// The field that is wrong, and why.
type Refused = (String, String);

/// What is known of the values that jobs of the set of a batch have.
pub(super) struct SetScope {
    /// The set and the tag, where both are there.
    of: Option<(String, String)>,
    /// Values of jobs of the set, two at most.
    values: Vec<Option<String>>,
    /// Whether an item of this batch has the first of them.
    is_given: bool,
    /// Whether it has jobs beyond the scope of whoever asks.
    is_taken: bool,
}

impl SetScope {
    pub(super) fn read<I: BatchItems>(portion: &Portion<I>, reader: &Reader) -> Result<Self, StateError> {
        let set = portion.set.as_ref().map(|set| set.name.to_string());
        let is_taken = match &set {
            Some(set) => !reader.is_set_in(set, &portion.scope)?,
            None => false,
        };
        let of = set.zip(portion.services.scope_tag.as_ref().map(ToString::to_string));
        let mut values = match &of {
            Some((set, tag)) => reader.set_values(set, tag, None)?,
            None => Vec::new(),
        };
        let is_given = portion.set_value.is_some();
        if let (Some(value), true) = (&portion.set_value, values.is_empty()) {
            values.push(value.clone());
        }
        Ok(Self { of, values, is_given, is_taken })
    }

    /// Whether a job may have this specification as one of the set.
    pub(super) fn check(
        &mut self,
        reader: &Reader,
        stored: Option<&JobRow>,
        spec: &JobSpec,
    ) -> Result<Result<(), Refused>, StateError> {
        if self.is_taken {
            let why = "is taken; expected the name of another set".to_owned();
            return Ok(Err(("set".to_owned(), why)));
        }
        let Some((set, tag)) = &self.of else { return Ok(Ok(())) };
        let value = spec.tags.as_map().get(tag);
        if matches!(&self.values[..], [known] if known.as_ref() == value) {
            self.is_given = true;
            return Ok(Ok(()));
        }
        let mine = stored.filter(|row| row.set.as_ref() == Some(set));
        let before = mine.and_then(|row| row.job.spec.as_ref().ok()).map(|spec| spec.tags.as_map().get(tag));
        if before == Some(value) {
            // So it was, before one tag became the scope.
            return Ok(Ok(()));
        }
        let alone = match mine {
            Some(row) if !self.is_given => reader.set_values(set, tag, Some(row.seq))?.is_empty(),
            _ => self.values.is_empty(),
        };
        if alone {
            (self.values, self.is_given) = (vec![value.cloned()], true);
            return Ok(Ok(()));
        }
        let why = set_differs(&self.values, value, set);
        Ok(why.map_or(Ok(()), |why| Err((format!("tags.{tag}"), why))))
    }

    /// The value that jobs of the set have, once that is known.
    pub(super) fn value(self) -> Option<Option<String>> {
        self.values.into_iter().next().filter(|_| self.is_given)
    }
}
