//! Values that cannot be printed.

use std::fmt;

use super::kind::Kind;
use super::setting::Setting;
use super::value::Value;

/// A text that cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(********)")
    }
}

impl Setting for Secret {
    const KIND: Kind = Kind::Text;
    const IS_SECRET: bool = true;
    fn read(value: &Value) -> Result<Self, String> {
        String::read(value).map(Self)
    }
}

/// A tree that may hold credentials, such as headers of outgoing requests.
#[derive(Clone, PartialEq)]
pub struct SecretObject(serde_json::Value);

impl SecretObject {
    /// The tree itself.
    #[must_use]
    pub fn expose(&self) -> &serde_json::Value {
        &self.0
    }
}

impl fmt::Debug for SecretObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretObject(********)")
    }
}

impl Setting for SecretObject {
    const KIND: Kind = Kind::Object;
    const IS_SECRET: bool = true;
    fn read(value: &Value) -> Result<Self, String> {
        Ok(Self(value.0.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", Secret("hunter2".into())), "Secret(********)");
    }
}
