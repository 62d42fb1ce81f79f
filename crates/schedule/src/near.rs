//! The offsets of a zone around some instants, looked up once: whoever asks again and again about the same two days
//! need not search the rules of the zone each time.

use crate::zone::Zone;

/// The offsets of a zone from one second to another, both included. Within them it answers as the zone does.
#[derive(Debug)]
pub(crate) struct Near {
    from: i64,
    until: i64,
    /// At least one. Each goes on until the next one starts.
    spans: Box<[Span]>,
    /// The first transition later than `until`.
    next: Option<i64>,
}

#[derive(Debug)]
struct Span {
    /// The transition that it starts with. The first one started at or before `from`, if with a transition at all.
    start: Option<i64>,
    offset: i64,
}

impl Near {
    pub(crate) fn of(zone: &Zone, from: i64, until: i64) -> Self {
        let mut spans = vec![Span { start: zone.transition_at_or_before(from), offset: zone.offset(from) }];
        let mut at = from;
        let next = loop {
            match zone.next_transition(at) {
                Some(transition) if transition <= until => {
                    spans.push(Span { start: Some(transition), offset: zone.offset(transition) });
                    at = transition;
                }
                next => break next,
            }
        };
        Self { from, until, spans: spans.into(), next }
    }

    /// Local time minus UTC, in seconds; none where the second is not within these.
    pub(crate) fn offset(&self, second: i64) -> Option<i64> {
        Some(self.spans[self.span(second)?].offset)
    }

    /// The first transition later than `second`, if there is one; none where the second is not within these.
    pub(crate) fn next_transition(&self, second: i64) -> Option<Option<i64>> {
        let following = self.spans.get(self.span(second)? + 1);
        Some(following.map_or(self.next, |span| span.start))
    }

    /// The last transition at or before `second`, if there is one; none where the second is not within these.
    pub(crate) fn transition_at_or_before(&self, second: i64) -> Option<Option<i64>> {
        Some(self.spans[self.span(second)?].start)
    }

    fn span(&self, second: i64) -> Option<usize> {
        if !(self.from..=self.until).contains(&second) {
            return None;
        }
        let later = self.spans.iter().rposition(|span| span.start.is_some_and(|start| start <= second));
        Some(later.unwrap_or(0))
    }
}
