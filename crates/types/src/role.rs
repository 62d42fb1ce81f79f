//! What a key may do.

use crate::choice::choice;

choice! {
    /// What a key may do. Each role may also do what those before it may.
    Role "a role" {
        /// Read, and try out what changes nothing.
        Viewer "viewer",
        /// Run, cancel, pause and skip what is there.
        Operator "operator",
        /// Write jobs, and have a webhook called.
        Editor "editor",
        /// All, the cluster and keys included.
        Admin "admin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_do_what_those_before_it_may() {
        assert!(Role::ALL.is_sorted(), "{:?}", Role::ALL);
        assert!(Role::Viewer < Role::Operator && Role::Editor < Role::Admin);
        assert_eq!(Role::parse("editor"), Ok(Role::Editor));
        let refused = Role::parse("root").expect_err("refused");
        assert!(
            refused.contains("\"root\"") && refused.contains("viewer, operator, editor, admin"),
            "{refused}"
        );
    }
}
