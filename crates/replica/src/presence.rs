//! Who is there: contact with the rest of the cluster, what follows from it, and what nodes say of themselves.

pub(crate) mod activity;
mod agreed;
mod clocks;
pub(crate) mod contact;
pub(crate) mod followers;
pub(crate) mod handle;
pub(crate) mod heard;
pub(crate) mod itself;
pub(crate) mod judge;
pub(crate) mod lease;
mod meter;
pub(crate) mod observer;
mod pace;
mod problems;
pub(crate) mod report;
pub(crate) mod sign;
pub(crate) mod stamp;
pub(crate) mod survey;
pub(crate) mod view;
