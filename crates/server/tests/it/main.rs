//! What a node does, seen from outside its crate.

mod loops;
