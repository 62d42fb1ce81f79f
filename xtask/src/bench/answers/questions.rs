//! What is asked: a line each. A list is asked for in every order that it has.
//!
//! A place such as `{host}` is filled in anew each time it is asked (`places.rs`).

use Finds::{Any, Hits, Nothing};

/// The orders of a list of jobs.
const JOB_ORDERS: [&str; 15] = [
    "",
    "sort=name",
    "sort=-name",
    "sort=created",
    "sort=-created",
    "sort=next_run",
    "sort=-next_run",
    "sort=last_run",
    "sort=-last_run",
    "sort=failures",
    "sort=-failures",
    "sort=duration",
    "sort=-duration",
    "sort=paused_at",
    "sort=-paused_at",
];
/// The orders of a list of executions, and how much is shown of each.
const EXECUTION_ORDERS: [&str; 4] = ["", "order=asc", "view=full", "order=asc&view=full"];
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
    jobs("count=true", Hits),
    jobs("enabled=true", Hits),
    jobs("enabled=false", Hits),
    jobs("status=success", Hits),
    jobs("status=failed", Hits),
    jobs("status=cancelled", Hits),
    jobs("status=running", Any),
    jobs("status=retrying", Any),
    jobs("failing=true", Hits),
    jobs("failing=false", Hits),
    jobs("late=true", Any),
    jobs("late=false", Hits),
    jobs("running=true", Any),
    jobs("running=false", Hits),
    jobs("never_ran=true", Hits),
    jobs("never_ran=false", Hits),
    jobs("set={set}", Hits),
    jobs("set=none-has-this-name", Nothing),
    jobs("host={host}", Hits),
    jobs("host=nobody.example.com", Nothing),
    jobs("timezone=Asia/Tokyo", Hits),
    jobs("timezone=UTC", Hits),
    jobs("timezone=Europe/Lisbon", Nothing),
    jobs("tag.env=production", Hits),
    jobs("tag.customer={customer}", Hits),
    jobs("tag.customer=nobody", Nothing),
    jobs("tag.env=production&tag.tier=gold", Hits),
    jobs("-tag.env=production", Hits),
    jobs("-tag.env=production&tag.tier=gold", Hits),
    jobs("tag.env=production&failing=true", Hits),
    jobs("tag.env=production&failing=true&count=true", Hits),
    jobs("enabled=true&timezone=Europe/Berlin&tag.team=risk", Hits),
    jobs("q=invoices", Hits),
    jobs("q={name}", Hits),
    jobs("q=no-text-has-this", Nothing),
    jobs("q=ru", Hits),
    // Two characters of a text in another script, and a word of one in a third.
    jobs("q=%E9%A1%A7%E5%AE%A2", Hits),
    jobs("q=%D0%B3%D1%80%D1%83%D0%BF%D0%BF%D0%B0", Hits),
    jobs("q=invoices&failing=true", Hits),
    jobs("q=tenant&tag.env=production&enabled=true", Hits),
    executions("", Hits),
    executions("count=true", Hits),
    executions("status=success", Hits),
    executions("status=failed", Hits),
    executions("status=skipped", Hits),
    executions("status=cancelled", Hits),
    executions("status=pending", Any),
    executions("status=running", Any),
    executions("status=retrying", Any),
    executions("error_kind=status", Hits),
    executions("error_kind=timeout", Hits),
    executions("error_kind=dns", Hits),
    executions("error_kind=connect", Hits),
    executions("error_kind=overlap", Hits),
    executions("error_kind=tls", Nothing),
    executions("trigger=schedule", Hits),
    executions("trigger=manual", Hits),
    executions("trigger=replay", Hits),
    executions("trigger=catch_up", Nothing),
    executions("trigger=backfill", Nothing),
    executions("node=chronos-1", Hits),
    executions("node=chronos-3", Hits),
    executions("node=nobody", Nothing),
    executions("host={host}", Any),
    executions("host=nobody.example.com", Nothing),
    executions("tag.env=production", Hits),
    executions("tag.customer={customer}", Any),
    executions("late=true", Hits),
    executions("late=false", Hits),
    executions("from={month_ago}", Hits),
    executions("from={month_ago}&to={day_ago}", Hits),
    executions("from={month_ago}&status=failed", Hits),
    executions("from={month_ago}&status=failed&host={host}", Any),
    executions("from={month_ago}&error_kind=dns&tag.env=production", Hits),
    executions("from={month_ago}&tag.customer={customer}", Hits),
    executions("from={month_ago}&late=true", Hits),
    executions("from={month_ago}&trigger=manual", Hits),
    executions("from={month_ago}&status=failed&count=true", Hits),
    of_job("", Hits),
    of_job("status=failed", Hits),
    of_job("status=success", Hits),
    of_job("error_kind=status", Any),
    of_job("trigger=manual", Any),
    of_job("trigger=replay", Any),
    of_job("late=true", Any),
    of_job("late=false", Hits),
    of_job("node=chronos-2", Hits),
    of_job("host={host}", Any),
    of_job("tag.env=production", Any),
    of_job("from={week_ago}&to={day_ago}", Hits),
    of_job("count=true", Hits),
    executions("job={heavy}", Hits),
    executions("job={job}&from={month_ago}", Hits),
    page("/api/v1/jobs/{job}", Hits),
    page("/api/v1/jobs/{heavy}", Hits),
    page("/api/v1/jobs/{job}/versions", Hits),
    page("/api/v1/executions/{execution}", Hits),
    page("/api/v1/jobs/{job_of_execution}/executions/{execution}", Hits),
    page("/api/v1/facets?of=tag", Hits),
    page("/api/v1/facets?of=host", Hits),
    page("/api/v1/facets?of=timezone", Hits),
    page("/api/v1/facets?of=set", Hits),
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
