//! Which values are not written.

/// Whether a value is its type's default, which is what an absent field reads as.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
