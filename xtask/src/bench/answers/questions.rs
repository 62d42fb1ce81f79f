//! What is asked: a line each. A list is asked for in every order that it has.
//!
//! A place such as `{host}` is filled in anew each time it is asked (`places.rs`).

use Finds::{Any, Hits, Nothing};

/// The orders of a list of jobs: that of their creation.
const JOB_ORDERS: [&str; 1] = [""];
/// The orders of a list of executions: the newest first.
const EXECUTION_ORDERS: [&str; 1] = [""];
/// A page that is no list.
const NO_ORDER: [&str; 1] = [""];

/// A question.
#[derive(Clone, Copy)]
pub struct Question {
    /// The page, with the parameters that stay.
    pub path: &'static str,
    /// The parameters that are asked for, beside those.
    pub filter: &'static str,
    /// The parameters of each order.
    pub orders: &'static [&'static str],
    /// What is sent, where it is not asked with GET.
    pub body: Option<&'static str>,
    /// What the answers hold.
    pub finds: Finds,
}

/// What answers hold. A question that ought to find something and does not measures nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finds {
    /// Some answer holds something.
    Hits,
    /// No answer holds anything.
    Nothing,
    /// Whatever there is.
    Any,
}

impl Finds {
    /// Whether answers that hold so many things are as they ought to be.
    pub fn is_met(self, held: usize) -> bool {
        match self {
            Hits => held > 0,
            Nothing => held == 0,
            Any => true,
        }
    }
}

/// All of them.
pub const QUESTIONS: &[Question] = &[
    jobs("", Hits),
    jobs("enabled=true", Hits),
    jobs("enabled=false", Hits),
    jobs("host={host}", Hits),
    jobs("host=nobody.example.com", Nothing),
    jobs("timezone=Asia/Tokyo", Hits),
    jobs("timezone=UTC", Hits),
    jobs("timezone=Europe/Lisbon", Nothing),
    jobs("tag.env=production", Hits),
    jobs("tag.customer={customer}", Hits),
    jobs("tag.customer=nobody", Nothing),
    jobs("tag.env=production&tag.tier=gold", Hits),
    jobs("enabled=true&timezone=Europe/Berlin&tag.team=risk", Hits),
    jobs("q=invoices", Hits),
    jobs("q={name}", Hits),
    jobs("q=no-text-has-this", Nothing),
    jobs("q=ru", Hits),
    // Two characters of a text in another script, and a word of one in a third.
    jobs("q=%E9%A1%A7%E5%AE%A2", Hits),
    jobs("q=%D0%B3%D1%80%D1%83%D0%BF%D0%BF%D0%B0", Hits),
    jobs("q=tenant&tag.env=production&enabled=true", Hits),
    executions("", Hits),
    executions("status=success", Hits),
    executions("status=failed", Hits),
    executions("status=skipped", Hits),
    executions("status=cancelled", Hits),
    executions("status=running", Any),
    of_job("", Hits),
    of_job("status=failed", Hits),
    of_job("status=success", Hits),
    page("/api/v1/jobs/{job}", Hits),
    page("/api/v1/jobs/{heavy}", Hits),
    page("/api/v1/jobs/{job}/versions", Hits),
    page("/api/v1/jobs/{job_of_execution}/executions/{execution}", Hits),
    page("/api/v1/stats", Hits),
    page("/api/v1/stats?from={day_ago}&to={now}&step=5m", Hits),
    page("/api/v1/stats?from={day_ago}&to={now}&step=1h", Hits),
    page("/api/v1/stats?from={month_ago}&to={now}&step=1h", Hits),
    page("/api/v1/stats?from={month_ago}&to={now}&step=24h", Hits),
    page("/api/v1/stats?job={heavy}&from={day_ago}&to={now}&step=1h", Any),
    page("/api/v1/stats?job={heavy}&from={month_ago}&to={now}&step=24h", Hits),
    page("/api/v1/failures", Hits),
    page("/api/v1/schedules/density", Hits),
    page("/api/v1/schedules/density?step=5m", Hits),
    page("/api/v1/runs/upcoming", Hits),
    page("/api/v1/runs/upcoming?limit=500", Hits),
    page("/api/v1/runs/upcoming?from={in_a_day}", Hits),
    page("/api/v1/runs/upcoming?job={job}", Any),
    preview(r#"{"schedule": "*/7 * * * *", "timezone": "Europe/Berlin", "job": "{heavy}"}"#),
    page("/api/v1/operations", Any),
];

const fn jobs(filter: &'static str, finds: Finds) -> Question {
    Question { path: "/api/v1/jobs", filter, orders: &JOB_ORDERS, body: None, finds }
}

const fn executions(filter: &'static str, finds: Finds) -> Question {
    Question { path: "/api/v1/executions", filter, orders: &EXECUTION_ORDERS, body: None, finds }
}

/// Executions of a job that has as many as are kept.
const fn of_job(filter: &'static str, finds: Finds) -> Question {
    let path = "/api/v1/jobs/{heavy}/executions";
    Question { path, filter, orders: &EXECUTION_ORDERS, body: None, finds }
}

const fn page(path: &'static str, finds: Finds) -> Question {
    Question { path, filter: "", orders: &NO_ORDER, body: None, finds }
}

const fn preview(body: &'static str) -> Question {
    let path = "/api/v1/schedules/preview";
    Question { path, filter: "", orders: &NO_ORDER, body: Some(body), finds: Hits }
}

impl Question {
    /// Its name in the table.
    pub fn label(&self) -> String {
        let path = self.path.trim_start_matches("/api/v1");
        let mark = if self.filter.is_empty() { "" } else { "?" };
        let orders = if self.orders.len() > 1 { " (all orders)" } else { "" };
        format!("{path}{mark}{}{orders}", self.filter)
    }

    /// The page to ask for in one of its orders, with its places.
    pub fn page(&self, order: &str) -> String {
        let mut page = self.path.to_owned();
        for part in [self.filter, order] {
            if !part.is_empty() {
                page.push(if page.contains('?') { '&' } else { '?' });
                page.push_str(part);
            }
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_question_is_asked_twice() {
        let labels: HashSet<_> = QUESTIONS.iter().map(Question::label).collect();
        assert_eq!(labels.len(), QUESTIONS.len());
    }

    #[test]
    fn a_page_has_its_filter_and_its_order() {
        let check = |question: Question, order, page: &str| assert_eq!(question.page(order), page);
        check(jobs("", Hits), "", "/api/v1/jobs");
        check(jobs("", Hits), "sort=name", "/api/v1/jobs?sort=name");
        check(jobs("q=a&enabled=true", Hits), "sort=name", "/api/v1/jobs?q=a&enabled=true&sort=name");
        check(page("/api/v1/facets?of=tag", Hits), "", "/api/v1/facets?of=tag");
    }
}
