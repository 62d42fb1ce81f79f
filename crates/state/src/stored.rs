//! The stored forms of domain types, and the conversions there and back.
//!
//! They are separate from the domain's types and from those of the API, so that either can change
//! without a change on the disk. A field that is not known is refused, so a new one needs a new version of
//! the cluster. Values were checked when they came in, by the rules of that day. A value that today's rules
//! refuse costs its own record (`bad`); a record that is not what was written is damage (`row`).

pub(crate) mod answers;
pub(crate) mod bad;
pub(crate) mod by;
pub(crate) mod client_credentials;
pub(crate) mod clock;
pub(crate) mod code;
pub(crate) mod columns;
pub(crate) mod credentials;
pub(crate) mod difference;
pub(crate) mod event;
pub(crate) mod execution;
pub(crate) mod figures;
pub(crate) mod histogram;
pub(crate) mod hosts;
pub(crate) mod key;
pub(crate) mod omit;
pub(crate) mod operation;
pub(crate) mod overrides;
pub(crate) mod raw;
pub(crate) mod rollups;
pub(crate) mod row;
pub(crate) mod scope;
pub(crate) mod scope_rollups;
pub(crate) mod sealing;
pub(crate) mod secret_names;
pub(crate) mod spec;
pub(crate) mod statements;
pub(crate) mod tally;
pub(crate) mod text;
pub(crate) mod timing;
pub(crate) mod webhook;
