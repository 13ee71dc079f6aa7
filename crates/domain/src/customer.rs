//! Who buys (spec 30 §1).

use std::collections::BTreeMap;

use crate::ids::CustomerId;
use crate::invalid::{Invalid, require, require_text};
use crate::scope::Audit;
use crate::time::Zone;

/// An end customer of the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Identity.
    pub id: CustomerId,
    /// The integrating application's own identifier; unique among published customers. Events name it.
    pub external_id: String,
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

impl Customer {
    /// Refuses a customer without identifier or name, or with fields beyond their bounds.
    pub fn validate(&self) -> Result<(), Invalid> {
        require_text(&self.external_id, "external_id")?;
        require_text(&self.name, "name")?;
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
                return Err(Invalid::input(format!("{field} has at most {chars_max} characters")).with("field", field));
            }
        }
        require(self.email.is_empty() || is_email(&self.email), "email must be an address such as billing@example.com")?;
        let country = &self.address_country;
        require(
            country.is_empty() || (country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_alphabetic())),
            "address_country must be two letters, ISO 3166-1",
        )?;
        Zone::parse(&self.timezone).map(|_| ())
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
