//! What one run sends in place of what its job says.

use crate::headers::MAX_HEADERS;
use crate::{HeaderError, Headers, SealedCredentials, Template, Webhook};

/// A body and headers for one run alone. What is not given is as the job says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// The body, with its template variables.
    pub body: Option<Template>,
    /// Each takes the place of the job's header of that name, in any case, or is one more.
    pub headers: Headers,
    /// Its credentials, where they are sealed; see [`Webhook::sealed`].
    pub sealed: Option<SealedCredentials>,
}

impl Overrides {
    /// Whether nothing is given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.body.is_none() && self.headers.is_empty()
    }

    /// These, and what they do not give as it was given `before`.
    ///
    /// # Errors
    /// There are too many headers together.
    pub fn over(self, before: Self) -> Result<Self, HeaderError> {
        let headers = before.headers.with(&self.headers);
        match headers.iter().count() {
            0..=MAX_HEADERS => Ok(Self { body: self.body.or(before.body), headers, sealed: None }),
            count => Err(HeaderError::TooMany(count)),
        }
    }

    /// Puts the value back in place of each `"[redacted]"`: that of the first of the `stored` headers that has it.
    ///
    /// # Errors
    /// The path of a redacted value for which there is none.
    pub fn restore_secrets(&mut self, stored: &[&Headers]) -> Result<(), String> {
        let known = stored.iter().rev().fold(Headers::default(), |all, more| all.with(more));
        self.headers.restore(Some(&known)).map_err(|name| format!("headers.{name}"))
    }
}

impl Webhook {
    /// What a run sends that has these.
    #[must_use]
    pub fn overridden(self, by: Overrides) -> Self {
        let headers = self.headers.with(&by.headers);
        Self { body: by.body.or(self.body), headers, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::REDACTED;

    fn headers(pairs: &[(&str, &str)]) -> Headers {
        Headers::parse(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
            .expect("headers")
    }

    fn shown(headers: &Headers) -> Vec<String> {
        headers.iter().map(|(name, value)| format!("{name}: {value}")).collect()
    }

    #[test]
    fn a_header_takes_the_place_of_one_of_the_same_name_in_any_case() {
        let job = headers(&[("X-A", "1"), ("X-B", "2"), ("content-type", "text/x")]);
        let run = headers(&[("x-b", "3"), ("X-C", "4")]);
        assert_eq!(shown(&job.with(&run)), ["X-A: 1", "x-b: 3", "content-type: text/x", "X-C: 4"]);
    }

    #[test]
    fn what_is_not_given_anew_stays() {
        let body = |text: &str| Some(Template::parse(text).expect("a body"));
        let before =
            Overrides { body: body("old"), headers: headers(&[("X-A", "1"), ("X-B", "2")]), sealed: None };
        let given = Overrides { headers: headers(&[("X-B", "3")]), ..Overrides::default() };
        let both = given.over(before.clone()).expect("both");
        assert_eq!((both.body, shown(&both.headers)), (body("old"), vec!["X-A: 1".into(), "X-B: 3".into()]));
        let given = Overrides { body: body("new"), ..Overrides::default() };
        assert_eq!(given.over(before.clone()).expect("both").body, body("new"));
        let many: Vec<_> = (0..100).map(|n| (format!("X-{n}"), "1".to_owned())).collect();
        let many = Overrides { headers: Headers::parse(many).expect("a hundred"), ..Overrides::default() };
        assert_eq!(many.over(before), Err(HeaderError::TooMany(102)));
    }

    #[test]
    fn a_redacted_value_is_the_first_that_is_kept() {
        let redacted = || Overrides { headers: headers(&[("X-Token", REDACTED)]), ..Overrides::default() };
        let (run, job) = (headers(&[("x-token", "run")]), headers(&[("X-TOKEN", "job")]));
        for (stored, value) in [(vec![&run, &job], "run"), (vec![&job], "job")] {
            let mut overrides = redacted();
            overrides.restore_secrets(&stored).expect("kept");
            assert_eq!(overrides.headers.get("X-Token"), Some(value));
        }
        assert_eq!(redacted().restore_secrets(&[]), Err("headers.X-Token".to_owned()));
    }
}
