//! Who buys (spec 30 §1).

use std::collections::BTreeMap;

use crate::ids::CustomerId;
use crate::invalid::{Faults, Invalid, require_text};
use crate::scope::Audit;
use crate::time::Zone;

/// An end customer of the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Identity.
    pub id: CustomerId,
    /// The integrating application's own identifier; unique among published customers. Events name it.
    pub external_id: String,
    /// Those it had before, oldest first: events that name them are its own all the same. No other published customer has one of them.
    pub former_external_ids: Vec<String>,
    /// Display name.
    pub name: String,
    /// May be empty.
    pub email: String,
    /// Phone or similar; may be empty.
    pub contact: String,
    /// First address line.
    pub address_line1: String,
    /// Second address line.
    pub address_line2: String,
    /// City.
    pub address_city: String,
    /// State or region.
    pub address_state: String,
    /// Postal code.
    pub address_postal_code: String,
    /// Two letters, ISO 3166-1.
    pub address_country: String,
    /// IANA name; where the customer's days begin.
    pub timezone: String,
    /// Free pairs.
    pub metadata: BTreeMap<String, String>,
    /// Scope, status, dates.
    pub audit: Audit,
}

/// Most former external ids of a customer.
const FORMER_IDS_MAX: usize = 100;

impl Customer {
    /// Every external id under which its events arrive.
    pub fn external_ids(&self) -> Vec<String> {
        let former = self.former_external_ids.iter().filter(|id| **id != self.external_id);
        [&self.external_id].into_iter().chain(former).filter(|id| !id.is_empty()).cloned().collect()
    }

    /// Keeps the external id that it had before it was given another, also where a client looks for it: in `metadata.old_external_ids`
    /// (spec 30 §1). One that it takes up again is no former one.
    pub fn keep_former(&mut self, former: String) {
        if former == self.external_id {
            return;
        }
        self.former_external_ids.retain(|id| *id != self.external_id && *id != former);
        if former.is_empty() {
            return;
        }
        let kept = self.metadata.entry("old_external_ids".to_owned()).or_default();
        *kept = if kept.is_empty() { former.clone() } else { format!("{kept},{former}") };
        self.former_external_ids.push(former);
    }

    /// Refuses a customer without identifier or name, or with fields beyond their bounds.
    pub fn validate(&self) -> Result<(), Invalid> {
        let mut faults = Faults::default();
        faults.take(require_text(&self.external_id, "external_id"));
        faults.take(require_text(&self.name, "name"));
        if self.former_external_ids.len() > FORMER_IDS_MAX {
            let message = format!("a customer keeps at most {FORMER_IDS_MAX} former external ids: make a new customer");
            faults.take::<()>(Err(Invalid::field("external_id", message).with("limit", FORMER_IDS_MAX)));
        }
        for (field, value, chars_max) in [
            ("external_id", &self.external_id, 255),
            ("name", &self.name, 255),
            ("email", &self.email, 255),
            ("contact", &self.contact, 20),
            ("address_line1", &self.address_line1, 255),
            ("address_line2", &self.address_line2, 255),
            ("address_city", &self.address_city, 100),
            ("address_state", &self.address_state, 100),
            ("address_postal_code", &self.address_postal_code, 20),
        ] {
            if value.chars().count() > chars_max {
                let message = format!("{field} has at most {chars_max} characters");
                faults.take::<()>(Err(Invalid::field(field, message).with("limit", chars_max)));
            }
        }
        let has_email = self.email.is_empty() || is_email(&self.email);
        faults.require(has_email, "email", "email must be an address such as billing@example.com");
        let country = &self.address_country;
        faults.require(
            country.is_empty() || (country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_alphabetic())),
            "address_country",
            "address_country must be two letters, ISO 3166-1",
        );
        faults.take(Zone::parse(&self.timezone));
        faults.check()
    }
}

/// Whether a text is an address by form: one `@`, a local part, and a domain with a dot inside.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let clean = text.chars().all(|character| !character.is_whitespace() && !character.is_control());
    clean
        && !local.is_empty()
        && !domain.contains('@')
        && domain.split('.').count() >= 2
        && domain.split('.').all(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use crate::scope::{Audit, Scope, Status};
    use crate::time::Timestamp;

    use super::*;

    #[test]
    fn a_customer_keeps_the_ids_it_had_and_each_once() {
        let scope = Scope { tenant_id: "tenant".into(), environment_id: "env".into() };
        let (at, nobody) = (Timestamp::default(), String::new);
        let audit = Audit { scope, status: Status::Published, created_at: at, updated_at: at, created_by: nobody(), updated_by: nobody() };
        let mut customer = Customer {
            id: "cust_1".into(),
            external_id: "a".into(),
            former_external_ids: Vec::new(),
            name: "Acme".into(),
            email: nobody(),
            contact: nobody(),
            address_line1: nobody(),
            address_line2: nobody(),
            address_city: nobody(),
            address_state: nobody(),
            address_postal_code: nobody(),
            address_country: nobody(),
            timezone: nobody(),
            metadata: BTreeMap::new(),
            audit,
        };
        for (next, expected) in
            [("b", vec!["b", "a"]), ("b", vec!["b", "a"]), ("a", vec!["a", "b"]), ("", vec!["b", "a"]), ("c", vec!["c", "b", "a"])]
        {
            let former = std::mem::replace(&mut customer.external_id, next.to_owned());
            customer.keep_former(former);
            assert_eq!(customer.external_ids(), expected, "as {next}");
        }
        assert_eq!(customer.metadata["old_external_ids"], "a,b,a");
    }
}
