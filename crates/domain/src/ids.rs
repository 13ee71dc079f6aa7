//! Typed identifiers: `<prefix>_<ULID>` (spec 60 §5). An id that names nothing is "not found", so parsing is lenient;
//! only the system makes new ones, through [`IdGen`].

use std::fmt;

/// Makes identifiers. Injected, so that tests and replays are deterministic.
pub trait IdGen: Send + Sync {
    /// A fresh ULID, 26 characters of Crockford base32, upper case, sortable by creation.
    fn ulid(&self) -> String;

    /// `<prefix>_<ULID>`.
    fn id(&self, prefix: &str) -> String {
        format!("{prefix}_{}", self.ulid())
    }
}

/// Declares an identifier type with its prefix.
macro_rules! id_type {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// What an identifier of this kind begins with, before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// A fresh identifier.
            pub fn new(ids: &dyn IdGen) -> Self {
                Self(ids.id(Self::PREFIX))
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

id_type! {
    /// An organisation that bills its customers with this system. The seed tenant is the all-zero UUID.
    TenantId = "tenant";
    /// A sandbox or production space of a tenant.
    EnvironmentId = "env";
    /// A person or service account of a tenant.
    UserId = "user";
    /// What others are told of a change.
    SystemEventId = "sys_event";
    /// An entry of the activity log.
    ActivityId = "activity";
    /// What an environment has chosen.
    SettingId = "setting";
    /// A stored API key.
    SecretId = "secret";
    /// An end customer.
    CustomerId = "cust";
    /// What to measure.
    MeterId = "meter";
    /// A run over past events for a meter.
    BackfillId = "backfill";
    /// A run over raw objects.
    ReprocessId = "reprocess";
    /// What is sold.
    FeatureId = "feat";
    /// What is given of a feature.
    EntitlementId = "ent";
    /// A display group of prices or features.
    GroupId = "group";
    /// A bundle of prices.
    PlanId = "plan";
    /// A bundle of what usage costs.
    CostsheetId = "cost";
    /// One rate.
    PriceId = "price";
    /// A customer's contract.
    SubscriptionId = "subs";
    /// One priced thing in a contract.
    SubscriptionLineItemId = "subs_line";
    /// What is to happen to a contract on a date.
    SubscriptionScheduleId = "sched";
    /// What a customer owes, line by line.
    InvoiceId = "inv";
    /// One line of an invoice.
    InvoiceLineItemId = "inv_line";
}
