//! Lists that are read in parts.

/// A part of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The items; at most as many as were asked for.
    pub items: Vec<T>,
    /// Whether more items follow.
    pub more: bool,
}

impl<T> Page<T> {
    /// Makes a page of a list that was read one item past its limit.
    pub(super) fn cut(mut items: Vec<T>, limit: usize) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        Self { items, more }
    }
}
