//! What processes remember, and must learn once a change of it is durable.

use domain::ids::CustomerId;
use domain::platform::SettingKey;
use domain::scope::Scope;

use crate::coherence::Topic;
use crate::{App, Result};

/// Something that memory holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remembered {
    /// A customer.
    Customer(Scope, CustomerId),
    /// The meters of a scope.
    Meters(Scope),
    /// A key, by its hash.
    Key(String),
    /// The environments of all tenants.
    Environments,
    /// A setting of a scope.
    Setting(Scope, SettingKey),
}

impl Remembered {
    /// What other processes must hear of.
    pub(super) fn topic(&self) -> Topic {
        match self {
            Self::Customer(scope, _) => Topic::Customers(scope.clone()),
            Self::Meters(scope) => Topic::Meters(scope.clone()),
            Self::Key(_) | Self::Environments => Topic::Platform,
            Self::Setting(scope, _) => Topic::Settings(scope.clone()),
        }
    }
}

impl App {
    pub(super) async fn refresh(&self, remembered: Remembered) -> Result<()> {
        match remembered {
            Remembered::Customer(scope, id) => {
                self.forget_customer(&scope, &id);
                Ok(())
            }
            Remembered::Meters(scope) => self.reload_meters(&scope).await,
            Remembered::Key(hash) => {
                self.forget_key(&hash);
                Ok(())
            }
            Remembered::Environments => self.reload_environments().await,
            Remembered::Setting(scope, key) => {
                self.forget_setting(&scope, key);
                Ok(())
            }
        }
    }
}
