//! Bad luck: starts that cannot be, ends that nobody asked for, targets that hang, disks that fill.

mod bad_record;
mod crash;
mod disk;
mod isolation;
mod missed;
mod shutdown;
mod start;
