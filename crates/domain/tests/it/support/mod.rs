//! What several of the suites build on.

pub(crate) mod contracts;
pub(crate) mod invoices;
pub(crate) mod prices;
pub(crate) mod rational;
pub(crate) mod zones;

use domain::ids::{EnvironmentId, TenantId};
use domain::money::Decimal;
use domain::scope::{Audit, Scope, Status};
use domain::time::{Timestamp, Zone};
use proptest::test_runner::Config;
use serde::de::DeserializeOwned;

/// Reads a golden table; a key that no test reads is an error, so that a typing slip cannot weaken a row.
pub(crate) fn table<T: DeserializeOwned>(text: &str) -> T {
    toml::from_str(text).unwrap_or_else(|error| panic!("{error}"))
}

/// So many random cases of a property.
pub(crate) fn cases(count: u32) -> Config {
    Config { failure_persistence: None, ..Config::with_cases(count) }
}

pub(crate) fn decimal(text: &str) -> Decimal {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn instant(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn zone(name: &str) -> Zone {
    Zone::parse(name).unwrap_or_else(|error| panic!("{error}: {name}"))
}

pub(crate) fn audit() -> Audit {
    Audit {
        scope: Scope { tenant_id: TenantId::from("tenant"), environment_id: EnvironmentId::from("env") },
        status: Status::Published,
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
        created_by: String::new(),
        updated_by: String::new(),
    }
}
