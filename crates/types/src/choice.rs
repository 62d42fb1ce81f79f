//! Enums whose values have the names that the API uses.

/// Declares such an enum, with `ALL`, `parse` and `as_str`.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident $what:literal { $($(#[$vdoc:meta])* $variant:ident $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),* }

        impl $name {
            /// Every value.
            pub const ALL: &'static [$name] = &[$(Self::$variant),*];

            /// Parses the name used in the API.
            ///
            /// # Errors
            /// The text is none of the names.
            pub fn parse(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    _ => Err(format!(
                        concat!("{:?} is not ", $what, "; expected one of {}"),
                        $crate::clip(text), [$($text),*].join(", ")
                    )),
                }
            }

            /// The name used in the API.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
    };
}
pub(crate) use choice;
