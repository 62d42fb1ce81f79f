//! Asking: a client goes along lists as a person does, page by page, and times each page.

use std::time::Instant;

use bytes::Bytes;
use chronos_client::{Client, Method, StatusCode};
use serde_json::Value;

use super::places::Places;
use super::questions::{QUESTIONS, Question};
use crate::Result;
use crate::bench::percentile;

/// Pages of a list that are read one after the other, before it is asked for anew.
pub const DEEP: usize = 5;
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// A question in one of its orders.
#[derive(Clone, Copy)]
pub struct Ask {
    /// The number of the question.
    pub question: usize,
    /// Its order.
    pub order: &'static str,
}

impl Ask {
    /// All of them.
    pub fn all() -> Vec<Self> {
        let each = QUESTIONS.iter().enumerate();
        each.flat_map(|(question, asked)| asked.orders.iter().map(move |order| Self { question, order }))
            .collect()
    }

    /// The question.
    pub fn question(self) -> &'static Question {
        &QUESTIONS[self.question]
    }
}

/// A page that was asked for.
pub struct Page {
    /// How long the answer took, in microseconds.
    pub took_us: i64,
    /// What it says. `None` where the server was too busy to answer.
    pub body: Option<Bytes>,
}

/// How long the pages of a question took.
#[derive(Clone, Debug, Default)]
pub struct Took {
    /// Microseconds of each page that was answered, in no order.
    pub times: Vec<i64>,
    /// How many were not.
    pub refused: usize,
}

impl Took {
    /// Adds a page.
    pub fn add(&mut self, page: &Page) {
        match page.body {
            Some(_) => self.times.push(page.took_us),
            None => self.refused += 1,
        }
    }

    /// Adds all pages of another reader.
    pub fn and(&mut self, more: &Self) {
        self.times.extend(&more.times);
        self.refused += more.refused;
    }

    /// How many were asked for.
    pub fn pages(&self) -> usize {
        self.times.len() + self.refused
    }

    /// The time that this share of the pages took at most.
    pub fn percentile(&self, q: f64) -> i64 {
        let mut sorted = self.times.clone();
        sorted.sort_unstable();
        percentile(&sorted, q)
    }

    /// All but five in a hundred took no longer than this.
    pub fn p95(&self) -> i64 {
        self.percentile(0.95)
    }
}

/// Somebody who asks one question after the other.
pub struct Asker<'a> {
    client: Client,
    places: &'a Places,
    /// How often it has asked, so that it asks for something else each time.
    asked: usize,
}

impl<'a> Asker<'a> {
    /// Number `n`.
    pub fn new(client: &Client, places: &'a Places, n: usize) -> Self {
        Self { client: client.clone(), places, asked: n * 7_919 }
    }

    /// Asks, and goes along the list for at most so many pages. An answer that finds fault with the question ends the
    /// benchmark.
    pub async fn go(&mut self, ask: Ask, most: usize) -> Result<Vec<Page>> {
        self.asked += 1;
        let question = ask.question();
        let page = self.places.fill(&question.page(ask.order), self.asked)?;
        let body = question.body.map(|body| self.places.fill(body, self.asked)).transpose()?;
        let body = body.map(Bytes::from);
        let (mut pages, mut path) = (Vec::new(), page.clone());
        while pages.len() < most {
            let answered = self.page(&path, body.clone()).await?;
            let cursor = answered.body.as_deref().and_then(next_cursor).map(str::to_owned);
            pages.push(answered);
            let Some(cursor) = cursor else { break };
            let mark = if page.contains('?') { '&' } else { '?' };
            path = format!("{page}{mark}cursor={cursor}");
        }
        Ok(pages)
    }

    async fn page(&mut self, path: &str, body: Option<Bytes>) -> Result<Page> {
        let (method, headers) =
            if body.is_some() { (Method::POST, &JSON[..]) } else { (Method::GET, &[][..]) };
        let begun = Instant::now();
        let answer = self.client.request(method, path, headers, body.unwrap_or_default()).await?;
        let took_us = i64::try_from(begun.elapsed().as_micros()).unwrap_or(i64::MAX);
        if answer.status == StatusCode::OK {
            return Ok(Page { took_us, body: Some(answer.body) });
        }
        let said = format!("{path}: {}: {}", answer.status, answer.text());
        if answer.status != StatusCode::SERVICE_UNAVAILABLE {
            return Err(said.into());
        }
        eprintln!("{said}");
        Ok(Page { took_us, body: None })
    }
}

/// Where a list goes on. It is looked for without reading the rest, which would cost more than many a page.
fn next_cursor(body: &[u8]) -> Option<&str> {
    const NAME: &[u8] = b"\"next_cursor\":\"";
    let at = body.windows(NAME.len()).rposition(|part| part == NAME)?;
    let rest = &body[at + NAME.len()..];
    let end = rest.iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(&rest[..end]).ok()
}

/// How many things an answer holds: the items of its longest list, or the thing itself where it has none.
pub fn holds(body: &[u8]) -> Result<usize> {
    let value: Value = serde_json::from_slice(body)?;
    let fields = value.as_object().ok_or("an answer is no JSON object")?;
    Ok(fields.values().filter_map(Value::as_array).map(Vec::len).max().unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_is_found_wherever_it_stands() {
        let check = |body: &str, cursor| assert_eq!(next_cursor(body.as_bytes()), cursor, "{body}");
        check(r#"{"jobs":[],"next_cursor":"aB-_9"}"#, Some("aB-_9"));
        check(r#"{"next_cursor":"x","jobs":[]}"#, Some("x"));
        check(r#"{"jobs":[],"next_cursor":null}"#, None);
        check(r#"{"jobs":[]}"#, None);
        check("", None);
    }

    #[test]
    fn a_page_that_is_refused_is_no_quick_one() {
        let mut took = Took::default();
        for n in 1..=19 {
            took.add(&Page { took_us: n * 10, body: Some(Bytes::new()) });
        }
        took.add(&Page { took_us: 1, body: None });
        assert_eq!((took.pages(), took.refused), (20, 1));
        assert_eq!((took.percentile(0.0), took.p95(), took.percentile(1.0)), (10, 190, 190));
    }

    #[test]
    fn what_an_answer_holds_is_counted() {
        let check = |body: &str, count| assert_eq!(holds(body.as_bytes()).unwrap(), count, "{body}");
        check(r#"{"jobs": [1, 2], "next_cursor": null}"#, 2);
        check(r#"{"a": [], "b": [1, 2, 3]}"#, 3);
        check(r#"{"jobs": []}"#, 0);
        check(r#"{"id": "x"}"#, 1);
        assert!(holds(b"3").is_err());
    }
}
