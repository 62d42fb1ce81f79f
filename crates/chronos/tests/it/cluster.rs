//! Several nodes: real processes on loopback, which are killed, stopped, removed and joined.

mod alone;
mod backup;
mod batches;
mod certificates;
mod clock;
mod comparison;
mod encryption;
mod forming;
mod loss;
mod members;
mod metrics;
mod operations;
mod overlap;
mod pauses;
mod reads;
mod strangers;
