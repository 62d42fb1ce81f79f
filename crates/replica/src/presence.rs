//! Who is there: contact with the rest of the cluster, what follows from it, and what nodes say of themselves.

pub(crate) mod activity;
pub(crate) mod contact;
pub(crate) mod followers;
pub(crate) mod handle;
pub(crate) mod leaving;
pub(crate) mod observer;
pub(crate) mod report;
pub(crate) mod stamp;
pub(crate) mod view;
