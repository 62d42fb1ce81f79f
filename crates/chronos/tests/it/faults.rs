//! Bad luck: starts that cannot be, ends that nobody asked for, targets that hang, disks that fill.

mod bad_record;
mod crash;
mod disk;
mod isolation;
mod logs;
mod missed;
mod outside;
mod paths;
mod search_file;
mod shortage;
mod shutdown;
mod start;
mod variables;
mod yaml;
