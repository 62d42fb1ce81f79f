//! A page of a list.

use chronos_state::StateError;

/// A page of a list, and whether there is more.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub more: bool,
}

impl<T> Page<T> {
    /// A page that `read` reads, giving it row after row.
    pub fn of<P>(
        read: impl FnOnce(&mut dyn FnMut(T) -> bool) -> Result<Option<P>, StateError>,
    ) -> Result<Self, StateError> {
        let mut items = Vec::new();
        let next = read(&mut |row| {
            items.push(row);
            true
        })?;
        Ok(Self { items, more: next.is_some() })
    }
}
