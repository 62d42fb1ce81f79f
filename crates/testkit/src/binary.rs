//! The `chronos` binary that is tested.

/// The binary that is tested. What is made of it stands with what is made: see [`crate::Setup`],
/// [`crate::Server`] and [`crate::Cluster`].
#[derive(Clone, Copy, Debug)]
pub struct Chronos(&'static str);

impl Chronos {
    /// The binary at this path: `Chronos::at(env!("CARGO_BIN_EXE_chronos"))`.
    #[must_use]
    pub const fn at(path: &'static str) -> Self {
        Self(path)
    }

    /// Where it is.
    #[must_use]
    pub const fn path(self) -> &'static str {
        self.0
    }
}
