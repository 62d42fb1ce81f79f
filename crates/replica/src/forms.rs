//! How values of openraft stand on the disk and on the wire: as structs of our own, so that a move to another
//! version of openraft changes no byte.
//!
//! The rest of the crate holds openraft's values. A field of a stored or sent struct names its form, as in
//! `#[serde(with = "As::<VoteForm>")]`. A form reads strictly: what it does not know, and what could not be a
//! value of openraft, is an error.

mod log_id;
mod members;
pub(crate) mod note;
mod snapshot;
mod vote;

use std::marker::PhantomData;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) use log_id::{LogIdForm, told};
pub(crate) use members::{MembersForm, StoredMembersForm};
pub(crate) use snapshot::SnapshotForm;
pub(crate) use vote::VoteForm;

/// The form of a value, which it may borrow from.
pub(crate) trait Form<'a, T>: Sized {
    /// The value in this form.
    fn of(value: &'a T) -> Self;

    /// The value, or why there is none such.
    fn into_value(self) -> Result<T, String>;
}

impl<'a, T, F: Form<'a, T>> Form<'a, Option<T>> for Option<F> {
    fn of(value: &'a Option<T>) -> Self {
        value.as_ref().map(F::of)
    }

    fn into_value(self) -> Result<Option<T>, String> {
        self.map(F::into_value).transpose()
    }
}

/// For `serde(with)`: writes and reads a field in the form `F`.
pub(crate) struct As<F>(PhantomData<F>);

impl<F> As<F> {
    pub(crate) fn serialize<'a, T, S: Serializer>(value: &'a T, serializer: S) -> Result<S::Ok, S::Error>
    where
        F: Form<'a, T> + Serialize,
    {
        F::of(value).serialize(serializer)
    }

    pub(crate) fn deserialize<'a, 'de, T, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error>
    where
        F: Form<'a, T> + Deserialize<'de>,
    {
        F::deserialize(deserializer)?.into_value().map_err(D::Error::custom)
    }
}
