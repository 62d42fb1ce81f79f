//! What must hold after every run, a file each. A check answers with what is wrong.

mod acknowledged_survives;
mod backlog_drains;
mod no_instant_lost;
mod one_execution_per_scheduled_time;
mod received_is_recorded;
mod states_are_equal;
mod success_was_delivered;

use crate::evidence::Evidence;

type Check = fn(&Evidence<'_>) -> Vec<String>;

const ALL: [(&str, Check); 7] = [
    ("backlog_drains", backlog_drains::check),
    ("states_are_equal", states_are_equal::check),
    ("acknowledged_survives", acknowledged_survives::check),
    ("one_execution_per_scheduled_time", one_execution_per_scheduled_time::check),
    ("received_is_recorded", received_is_recorded::check),
    ("success_was_delivered", success_was_delivered::check),
    ("no_instant_lost", no_instant_lost::check),
];

/// Everything that is wrong, each with the name of its check.
pub(crate) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let wrong = |(name, check): (&str, Check)| {
        check(evidence).into_iter().map(|what| format!("{name}: {what}")).collect::<Vec<_>>()
    };
    ALL.into_iter().flat_map(wrong).collect()
}
