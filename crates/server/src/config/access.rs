//! Who may call, as far as the configuration knows: API keys, and environments that users may enter.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::kind::Kind;
use super::setting::Setting;
use super::value::Value;

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
    fn read(value: &Value) -> Result<Self, String> {
        let keys = BTreeMap::<String, ApiKey>::deserialize(&value.0)
            .map_err(|_| "a map of sha256-hex(key) to {\"tenant_id\", \"user_id\", \"name\", \"is_active\"}".to_owned())?;
        match keys.keys().find(|hash| hash.len() != 64 || !hash.bytes().all(|b| b.is_ascii_hexdigit())) {
            Some(_) => Err("a map whose names are the hex SHA-256 of each key, 64 digits".to_owned()),
            None => Ok(Self(keys.into_iter().map(|(hash, key)| (hash.to_ascii_lowercase(), key)).collect())),
        }
    }
}

/// Which environments a user may enter: tenant, user, environments. Who is not listed may enter all.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EnvironmentAccess(pub BTreeMap<String, BTreeMap<String, Vec<String>>>);

impl Setting for EnvironmentAccess {
    const KIND: Kind = Kind::Object;
    fn read(value: &Value) -> Result<Self, String> {
        Self::deserialize(&value.0).map_err(|_| "a map of tenant to a map of user to a list of environments".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_keys_are_checked_by_shape() {
        let read = |text: &str| ApiKeys::read(&Value(serde_json::from_str(text).expect("json")));
        let hash = "AB".repeat(32);
        let keys = read(&format!(r#"{{"{hash}":{{"tenant_id":"t","user_id":"u","is_active":true}}}}"#)).expect("valid");
        assert!(keys.0[&hash.to_lowercase()].is_active);
        assert!(read("{}").expect("none").0.is_empty());
        assert!(read(r#"{"abc":{"tenant_id":"t","user_id":"u"}}"#).is_err());
        assert!(read(r#"{"abc":1}"#).is_err());
    }
}
