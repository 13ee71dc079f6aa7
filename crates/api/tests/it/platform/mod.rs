//! Rights, settings, and what others are told.

mod rights;
mod settings;
mod told;
