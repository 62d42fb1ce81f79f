//! Which values are left out when a stored form is written.

/// Whether a value is the default of its type. An absent field reads as that.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
