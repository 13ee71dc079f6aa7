//! The event log on a real broker: every test has topics and a group of its own and removes them in the end.

mod begin;
mod consume;
mod dead_letters;
mod disturb;
mod harness;
mod produce;
mod rebalance;
mod slow;
mod stop;
mod stuck;
mod topics;
mod unreachable;
