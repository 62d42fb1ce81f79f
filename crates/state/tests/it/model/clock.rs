//! What the naive machine makes of what is said of the time.

use super::*;

impl Model {
    /// What is said of the time. Whether it is to be set back, and what a jump is, is told without a model.
    pub(super) fn clock(&mut self, word: &ClockWord) -> Outcome {
        match word {
            ClockWord::Passes | ClockWord::Right { .. } => {}
            ClockWord::Back => self.back_to = Some(self.at),
            ClockWord::Anew(anew) if self.back_to == Some(anew.to) => self.anew(anew),
            ClockWord::Anew(_) => {}
        }
        Outcome::Done
    }

    fn anew(&mut self, anew: &Anew) {
        let mut moved = false;
        for due in &anew.due {
            let Some(job) = self.jobs.get_mut(&due.job) else { continue };
            if (job.version, job.due) != (due.version, due.from) || job.paused.is_some() {
                continue;
            }
            job.due = due.next_due;
            moved = true;
            if job.created_at > anew.to {
                job.created_at = anew.to;
                let changed_at = &mut job.versions.get_mut(&job.version).expect("the one in force").0;
                *changed_at = (*changed_at).min(anew.to);
            }
        }
        for number in &anew.runs {
            let Some(id) = self.numbers.get(number).copied() else { continue };
            let Some(run) = self.runs.get_mut(&id) else { continue };
            let waits = match run.execution.status {
                Status::Retrying => true,
                Status::Pending => {
                    matches!(run.execution.trigger, Trigger::Manual | Trigger::Replay | Trigger::Backfill)
                }
                _ => false,
            };
            if waits && run.fire_at > self.at {
                run.fire_at = self.at;
                self.effects.push(Effect::Fire(self.owed(id)));
            }
        }
        if anew.done {
            self.back_to = None;
        }
        if moved {
            self.effects.push(Effect::DueChanged);
        }
    }
}
