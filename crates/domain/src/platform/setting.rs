//! What an environment can choose: keys, defaults, rules (spec 60 §9).

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::invalid::{Invalid, require_field};
use crate::invoice::InvoiceConfig;

/// The keys of settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each variant spells its key, which stands below")]
pub enum SettingKey {
    InvoiceConfig,
    SubscriptionConfig,
    InvoicePdfConfig,
    TenantConfig,
    CustomerOnboarding,
    WalletBalanceAlertConfig,
    PrepareProcessedEventsConfig,
    CustomAnalyticsConfig,
    CustomerPortalConfig,
    EventIngestionFilter,
    BonusCreditsTopupConfig,
    PaymentMandateLimits,
    DraftInvoiceRecomputeConfig,
    SamlConfig,
}

text_enum!(SettingKey {
    InvoiceConfig = "invoice_config",
    SubscriptionConfig = "subscription_config",
    InvoicePdfConfig = "invoice_pdf_config",
    TenantConfig = "tenant_config",
    CustomerOnboarding = "customer_onboarding",
    WalletBalanceAlertConfig = "wallet_balance_alert_config",
    PrepareProcessedEventsConfig = "prepare_processed_events_config",
    CustomAnalyticsConfig = "custom_analytics_config",
    CustomerPortalConfig = "customer_portal_config",
    EventIngestionFilter = "event_ingestion_filter",
    BonusCreditsTopupConfig = "bonus_credits_topup_config",
    PaymentMandateLimits = "payment_mandate_limits",
    DraftInvoiceRecomputeConfig = "draft_invoice_recompute_config",
    SamlConfig = "saml_config",
});

impl SettingKey {
    /// Whether the tenant chooses it for all of its environments.
    pub fn is_of_tenant(self) -> bool {
        matches!(self, Self::TenantConfig | Self::SamlConfig)
    }
}

/// The value of a setting: a JSON object whose keys are the fields. Its default is what an environment has that chose nothing.
pub trait Setting: Default + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its key.
    const KEY: SettingKey;

    /// Refuses a value that breaks a rule, as a whole.
    ///
    /// # Errors
    /// What is wrong and what to do.
    fn check(&self) -> Result<(), Invalid>;

    /// The value in force where `chosen` was stored: the default, overlaid top-level key by key.
    ///
    /// # Errors
    /// A key that is unknown, a value that does not fit, a broken rule.
    fn read(chosen: &Map<String, Value>) -> Result<Self, Invalid> {
        let setting: Self = serde_json::from_value(Value::Object(overlaid(&Self::default(), chosen)))
            .map_err(|error| Invalid::input(format!("the value of {} does not fit: {error}", Self::KEY)).with("key", Self::KEY))?;
        setting.check()?;
        Ok(setting)
    }
}

/// The default of a setting, overlaid top-level key by key.
pub fn overlaid(default: &impl Serialize, chosen: &Map<String, Value>) -> Map<String, Value> {
    let mut value = match serde_json::to_value(default) {
        Ok(Value::Object(value)) => value,
        // Settings are structs: they serialise as objects.
        _ => Map::new(),
    };
    value.extend(chosen.iter().map(|(key, value)| (key.clone(), value.clone())));
    value
}

impl Setting for InvoiceConfig {
    const KEY: SettingKey = SettingKey::InvoiceConfig;

    fn check(&self) -> Result<(), Invalid> {
        require_field(self.start_sequence >= 1, "start_sequence", "start_sequence must be 1 or more")?;
        require_field((1..=10).contains(&self.suffix_length), "suffix_length", "suffix_length must be 1 to 10")?;
        require_field((0..=3_650).contains(&self.due_date_days), "due_date_days", "due_date_days must be 0 to 3650")?;
        require_field(
            (0..=31_536_000).contains(&self.finalization_delay_seconds),
            "finalization_delay_seconds",
            "finalization_delay_seconds must be 0 to 31536000, a year",
        )?;
        require_field(self.prefix.len() <= 64, "prefix", "prefix holds at most 64 bytes")?;
        require_field(self.separator.len() <= 16, "separator", "separator holds at most 16 bytes")
    }
}

/// How much a tenant may have (setting `tenant_config`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantConfig {
    /// Production environments.
    pub production: i64,
    /// Sandboxes.
    pub development: i64,
    /// Published users, service accounts among them.
    pub max_users: i64,
}

impl Default for TenantConfig {
    fn default() -> Self {
        Self { production: 0, development: 2, max_users: 10 }
    }
}

impl Setting for TenantConfig {
    const KEY: SettingKey = SettingKey::TenantConfig;

    fn check(&self) -> Result<(), Invalid> {
        require_field(self.production >= 0, "production", "production must be 0 or more")?;
        require_field(self.development >= 0, "development", "development must be 0 or more")?;
        require_field(self.max_users >= 1, "max_users", "max_users must be 1 or more")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read<S: Setting>(chosen: Value) -> Result<S, String> {
        let Value::Object(chosen) = chosen else { panic!("an object") };
        S::read(&chosen).map_err(|invalid| invalid.message)
    }

    /// Spec 60 §21 no. 12.
    #[test]
    fn what_was_chosen_overlays_the_default_key_by_key() {
        let config: InvoiceConfig = read(json!({"prefix": "AC"})).unwrap();
        assert_eq!(config, InvoiceConfig { prefix: "AC".into(), ..InvoiceConfig::default() });
        assert_eq!(read::<TenantConfig>(json!({"production": 3})).unwrap(), TenantConfig { production: 3, ..TenantConfig::default() });
    }

    /// Spec 60 §9, the rules of `invoice_config` and `tenant_config`.
    #[test]
    fn values_that_break_a_rule_are_refused() {
        for wrong in [
            json!({"suffix_length": 11}),
            json!({"suffix_length": 0}),
            json!({"start_sequence": 0}),
            json!({"due_date_days": -1}),
            json!({"finalization_delay_seconds": -1}),
            json!({"format": "MM"}),
            json!({"timezone": "Mars/Olympus"}),
            json!({"prefix": 7}),
            json!({"prefx": "AC"}),
        ] {
            assert!(read::<InvoiceConfig>(wrong.clone()).is_err(), "{wrong}");
        }
        for right in
            [json!({"separator": ""}), json!({"finalization_delay_seconds": 0}), json!({"timezone": "IST"}), json!({"format": "YY"})]
        {
            assert!(read::<InvoiceConfig>(right.clone()).is_ok(), "{right}");
        }
        for wrong in [json!({"production": -1}), json!({"development": -1}), json!({"max_users": 0}), json!({"users": 1})] {
            assert!(read::<TenantConfig>(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn abbreviations_of_zones_are_read_in_any_case() {
        for (abbreviation, zone) in [("ist", "Asia/Kolkata"), ("GMT", "Europe/London"), ("Cet", "Europe/Berlin"), ("UTC", "UTC")] {
            assert_eq!(read::<InvoiceConfig>(json!({"timezone": abbreviation})).unwrap().zone.to_string(), zone);
        }
    }
}
