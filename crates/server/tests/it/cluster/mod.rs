//! The cluster profile: the real binary in its roles, over the real servers of `dev/services`. Each test has databases, topics, groups
//! and key prefixes of its own, so that tests stand beside each other.

mod installation;
mod process;

mod costs;
mod flow;
mod killed;
mod oracle;
mod replicas;
mod roles;
mod slow_store;
mod workers;
