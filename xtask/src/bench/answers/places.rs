//! What stands in the places of questions: names, hosts and instants of the data, another one each time.

use chronos_types::{Millis, format_rfc3339};

use super::draw::Draw;
use super::history::{Known, Loaded};
use super::mix;
use crate::Result;

const DAY_MS: Millis = 24 * 3_600_000;

/// What there is to ask for.
pub struct Places {
    /// Jobs that have run, and those of them with as many executions as are kept, by their names.
    jobs: Vec<String>,
    heavy: Vec<String>,
    /// The hosts of jobs, each as often as it has jobs.
    hosts: Vec<String>,
    /// The sets, each as often as it has jobs.
    sets: Vec<String>,
    /// Executions, and the names of their jobs.
    executions: Vec<(String, String)>,
    now: Millis,
}

impl Places {
    /// Those of what is on record.
    pub fn of(loaded: &Loaded) -> Result<Self> {
        let names = |least: usize| {
            let enough = loaded.jobs.iter().filter(move |job| job.rhythm.count >= least);
            enough.map(|job: &Known| job.name.clone()).collect::<Vec<_>>()
        };
        let most = loaded.jobs.iter().map(|job| job.rhythm.count).max().unwrap_or_default();
        let sampled = loaded.sampled.iter();
        let executions = sampled.map(|(n, id)| (id.to_string(), loaded.jobs[*n].name.clone())).collect();
        let places = Self {
            jobs: names(1),
            heavy: names(most.max(1)),
            hosts: loaded.jobs.iter().map(|job| mix::host(job.host)).collect(),
            sets: (0..loaded.jobs.len()).filter_map(mix::set).collect(),
            executions,
            now: loaded.now,
        };
        if places.jobs.is_empty() || places.executions.is_empty() {
            return Err("too little is on record to ask for".into());
        }
        Ok(places)
    }

    /// Fills in the places of a text, for the `n`th time.
    pub fn fill(&self, text: &str, n: usize) -> Result<String> {
        let mut filled = String::with_capacity(text.len() + 64);
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let word = |c: char| c.is_ascii_lowercase() || c == '_';
            match after.split_once('}') {
                Some((name, after)) if !name.is_empty() && name.chars().all(word) => {
                    filled.push_str(before);
                    filled.push_str(&self.value(name, n)?);
                    rest = after;
                }
                // The brace of a JSON text.
                _ => {
                    filled.push_str(before);
                    filled.push('{');
                    rest = after;
                }
            }
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn value(&self, name: &str, n: usize) -> Result<String> {
        let mut draw = Draw::of(9, n);
        let mut one = |of: &[String]| of[draw.below(of.len())].clone();
        Ok(match name {
            "job" => one(&self.jobs),
            "heavy" => one(&self.heavy),
            "host" => one(&self.hosts),
            "set" => one(&self.sets),
            // A part of a name that no other job has.
            "name" => one(&self.jobs).to_uppercase(),
            "customer" => mix::customer(draw.below(mix::CUSTOMERS)),
            "execution" => self.executions[n % self.executions.len()].0.clone(),
            "job_of_execution" => self.executions[n % self.executions.len()].1.clone(),
            "now" => format_rfc3339(self.now),
            "day_ago" => format_rfc3339(self.now - DAY_MS),
            "week_ago" => format_rfc3339(self.now - 7 * DAY_MS),
            "month_ago" => format_rfc3339(self.now - 30 * DAY_MS),
            "in_a_day" => format_rfc3339(self.now + DAY_MS),
            _ => return Err(format!("no place is called {{{name}}}").into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::questions::QUESTIONS;
    use super::*;

    fn places() -> Places {
        let names = |name: &str| vec![name.to_owned()];
        Places {
            jobs: names("a-job"),
            heavy: names("much"),
            hosts: names("example.com"),
            sets: names("a-set"),
            executions: vec![("an-execution".into(), "its-job".into())],
            now: 1_800_000_000_000,
        }
    }

    #[test]
    fn every_place_of_every_question_is_filled_in() {
        let places = places();
        for question in QUESTIONS {
            for text in question.orders.iter().map(|order| question.page(order)) {
                let filled = places.fill(&text, 3).unwrap();
                assert!(!filled.contains(['{', '}']), "{filled}");
            }
            question.body.map(|body| places.fill(body, 3).unwrap());
        }
        assert!(places.fill("{nobody}", 0).is_err());
    }

    #[test]
    fn the_braces_of_json_stay() {
        let filled = places().fill(r#"{"job": "{heavy}", "count": 3}"#, 0).unwrap();
        assert_eq!(filled, r#"{"job": "much", "count": 3}"#);
    }
}
