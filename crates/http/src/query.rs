//! Query parameters. Each is known by name and given once; what is wrong is named, all at once.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chronos_engine::{Asked, Consistency, PageRequest, Schedules};
use chronos_types::{
    DurationMs, Invalid, MAX_TAGS, Millis, clip, control_character, parse_duration, parse_rfc3339,
};
use utoipa::IntoParams;

use crate::cursor::Binding;
use crate::place::Place;
use crate::problem::ApiError;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 500;
/// A name has 255 bytes at most.
const MAX_Q_BYTES: usize = 256;

/// The parameters that no page has asked for yet.
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
    invalid: Invalid,
    known: Vec<&'static str>,
    /// The parameters that were taken, as they were given.
    taken: Vec<String>,
}

impl Query {
    /// Parameters and their values.
    pub(crate) fn of(pairs: Vec<(String, String)>) -> Self {
        Self { pairs, invalid: Invalid::default(), known: Vec::new(), taken: Vec::new() }
    }

    /// A parameter's value.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let found = self.pairs.iter().position(|(n, _)| n == name)?;
        let (_, value) = self.pairs.remove(found);
        if self.pairs.iter().any(|(n, _)| n == name) {
            self.pairs.retain(|(n, _)| n != name);
            let say = format!("is given more than once, first as {:?}; expected one value", clip(&value));
            self.invalid.add(name, say);
        }
        self.taken.push(format!("{name}={value}"));
        Some(value)
    }

    /// The list of `kind` that the parameters taken so far make, of something where it is of something alone.
    pub(crate) fn binding(&self, kind: &str, of: &str) -> Binding {
        let mut parts = self.taken.clone();
        parts.sort_unstable();
        parts.push(of.to_owned());
        Binding::new(kind, &parts)
    }

    /// The parameters called `-tag.` and a key: the keys and their values.
    pub(crate) fn not_tags(&mut self) -> Vec<(String, String)> {
        self.tagged("-tag.", "-tag.KEY")
    }

    /// Those whose name begins with this: the rest of the name, and the value.
    fn tagged(&mut self, begin: &str, known: &'static str) -> Vec<(String, String)> {
        self.known.push(known);
        let (mut tags, taken) = (Vec::new(), &mut self.taken);
        self.pairs.retain(|(name, value)| match name.strip_prefix(begin) {
            Some(key) => {
                taken.push(format!("{name}={value}"));
                tags.push((key.to_owned(), value.clone()));
                false
            }
            None => true,
        });
        if tags.len() > MAX_TAGS {
            let say = format!(
                "{} tags are asked for; expected at most {MAX_TAGS}, as many as a job has",
                tags.len()
            );
            self.invalid.add(known, say);
        }
        tags
    }

    /// The parameters called `tag.` and a key: the keys and their values.
    pub(crate) fn tags(&mut self) -> Vec<(String, String)> {
        let tags = self.tagged("tag.", "tag.KEY");
        if tags.len() > MAX_TAGS {
            return tags;
        }
        for (at, (key, _)) in tags.iter().enumerate() {
            // No job has two values of one tag, so it would find none.
            if let Some((_, first)) = tags[..at].iter().find(|(before, _)| before == key) {
                let say = format!("is given more than once, first as {:?}; expected one value", clip(first));
                self.invalid.add(format!("tag.{}", clip(key)), say);
            }
        }
        tags
    }

    /// A text to search for, without blanks around it. An empty one, as a form sends it, is none.
    pub(crate) fn search(&mut self) -> Option<String> {
        self.parsed("q", |text| match (text.trim(), control_character(text)) {
            _ if text.len() > MAX_Q_BYTES => {
                Err(format!("has {} bytes; expected at most {MAX_Q_BYTES}", text.len()))
            }
            (_, Some(found)) => {
                Err(format!("has the control character {found:?}, which no text of a job has; expected text"))
            }
            (trimmed, None) => Ok(trimmed.to_owned()),
        })
        .filter(|text| !text.is_empty())
    }

    /// The host that jobs call.
    pub(crate) fn host(&mut self) -> Option<String> {
        self.parsed("host", |text| {
            chronos_engine::host(text).ok_or_else(|| {
                format!("{:?} is not a host; expected one such as \"api.example.com\"", clip(text))
            })
        })
    }

    /// The time zone that jobs are in.
    pub(crate) fn timezone(&mut self) -> Option<String> {
        self.parsed("timezone", |text| match Schedules::check(None, Some(text)).into_iter().next() {
            Some(error) => Err(error.message),
            None => Ok(text.to_owned()),
        })
    }

    /// A parameter that `parse` gives a meaning.
    pub(crate) fn parsed<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.take(name)?;
        self.invalid.check(name, parse(&text))
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self, name: &'static str) -> Option<bool> {
        self.parsed(name, |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err(format!("{:?} is not a boolean; expected true or false", clip(other))),
        })
    }

    /// A time, and how it was written.
    pub(crate) fn instant(&mut self, name: &'static str) -> Option<Asked<Millis>> {
        self.parsed(name, |text| match parse_rfc3339(text) {
            Ok(value) => Ok(Asked { text: text.to_owned(), value }),
            Err(error) => {
                let expected = "expected an RFC 3339 time such as \"2026-11-23T10:00:00Z\"";
                Err(format!("{:?} {error}; {expected}", clip(text)))
            }
        })
    }

    /// A time from one instant on up to another one, each where it is given.
    pub(crate) fn range(&mut self) -> (Option<Millis>, Option<Millis>) {
        let (from, to) = (self.instant("from"), self.instant("to"));
        if let (Some(from), Some(to)) = (&from, &to)
            && from.value >= to.value
        {
            let say = format!("{:?} is not before `to`, {:?}", clip(&from.text), clip(&to.text));
            self.invalid.add("from", format!("{say}; expected an earlier time"));
        }
        (from.map(|from| from.value), to.map(|to| to.value))
    }

    /// A duration, and how it was written.
    pub(crate) fn duration(&mut self, name: &'static str) -> Option<Asked<DurationMs>> {
        self.parsed(name, |text| parse_duration(text).map(|value| Asked { text: text.to_owned(), value }))
    }

    /// How many items to list.
    pub(crate) fn limit(&mut self) -> usize {
        let wrong = |text: &str| {
            format!("{:?} is not a limit; expected a whole number from 1 to {MAX_LIMIT}", clip(text))
        };
        let parse = |text: &str| match text.parse() {
            Ok(limit) if (1..=MAX_LIMIT).contains(&limit) && !text.starts_with('+') => Ok(limit),
            _ => Err(wrong(text)),
        };
        self.parsed("limit", parse).unwrap_or(DEFAULT_LIMIT)
    }

    /// A job, by its id or its name.
    pub(crate) fn job(&mut self) -> Option<String> {
        self.parsed("job", |text| match text {
            "" => Err("\"\" names no job; expected an id or a name".to_owned()),
            text => Ok(text.to_owned()),
        })
    }

    /// Where the list goes on.
    fn cursor<P: Place>(&mut self, list: &Binding) -> Option<P> {
        let wrong =
            "is not a cursor of this list; expected next_cursor of its page before, with the same filters";
        self.parsed("cursor", |text| {
            let place = list.decode(text).and_then(|position| P::read(&position));
            place.ok_or_else(|| format!("{:?} {wrong}", clip(text)))
        })
    }

    /// Whether the answer must know every write acknowledged before.
    pub(crate) fn consistency(&mut self) -> Consistency {
        match self.boolean("consistent") {
            Some(true) => Consistency::Linearizable,
            Some(false) | None => Consistency::Local,
        }
    }

    /// Which page of a list.
    pub(crate) fn page<P: Place>(&mut self, list: &Binding) -> PageRequest<P> {
        let limit = self.limit();
        let after = self.cursor(list);
        PageRequest { after, limit, consistency: self.consistency(), is_counted: false }
    }

    /// The same of a list that can be counted.
    pub(crate) fn counted_page<P: Place>(&mut self, list: &Binding) -> PageRequest<P> {
        let is_counted = self.boolean("count").unwrap_or(false);
        PageRequest { is_counted, ..self.page(list) }
    }

    /// Refuses the request where a value was wrong, or a parameter is left that nothing asked for.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        Ok(self.judge()?)
    }

    /// The same; answers what is bad.
    pub(crate) fn judge(mut self) -> Result<(), Invalid> {
        let known = self.known.join(", ");
        let expected = if known.is_empty() { "none".to_owned() } else { format!("one of {known}") };
        for (name, _) in &self.pairs {
            self.invalid.add(clip(name), format!("unknown query parameter; expected {expected}"));
        }
        self.invalid.into_result()
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let text = parts.uri.query().unwrap_or_default();
        let (pairs, lossy): (Vec<_>, Vec<_>) = url::form_urlencoded::parse(text.as_bytes())
            .into_owned()
            .partition(|(_, value)| !is_lossy(value));
        let mut invalid = Invalid::default();
        for (name, value) in lossy {
            let value = clip(&value).into_owned();
            invalid
                .add(clip(&name), format!("{value:?} is not UTF-8; expected text in UTF-8, percent-encoded"));
        }
        Ok(Self { pairs, invalid, known: Vec::new(), taken: Vec::new() })
    }
}

