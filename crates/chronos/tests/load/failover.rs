//! The cluster's promises: nodes are killed, restarted in turn, upgraded and cut off from each other, and their disks
//! fill up and hang.

mod disk;
mod figures;
mod kills;
mod majority;
mod mixed;
mod network;
mod partition;
mod rolling;
mod run;
mod slow;
mod stopped;
mod volume;
