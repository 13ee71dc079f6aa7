//! Values of keys, and the types that components read them into.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::duration;
use super::kind::Kind;
use super::listen_address::ListenAddress;

/// What a file or a variable holds, before the key says what it should be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Raw {
    Text(String),
    List(Vec<String>),
    Tree(serde_json::Value),
}

/// A value of the form its key asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// [`Kind::Text`] and [`Kind::OneOf`].
    Text(String),
    /// [`Kind::Bool`].
    Bool(bool),
    /// [`Kind::Whole`].
    Whole(i64),
    /// [`Kind::Number`].
    Number(f64),
    /// [`Kind::List`].
    List(Vec<String>),
    /// [`Kind::Duration`].
    Duration(Duration),
    /// [`Kind::Address`].
    Address(ListenAddress),
    /// [`Kind::Object`].
    Object(serde_json::Value),
}

impl Value {
    /// Empty text, list or object: nothing there to hide.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Object(tree) => tree.as_object().is_none_or(serde_json::Map::is_empty),
            Self::Bool(_) | Self::Whole(_) | Self::Number(_) | Self::Duration(_) | Self::Address(_) => false,
        }
    }
}

/// The text form: what the environment would hold.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Bool(flag) => flag.fmt(f),
            Self::Whole(number) => number.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::List(items) => f.write_str(&items.join(",")),
            Self::Duration(length) => f.write_str(&duration::render(*length)),
            Self::Address(address) => address.fmt(f),
            Self::Object(tree) => tree.fmt(f),
        }
    }
}

/// A type that a key is read into.
pub trait Setting: Sized {
    /// The form of its values.
    const KIND: Kind;
    /// Masked in print.
    const IS_SECRET: bool = false;
    /// Reads a value of [`Self::KIND`]; the error says what else is wrong.
    ///
    /// # Errors
    /// When the value is of the right form and still not allowed.
    fn from_value(value: &Value) -> Result<Self, String>;
}

fn other_form<T>(value: &Value) -> Result<T, String> {
    Err(format!("`{value}` is of another form"))
}

macro_rules! setting {
    ($ty:ty, $kind:expr, $variant:ident, $held:ident => $read:expr) => {
        impl Setting for $ty {
            const KIND: Kind = $kind;
            fn from_value(value: &Value) -> Result<Self, String> {
                match value {
                    Value::$variant($held) => Ok($read),
                    other => other_form(other),
                }
            }
        }
    };
}

setting!(String, Kind::Text, Text, text => text.clone());
setting!(PathBuf, Kind::Text, Text, text => Self::from(text));
setting!(bool, Kind::Bool, Bool, flag => *flag);
setting!(f64, Kind::Number, Number, number => *number);
setting!(Vec<String>, Kind::List, List, items => items.clone());
setting!(Duration, Kind::Duration, Duration, length => *length);
setting!(ListenAddress, Kind::Address, Address, address => address.clone());
setting!(serde_json::Value, Kind::Object, Object, tree => tree.clone());

macro_rules! whole_setting {
    ($ty:ty, $max:expr) => {
        impl Setting for $ty {
            const KIND: Kind = Kind::Whole { min: 0, max: $max };
            fn from_value(value: &Value) -> Result<Self, String> {
                match value {
                    Value::Whole(number) => Self::try_from(*number).map_err(|error| error.to_string()),
                    other => other_form(other),
                }
            }
        }
    };
}

whole_setting!(u16, u16::MAX as i64);
whole_setting!(u32, u32::MAX as i64);
whole_setting!(u64, i64::MAX);
whole_setting!(usize, i64::MAX);

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
    fn from_value(value: &Value) -> Result<Self, String> {
        String::from_value(value).map(Self)
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
    fn from_value(value: &Value) -> Result<Self, String> {
        serde_json::Value::from_value(value).map(Self)
    }
}

/// API keys known from the configuration: lower-case hex SHA-256 of the key, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeys(pub BTreeMap<String, ApiKey>);

