//! Raising the version of the cluster, and keeping what a version brings from being used before.

use super::context::Context;
use crate::command::{Command, FIRST};
use crate::error::StateError;
use crate::outcome::{Outcome, Refusal};
use crate::schema;

/// Raises the version, step by step.
pub(super) fn raise(context: &Context<'_>, to: u32) -> Result<Outcome, StateError> {
    let present = schema::version(context.db)?;
    // A raise that arrives twice or late changes nothing.
    if to <= present || to > context.follows {
        return Context::refuse(Refusal::VersionNotFollowed { follows: context.follows });
    }
    for _ in present..to {
        schema::raise(context.db)?;
    }
    Ok(Outcome::Done)
}

/// Refuses a command that a later version brings.
pub(super) fn too_new(context: &Context<'_>, command: &Command) -> Result<Option<Refusal>, StateError> {
    let since = command.since();
    if since == FIRST || matches!(command, Command::RaiseVersion { .. }) {
        return Ok(None);
    }
    let present = schema::version(context.db)?;
    Ok((since > present).then_some(Refusal::VersionNotFollowed { follows: present }))
}
