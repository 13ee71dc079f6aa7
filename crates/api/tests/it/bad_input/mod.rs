//! Bad input: each gets the status and code of the specification, and changes nothing.

mod bodies;
mod catalog;
mod customers;
mod events;
mod keys;
mod subscriptions;
mod unbuilt;
mod unknown_ids;
