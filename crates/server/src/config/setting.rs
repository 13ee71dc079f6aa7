//! The types that components read values into.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::duration;
use super::kind::Kind;
use super::listen_address::ListenAddress;
use super::value::Value;

/// A type that a key is read into.
pub trait Setting: Sized {
    /// The form of its values.
    const KIND: Kind;
    /// Masked in print.
    const IS_SECRET: bool = false;
    /// Reads a value of [`Self::KIND`].
    ///
    /// # Errors
    /// When the value is of the right form and still not allowed: says what is, to end "… must be".
    fn read(value: &Value) -> Result<Self, String>;
}

macro_rules! settings {
    ($( $ty:ty: $kind:expr; )+) => { $(
        impl Setting for $ty {
            const KIND: Kind = $kind;
            fn read(value: &Value) -> Result<Self, String> {
                Self::deserialize(&value.0).map_err(|_| Self::KIND.allowed())
            }
        }
    )+ };
}

settings! {
    String: Kind::Text;
    PathBuf: Kind::Text;
    bool: Kind::Bool;
    f64: Kind::Number;
    u16: Kind::Whole { min: 0, max: u16::MAX as i64 };
    u32: Kind::Whole { min: 0, max: u32::MAX as i64 };
    u64: Kind::Whole { min: 0, max: i64::MAX };
    usize: Kind::Whole { min: 0, max: i64::MAX };
    Vec<String>: Kind::List;
}

impl Setting for Duration {
    const KIND: Kind = Kind::Duration;
    fn read(value: &Value) -> Result<Self, String> {
        duration::parse(&value.to_string()).ok_or_else(|| Self::KIND.allowed())
    }
}

impl Setting for ListenAddress {
    const KIND: Kind = Kind::Address;
    fn read(value: &Value) -> Result<Self, String> {
        Self::parse(&value.to_string()).ok_or_else(|| Self::KIND.allowed())
    }
}
