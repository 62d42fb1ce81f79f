//! The stored form of what one run sends in place of what its job says: in commands, and in a table.

use std::fmt;

use chronos_types::{Headers, Overrides, SealedCredentials, Template};
use serde::{Deserialize, Serialize};

use super::credentials::StoredSealed;

/// The stored form of [`Overrides`]. `Debug` shows nothing of it, for it may have secrets.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of `Overrides`")]
pub struct StoredOverrides {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// Said from [`SECRETS_SINCE`](crate::SECRETS_SINCE) on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<StoredSealed>,
}

impl StoredOverrides {
    /// The bytes of its texts.
    pub(crate) fn weight(&self) -> usize {
        let headers = self.headers.iter().map(|(name, value)| name.len() + value.len() + 8);
        let sealed = self.sealed.as_ref().map_or(0, StoredSealed::weight);
        self.body.as_ref().map_or(0, String::len) + headers.sum::<usize>() + sealed
    }

    /// What it says.
    ///
    /// # Errors
    /// Why today's rules refuse it.
    pub fn read(self) -> Result<Overrides, String> {
        let body =
            self.body.as_deref().map(Template::parse).transpose().map_err(|error| error.to_string())?;
        let headers = Headers::parse(self.headers).map_err(|errors| format!("{errors:?}"))?;
        Ok(Overrides { body, headers, sealed: self.sealed.map(SealedCredentials::from) })
    }
}

impl From<&Overrides> for StoredOverrides {
    fn from(overrides: &Overrides) -> Self {
        let Overrides { body, headers, sealed } = overrides;
        Self {
            body: body.as_ref().map(|body| body.source().to_owned()),
            headers: headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            sealed: sealed.as_ref().and_then(StoredSealed::of),
        }
    }
}

impl fmt::Debug for StoredOverrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredOverrides").finish_non_exhaustive()
    }
}