/// Whose an API key of the configuration is. It acts as `super_admin` and is bound to no environment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ApiKey {
    /// Tenant it belongs to.
    pub tenant_id: String,
    /// User it acts as.
    pub user_id: String,
    /// A name for people.
    #[serde(default)]
    pub name: String,
    /// An inactive key is refused.
    #[serde(default)]
    pub is_active: bool,
}

impl Setting for ApiKeys {
    const KIND: Kind = Kind::Object;
    const IS_SECRET: bool = true;
    fn from_value(value: &Value) -> Result<Self, String> {
        let tree = serde_json::Value::from_value(value)?;
        let keys: BTreeMap<String, ApiKey> = serde_json::from_value(tree)
            .map_err(|_| "a map of sha256-hex(key) to {\"tenant_id\", \"user_id\", \"name\", \"is_active\"}".to_owned())?;
        match keys.keys().find(|hash| hash.len() != 64 || !hash.bytes().all(|b| b.is_ascii_hexdigit())) {
            Some(_) => Err("a map whose names are the hex SHA-256 of each key, 64 digits".to_owned()),
            None => Ok(Self(keys.into_iter().map(|(hash, key)| (hash.to_ascii_lowercase(), key)).collect())),
        }
    }
}

/// Which environments a user may enter: tenant, user, environments. Who is not listed may enter all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentAccess(pub BTreeMap<String, BTreeMap<String, Vec<String>>>);

impl Setting for EnvironmentAccess {
    const KIND: Kind = Kind::Object;
    fn from_value(value: &Value) -> Result<Self, String> {
        serde_json::from_value(serde_json::Value::from_value(value)?)
            .map(Self)
            .map_err(|_| "a map of tenant to a map of user to a list of environments".to_owned())
    }
}

macro_rules! choice {
    ($(#[$meta:meta])* $name:ident { $( $(#[$vmeta:meta])* $variant:ident = $text:literal ),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $( $(#[$vmeta])* $variant ),+ }

        impl $name {
            /// The word in the configuration.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text ),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Setting for $name {
            const KIND: Kind = Kind::OneOf(&[$($text),+]);
            fn from_value(value: &Value) -> Result<Self, String> {
                match value {
                    $( Value::Text(text) if text == $text => Ok(Self::$variant), )+
                    other => other_form(other),
                }
            }
        }
    };
}

choice! {
    /// Which role this process plays.
    Mode {
        /// Everything in one process.
        Local = "local",
        /// HTTP API only.
        Api = "api",
        /// Message consumers only.
        Consumer = "consumer",
        /// Workflows only.
        TemporalWorker = "temporal_worker",
    }
}

choice! {
    /// How much is logged.
    LogLevel {
        /// Everything.
        Trace = "trace",
        /// For debugging.
        Debug = "debug",
        /// Normal running.
        Info = "info",
        /// Only what may need attention.
        Warn = "warn",
        /// Only failures.
        Error = "error",
    }
}

choice! {
    /// How log lines look.
    LogFormat {
        /// Compact on a terminal, JSON otherwise.
        Auto = "auto",
        /// One JSON object per line.
        Json = "json",
        /// One line of text for people.
        Compact = "compact",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", Secret("hunter2".into())), "Secret(********)");
    }

    #[test]
    fn api_keys_are_checked_by_shape() {
        let read = |text: &str| ApiKeys::from_value(&Value::Object(serde_json::from_str(text).expect("json")));
        let hash = "AB".repeat(32);
        let keys = read(&format!(r#"{{"{hash}":{{"tenant_id":"t","user_id":"u","is_active":true}}}}"#)).expect("valid");
        assert!(keys.0[&hash.to_lowercase()].is_active);
        assert!(read("{}").expect("none").0.is_empty());
        assert!(read(r#"{"abc":{"tenant_id":"t","user_id":"u"}}"#).is_err());
        assert!(read(r#"{"abc":1}"#).is_err());
    }
}
