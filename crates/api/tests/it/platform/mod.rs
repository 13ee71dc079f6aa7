//! Rights, settings, and what others are told.

mod clock;
mod rights;
mod settings;
mod told;
