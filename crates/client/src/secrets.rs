//! Named secrets, whose values go in and never come out.

use chronos_api::{Secret, SecretInput, SecretPage};
use http::{Method, StatusCode};

use crate::jobs::consistently;
use crate::path::{Query, path};
use crate::{Client, Error, PageQuery};

impl Client {
    /// A page of the secrets, in the order of their names.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn secrets(&self, page: &PageQuery) -> Result<SecretPage, Error> {
        self.get(&page.query(Query::default()).of(path(&["secrets"]))).await
    }

    /// A secret, and the first of the jobs that name it. `consistent` where the answer must know every write
    /// acknowledged before.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn secret(&self, name: &str, consistent: bool) -> Result<Secret, Error> {
        self.get(&consistently(consistent).of(path(&["secrets", name]))).await
    }

    /// Creates or changes a secret.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn write_secret(&self, name: &str, secret: &SecretInput) -> Result<Secret, Error> {
        let there = [StatusCode::OK, StatusCode::CREATED];
        self.call(Method::PUT, &path(&["secrets", name]), &[], Some(secret), &there).await?.json()
    }

    /// Deletes a secret that no job names.
    ///
    /// # Errors
    /// See [`Error`]; 409 where jobs name it.
    pub async fn delete_secret(&self, name: &str) -> Result<(), Error> {
        let path = path(&["secrets", name]);
        self.call::<()>(Method::DELETE, &path, &[], None, &[StatusCode::NO_CONTENT]).await.map(drop)
    }
}
