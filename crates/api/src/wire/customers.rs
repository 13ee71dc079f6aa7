//! Customers on the wire.

use crate::body::List;
use crate::body::Metadata;
use crate::body::Texts;
use crate::list::CommonFilter;
use crate::wire::AuditBody;
use app::Error;
use domain::customer::Customer;
use domain::ids::CustomerId;
use domain::scope::Audit;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A customer to make.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct CreateCustomerRequest {
    /// The integrating application's own identifier, which events name: 1 to 255 characters, unique among published customers.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) external_id: String,
    /// What people read: 1 to 255 characters.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) name: String,
    /// An address such as billing@example.com, up to 255 characters; may be empty.
    #[serde(default)]
    pub(crate) email: String,
    /// Phone or similar, up to 20 characters.
    #[serde(default)]
    pub(crate) contact: String,
    /// Street and number, up to 255 characters.
    #[serde(default)]
    pub(crate) address_line1: String,
    /// What the first line does not hold, up to 255 characters.
    #[serde(default)]
    pub(crate) address_line2: String,
    /// Up to 100 characters.
    #[serde(default)]
    pub(crate) address_city: String,
    /// State, province or region, up to 100 characters.
    #[serde(default)]
    pub(crate) address_state: String,
    /// Up to 20 characters.
    #[serde(default)]
    pub(crate) address_postal_code: String,
    /// Two letters, ISO 3166-1.
    #[serde(default)]
    pub(crate) address_country: String,
    /// IANA name, such as Europe/Berlin: where periods begin; UTC without.
    #[serde(default)]
    pub(crate) timezone: String,
    /// Free pairs, at most 100.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) metadata: Option<Metadata>,
    /// Not built yet.
    #[schema(value_type = Option<Vec<Value>>, max_items = 100)]
    pub(crate) integration_entity_mapping: Option<List<Value, 100>>,
    /// Not built yet; an empty list is accepted.
    #[schema(value_type = Option<Vec<Value>>, max_items = 100)]
    pub(crate) tax_rate_overrides: Option<List<Value, 100>>,
    /// Not built yet.
    pub(crate) billing_currency: Option<String>,
    /// Not built yet.
    #[schema(value_type = Option<Vec<Value>>, max_items = 100)]
    pub(crate) contact_persons: Option<List<Value, 100>>,
    /// Not built yet.
    pub(crate) tax_treatment: Option<String>,
    /// Not built yet.
    pub(crate) onboarding_workflow_name: Option<String>,
    /// Onboarding workflows are not built yet: there is none to skip.
    #[expect(dead_code, reason = "either value means the same")]
    pub(crate) skip_onboarding_workflow: Option<bool>,
}

/// Changes of a customer: only what is given.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct UpdateCustomerRequest {
    /// Events sent under the former one stay the customer's; it is shown in metadata, and no other published customer can have it.
    pub(crate) external_id: Option<String>,
    /// 1 to 255 characters; kept without.
    pub(crate) name: Option<String>,
    /// An address, up to 255 characters; empty takes it away, kept without.
    pub(crate) email: Option<String>,
    /// Phone or similar, up to 20 characters; empty takes it away, kept without.
    pub(crate) contact: Option<String>,
    /// Up to 255 characters; empty takes it away, kept without.
    pub(crate) address_line1: Option<String>,
    /// Up to 255 characters; empty takes it away, kept without.
    pub(crate) address_line2: Option<String>,
    /// Up to 100 characters; empty takes it away, kept without.
    pub(crate) address_city: Option<String>,
    /// Up to 100 characters; empty takes it away, kept without.
    pub(crate) address_state: Option<String>,
    /// Up to 20 characters; empty takes it away, kept without.
    pub(crate) address_postal_code: Option<String>,
    /// Two letters, ISO 3166-1; empty takes it away, kept without.
    pub(crate) address_country: Option<String>,
    /// IANA name; kept without. Reaches only later subscriptions.
    pub(crate) timezone: Option<String>,
    /// Replaces all pairs.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) metadata: Option<Metadata>,
    /// Not built yet.
    #[schema(value_type = Option<Vec<Value>>, max_items = 100)]
    pub(crate) integration_entity_mapping: Option<List<Value, 100>>,
}

