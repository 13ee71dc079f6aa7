//! Bad input: each gets the status and code of the specification, and changes nothing.

mod all_faults;
mod api_keys;
mod bodies;
mod catalog;
mod customers;
mod encodings;
mod events;
mod large_bodies;
mod subscriptions;
mod unbuilt;
mod unknown_fields;
mod unknown_ids;