/// Whether a value was not UTF-8. The parser then puts a character into it that stands for what cannot be read.
fn is_lossy(value: &str) -> bool {
    value.contains(char::REPLACEMENT_CHARACTER)
}

/// No query parameters at all.
pub(crate) struct NoQuery;

impl<S: Sync> FromRequestParts<S> for NoQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        // Most writes have none: nothing to read then.
        if parts.uri.query().is_none() {
            return Ok(Self);
        }
        let Ok(query) = Query::from_request_parts(parts, state).await;
        query.finish().map(|()| Self)
    }
}

/// `?consistent=true` and nothing else.
pub(crate) struct Consistent(pub(crate) Consistency);

impl<S: Sync> FromRequestParts<S> for Consistent {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Ok(mut query) = Query::from_request_parts(parts, state).await;
        let consistency = query.consistency();
        query.finish().map(|()| Self(consistency))
    }
}

/// The parameters of every list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the document is made of it")]
pub(crate) struct Paging {
    /// How many to list at most; 50 if omitted
    #[param(minimum = 1, maximum = 500, example = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before; it goes on with the same filters only
    #[param(example = "d1T2Q0kQb1sAAAAAAAAAMg")]
    cursor: Option<String>,
    /// Know every write acknowledged before this request
    #[param(example = true)]
    consistent: Option<bool>,
}

/// The parameter of lists that can be counted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the document is made of it")]
pub(crate) struct Counting {
    /// Count the list: `total` says how many there are, exact up to 10,000
    #[param(example = true)]
    count: Option<bool>,
}

/// The parameter of every read.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the document is made of it")]
pub(crate) struct Fresh {
    /// Know every write acknowledged before this request
    #[param(example = true)]
    consistent: Option<bool>,
}
