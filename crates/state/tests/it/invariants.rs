//! What must hold after every command, whatever came before: one file for each.

mod deleted_jobs_are_quiet;
mod equal_logs_give_equal_state;
mod finished_executions_never_change;
mod held_counts_equal_the_rows;
mod no_due_instant_is_lost;
mod one_execution_per_scheduled_time;
mod paused_jobs_are_quiet;
mod the_file_is_whole;

use chronos_state::Batch;
use rusqlite::Connection;

use crate::oracle::View;

/// Looks on after every command, and remembers what it needs.
pub trait Invariant {
    /// Says what does not hold. `raw` is the state file itself.
    fn check(&mut self, batch: &Batch, view: &View, raw: &Connection) -> Result<(), String>;
}

/// All that can be seen on one machine.
pub fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::new(deleted_jobs_are_quiet::Check),
        Box::new(finished_executions_never_change::Check::default()),
        Box::new(held_counts_equal_the_rows::Check),
        Box::new(no_due_instant_is_lost::Check::default()),
        Box::new(one_execution_per_scheduled_time::Check),
        Box::new(paused_jobs_are_quiet::Check::default()),
        Box::new(the_file_is_whole::Check),
    ]
}
