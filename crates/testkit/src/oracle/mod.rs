//! An oracle of metering that shares nothing with the system but the calendar: random meters and events whose meaning is known where they
//! are made up, the formulas of spec 10 §8 over all accepted events in exact rationals, and every read path asked for the same number.

mod ask;
mod formula;
mod world;

pub use ask::{Api, Opened, open};
pub use formula::{Exact, Row};
pub use world::{Question, World, question, world};
