//! Raising the version of the cluster, and keeping what a version brings from being used before.

use super::context::Context;
use crate::command::{Command, FIRST, Proposal, STATS_SINCE};
use crate::error::StateError;
use crate::outcome::{Outcome, Refusal};
use crate::schema;
use crate::stored::clock::{self, FIGURES_SINCE};

/// Raises the version, step by step.
pub(super) fn raise(context: &Context<'_>, to: u32) -> Result<Outcome, StateError> {
    let present = context.version()?;
    // A raise that arrives twice or late changes nothing.
    if to <= present || to > context.follows {
        return Context::refuse(Refusal::VersionNotFollowed { follows: context.follows });
    }
    for _ in present..to {
        schema::raise(context.db)?;
    }
    if present < STATS_SINCE && to >= STATS_SINCE {
        clock::set(context.db, FIGURES_SINCE, context.at)?;
    }
    context.version.set(None);
    Ok(Outcome::Done)
}

/// Refuses a command that a later version brings, or one with what that brings.
pub(super) fn too_new(context: &Context<'_>, item: &Proposal) -> Result<Option<Refusal>, StateError> {
    let since = item.since();
    if since == FIRST || matches!(item.command, Command::RaiseVersion { .. }) {
        return Ok(None);
    }
    let present = context.version()?;
    Ok((since > present).then_some(Refusal::VersionNotFollowed { follows: present }))
}
