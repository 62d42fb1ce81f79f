//! Ids and triggers are kept as text in commands. `serde(with)` can name this module, and [`optional`] for
//! a value that may be absent.

use std::fmt;
use std::marker::PhantomData;

use chronos_types::{ExecutionId, JobId, KeyId, OperationId, Role, TokenHash, Trigger};
use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};

/// A type that is kept as text.
pub(crate) trait Text: Sized {
    fn from_text(text: &str) -> Result<Self, String>;
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
}

macro_rules! ids {
    ($($id:ty),*) => { $(impl Text for $id {
        fn from_text(text: &str) -> Result<Self, String> {
            Self::parse(text).map_err(|error| error.to_string())
        }
        fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(self)
        }
    })* };
}
ids!(JobId, ExecutionId, OperationId, KeyId);

impl Text for Trigger {
    fn from_text(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Text for Role {
    fn from_text(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Text for TokenHash {
    fn from_text(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let hex: String = self.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        serializer.serialize_str(&hex)
    }
}

/// Writes a value.
pub(crate) fn serialize<T: Text, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    value.write(serializer)
}

/// Reads a value.
pub(crate) fn deserialize<'de, T: Text, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_str(Reader(PhantomData))
}

/// Parses the text in place, without a copy of it.
struct Reader<T>(PhantomData<T>);

impl<T: Text> Visitor<'_> for Reader<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::from_text(text).map_err(E::custom)
    }
}

/// `serde(with)` for a value that may be absent.
pub(crate) mod optional {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Text;

    pub(crate) fn serialize<T: Text, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => value.write(serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, T: Text, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        Ok(Option::<Present<T>>::deserialize(deserializer)?.map(|Present(value)| value))
    }

    /// A value that is there.
    struct Present<T>(T);

    impl<'de, T: Text> Deserialize<'de> for Present<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            super::deserialize(deserializer).map(Self)
        }
    }
}
