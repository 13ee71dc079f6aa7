//! Who may do what, what others are told of it, and what an environment can choose (spec 60).

mod activity;
mod entity_type;
mod rights;
mod setting;
mod system_event;

pub use activity::{Activity, ActivityAction};
pub use entity_type::EntityType;
pub use rights::{Action, Actor, ActorKind, Role, SUPER_ADMIN};
pub use setting::{Setting, SettingKey, TenantConfig, overlaid};
pub use system_event::{SystemEvent, SystemEventName};
