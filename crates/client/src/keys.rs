//! Keys of the API.

use chronos_api::{CreatedKey, Key, KeyList, KeyRequest};
use http::{Method, StatusCode};

use crate::path::path;
use crate::{Client, Error};

impl Client {
    /// All keys.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn keys(&self) -> Result<KeyList, Error> {
        self.get(&path(&["keys"])).await
    }

    /// Makes a key. Its token is in the answer alone.
    ///
    /// # Errors
    /// See [`Error`]; 409 where there are too many.
    pub async fn create_key(&self, key: &KeyRequest) -> Result<CreatedKey, Error> {
        let path = path(&["keys"]);
        self.call(Method::POST, &path, &[], Some(key), &[StatusCode::CREATED]).await?.json()
    }

    /// Revokes a key for good.
    ///
    /// # Errors
    /// See [`Error`]; 404 where there is none of this id.
    pub async fn revoke_key(&self, id: &str) -> Result<Key, Error> {
        let path = path(&["keys", id]);
        self.call::<()>(Method::DELETE, &path, &[], None, &[StatusCode::OK]).await?.json()
    }
}
