//! [`Scope`]: the jobs that whoever asks may see, by one of their tags.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::{KeyScope, Tags, clip};

/// The jobs that whoever asks may see: all, or those whose tag of one name has one of some values. What is beyond it is
/// as if it were not there. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(Option<Arc<Limit>>);

/// The jobs whose tag of one name has one of these values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    tag: String,
    values: BTreeSet<String>,
}

impl Scope {
    /// All jobs.
    #[must_use]
    pub fn all() -> Self {
        Self(None)
    }

    /// The jobs whose tag of this name has one of these values. Where no tag is named, no job is meant.
    #[must_use]
    pub fn of(tag: Option<&str>, KeyScope(values): KeyScope) -> Self {
        Self(Some(Arc::new(Limit { tag: tag.unwrap_or_default().to_owned(), values })))
    }

    /// What it is limited to; none where it is all jobs.
    #[must_use]
    pub fn limit(&self) -> Option<&Limit> {
        self.0.as_deref()
    }

    /// Whether it is all jobs.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a job with these tags is within it.
    #[must_use]
    pub fn sees(&self, tags: &BTreeMap<String, String>) -> bool {
        let Some(Limit { tag, values }) = self.limit() else { return true };
        !tag.is_empty() && tags.get(tag).is_some_and(|value| values.contains(value))
    }

    /// Whether all that is within the other one is within this one.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self.limit(), other.limit()) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(mine), Some(other)) => mine.tag == other.tag && other.values.is_subset(&mine.values),
        }
    }

    /// Whether any job may be within both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self.limit(), other.limit()) {
            (Some(mine), Some(other)) => mine.tag != other.tag || !mine.values.is_disjoint(&other.values),
            _ => true,
        }
    }

    /// Checks that a job with these tags is within it.
    ///
    /// # Errors
    /// The field, and what is wrong with it.
    pub fn check(&self, tags: &Tags) -> Result<(), (String, String)> {
        let Some(limit) = self.limit().filter(|_| !self.sees(tags.as_map())) else { return Ok(()) };
        let Limit { tag, values } = limit;
        let field = if tag.is_empty() { "tags".to_owned() } else { format!("tags.{tag}") };
        let found = match tags.as_map().get(tag) {
            Some(value) => format!("{:?} is beyond the scope of your key", clip(value)),
            None => "is missing".to_owned(),
        };
        Err((field, format!("{found}; expected one of {}", listed(values))))
    }
}

impl Limit {
    /// The name of the tag; empty where none is named, and no job is meant.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The values, one of which it must have.
    #[must_use]
    pub fn values(&self) -> &BTreeSet<String> {
        &self.values
    }

    /// The tag and the values, for people.
    #[must_use]
    pub fn told(&self) -> (&str, String) {
        (&self.tag, listed(&self.values))
    }
}

fn listed(values: &BTreeSet<String>) -> String {
    values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(values: &[&str]) -> Scope {
        Scope::of(Some("team"), KeyScope(values.iter().map(|value| (*value).to_owned()).collect()))
    }

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Tags::parse(pairs.collect()).expect("tags")
    }

    #[test]
    fn a_scope_is_the_jobs_with_one_of_its_values_and_all_is_all() {
        let (web, both) = (scope(&["web"]), scope(&["web", "ops"]));
        let nobody = Scope::of(None, KeyScope(["web".to_owned()].into()));
        for (pairs, is_web, is_both) in [
            (&[("team", "web"), ("a", "b")][..], true, true),
            (&[("team", "ops")], false, true),
            (&[("team", "Web")], false, false),
            (&[("other", "web"), ("", "web")], false, false),
            (&[], false, false),
        ] {
            let tags: BTreeMap<_, _> =
                pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            assert_eq!((web.sees(&tags), both.sees(&tags)), (is_web, is_both), "{pairs:?}");
            assert!(Scope::all().sees(&tags) && !nobody.sees(&tags), "{pairs:?}");
        }
    }

    #[test]
    fn a_scope_covers_what_is_within_it() {
        let (web, both, all) = (scope(&["web"]), scope(&["web", "ops"]), Scope::all());
        let other = Scope::of(Some("group"), KeyScope(["web".to_owned()].into()));
        for (outer, inner, covers) in [
            (&all, &all, true),
            (&all, &web, true),
            (&web, &all, false),
            (&both, &web, true),
            (&web, &both, false),
            (&web, &web, true),
            (&web, &other, false),
        ] {
            assert_eq!(outer.covers(inner), covers, "{outer:?} {inner:?}");
        }
    }

    #[test]
    fn what_a_job_lacks_is_told_with_the_tag_the_value_and_what_was_expected() {
        let both = scope(&["web", "ops"]);
        assert_eq!(both.check(&tags(&[("team", "ops")])), Ok(()));
        assert_eq!(Scope::all().check(&tags(&[])), Ok(()));
        let refused = |pairs| both.check(&tags(pairs)).expect_err("refused");
        let expected = "expected one of \"ops\", \"web\"";
        assert_eq!(refused(&[]), ("tags.team".to_owned(), format!("is missing; {expected}")));
        assert_eq!(refused(&[("team", "x")]).1, format!("\"x\" is beyond the scope of your key; {expected}"));
    }
}
