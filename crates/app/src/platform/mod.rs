//! Tenants, environments, keys, clocks: who asks, where, when (spec 60 §§2, 6).

mod advance_clock;
mod api_keys;
pub(crate) mod authenticate;
mod environments;
mod idempotency;
mod operations;
mod settings;

pub(crate) use advance_clock::Advances;
pub use advance_clock::{ADVANCE_WORK_MAX, ClockState, Stopped};
pub use api_keys::{NewApiKey, NewSecret};
pub(crate) use authenticate::KeyMemory;
pub use authenticate::{ConfiguredKey, KeyOwner, key_hash};
pub(crate) use environments::Environments;
pub use environments::{DEFAULT_TENANT, DEFAULT_USER, PRODUCTION_ENVIRONMENT, SANDBOX_ENVIRONMENT};
pub use idempotency::IdempotencyTurn;
pub(crate) use idempotency::IdempotencyTurns;
pub use operations::{Backlog, Operations};
pub use settings::EffectiveSetting;
pub(crate) use settings::SettingsMemory;
pub use storage::records::{Environment, EnvironmentType, Secret, SecretType};
