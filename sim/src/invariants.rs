//! What must hold after every run, a file each. A check returns what is wrong.

mod acknowledged_survives;
mod backlog_drains;
mod cancelled_starts_nothing;
mod cut_off_starts_nothing;
mod delivered_once;
mod everybody_fires;
mod failure_is_its_nodes_word;
mod no_instant_lost;
mod no_state_differs;
mod nobody_is_late;
mod operation_has_one_effect;
mod overlap_is_forbidden;
mod paused_starts_nothing;
mod received_is_recorded;
mod repeat_has_one_effect;
mod states_are_equal;
mod success_was_delivered;

use crate::evidence::Evidence;

pub(crate) use nobody_is_late::judged;
pub(crate) use paused_starts_nothing::paused_throughout;

type Check = fn(&Evidence<'_>) -> Vec<String>;

const ALL: [(&str, Check); 17] = [
    ("backlog_drains", backlog_drains::check),
    ("states_are_equal", states_are_equal::check),
    ("no_state_differs", no_state_differs::check),
    ("acknowledged_survives", acknowledged_survives::check),
    ("received_is_recorded", received_is_recorded::check),
    ("success_was_delivered", success_was_delivered::check),
    ("no_instant_lost", no_instant_lost::check),
    ("delivered_once", delivered_once::check),
    ("cut_off_starts_nothing", cut_off_starts_nothing::check),
    ("cancelled_starts_nothing", cancelled_starts_nothing::check),
    ("overlap_is_forbidden", overlap_is_forbidden::check),
    ("paused_starts_nothing", paused_starts_nothing::check),
    ("failure_is_its_nodes_word", failure_is_its_nodes_word::check),
    ("repeat_has_one_effect", repeat_has_one_effect::check),
    ("operation_has_one_effect", operation_has_one_effect::check),
    ("nobody_is_late", nobody_is_late::check),
    ("everybody_fires", everybody_fires::check),
];

/// Runs all checks. Returns everything that is wrong, with the name of the check.
pub(crate) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let wrong = |(name, check): (&str, Check)| {
        check(evidence).into_iter().map(|what| format!("{name}: {what}")).collect::<Vec<_>>()
    };
    ALL.into_iter().flat_map(wrong).collect()
}

#[cfg(test)]
mod tests;
