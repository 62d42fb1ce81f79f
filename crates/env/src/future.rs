//! Futures behind a pointer, for traits that are used as objects.

use std::future::Future;
use std::pin::Pin;

/// A boxed future, for the traits of this crate.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
