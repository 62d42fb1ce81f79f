//! `chronos-next`: the binary as a next release may be, for the test of a cluster of two releases. The feature `next`
//! has it follow one cluster version more.

#[path = "main.rs"]
mod chronos;

fn main() -> std::process::ExitCode {
    chronos::main()
}