/// A customer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CustomerResponse {
    /// `cust_` and a ULID.
    pub(crate) id: String,
    /// The integrating application's own identifier; events name it.
    pub(crate) external_id: String,
    /// What people read.
    pub(crate) name: String,
    /// Empty when unused.
    pub(crate) email: String,
    /// Phone or similar; empty when unused.
    pub(crate) contact: String,
    /// Street and number; empty when unused.
    pub(crate) address_line1: String,
    /// What the first line does not hold; empty when unused.
    pub(crate) address_line2: String,
    /// Empty when unused.
    pub(crate) address_city: String,
    /// State, province or region; empty when unused.
    pub(crate) address_state: String,
    /// Empty when unused.
    pub(crate) address_postal_code: String,
    /// Two letters, ISO 3166-1; empty when unused.
    pub(crate) address_country: String,
    /// IANA name: where periods of later subscriptions begin.
    pub(crate) timezone: String,
    /// Free pairs; `old_external_ids` holds former external ids, with commas between them.
    pub(crate) metadata: BTreeMap<String, String>,
    /// Status, scope, dates.
    #[serde(flatten)]
    pub(crate) audit: AuditBody,
}

/// Which customers.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = types::CustomerFilter)]
pub(crate) struct CustomerFilter {
    #[serde(flatten)]
    pub(crate) common: CommonFilter,
    /// Any of these ids.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) customer_ids: Texts,
    /// Any of these external ids.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) external_ids: Texts,
    /// Exactly.
    pub(crate) external_id: Option<String>,
    /// Exactly.
    pub(crate) email: Option<String>,
    /// All pairs must be there.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) metadata: Option<Metadata>,
}

impl CreateCustomerRequest {
    /// Refuses what is not built: better than to lose it silently.
    pub(crate) fn refuse_unbuilt(&self) -> Result<(), Error> {
        let some = |list: &Option<List<Value, 100>>| list.as_ref().is_some_and(|list| !list.is_empty());
        let text = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        let unbuilt = [
            ("tax_rate_overrides", some(&self.tax_rate_overrides)),
            ("integration_entity_mapping", some(&self.integration_entity_mapping)),
            ("contact_persons", some(&self.contact_persons)),
            ("billing_currency", text(&self.billing_currency)),
            ("tax_treatment", text(&self.tax_treatment)),
            ("onboarding_workflow_name", text(&self.onboarding_workflow_name)),
        ];
        Error::refuse_unbuilt(unbuilt)
    }

    /// The customer that is asked for.
    pub(crate) fn into_customer(self, id: CustomerId, audit: Audit) -> Customer {
        Customer {
            id,
            external_id: self.external_id,
            former_external_ids: Vec::new(),
            name: self.name,
            email: self.email,
            contact: self.contact,
            address_line1: self.address_line1,
            address_line2: self.address_line2,
            address_city: self.address_city,
            address_state: self.address_state,
            address_postal_code: self.address_postal_code,
            address_country: self.address_country,
            timezone: if self.timezone.is_empty() { "UTC".to_owned() } else { self.timezone },
            metadata: self.metadata.map(Metadata::into_inner).unwrap_or_default(),
            audit,
        }
    }
}

impl UpdateCustomerRequest {
    /// Applies what is given.
    pub(crate) fn apply(self, customer: &mut Customer) {
        for (given, field) in [
            (self.external_id, &mut customer.external_id),
            (self.name, &mut customer.name),
            (self.email, &mut customer.email),
            (self.contact, &mut customer.contact),
            (self.address_line1, &mut customer.address_line1),
            (self.address_line2, &mut customer.address_line2),
            (self.address_city, &mut customer.address_city),
            (self.address_state, &mut customer.address_state),
            (self.address_postal_code, &mut customer.address_postal_code),
            (self.address_country, &mut customer.address_country),
            (self.timezone, &mut customer.timezone),
        ] {
            if let Some(given) = given {
                *field = given;
            }
        }
        if let Some(metadata) = self.metadata {
            customer.metadata = metadata.into_inner();
        }
    }
}

impl From<&Customer> for CustomerResponse {
    fn from(customer: &Customer) -> Self {
        let Customer { audit, .. } = customer;
        Self {
            id: customer.id.to_string(),
            external_id: customer.external_id.clone(),
            name: customer.name.clone(),
            email: customer.email.clone(),
            contact: customer.contact.clone(),
            address_line1: customer.address_line1.clone(),
            address_line2: customer.address_line2.clone(),
            address_city: customer.address_city.clone(),
            address_state: customer.address_state.clone(),
            address_postal_code: customer.address_postal_code.clone(),
            address_country: customer.address_country.clone(),
            timezone: customer.timezone.clone(),
            metadata: customer.metadata.clone(),
            audit: AuditBody::from(audit),
        }
    }
}
