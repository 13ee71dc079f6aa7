//! A cost sheet: the prices that the seller pays.

use std::collections::BTreeMap;

use crate::ids::CostsheetId;
use crate::invalid::{Faults, Invalid, require_text};
use crate::scope::Audit;

/// Longest name and lookup key, in characters.
const TEXT_CHARS_MAX: usize = 255;

/// A bundle of prices of what usage costs the seller. Of several, the newest published one counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Costsheet {
    /// Identity.
    pub id: CostsheetId,
    /// Display name; unique among published cost sheets.
    pub name: String,
    /// The caller's name; unique among published cost sheets, empty when unused.
    pub lookup_key: String,
    /// Free text.
    pub description: String,
    /// The caller's own pairs.
    pub metadata: BTreeMap<String, String>,
    /// Scope, status, dates.
    pub audit: Audit,
}

impl Costsheet {
    /// Refuses a blank name, and a name or lookup key of more than 255 characters.
    pub fn validate(&self) -> Result<(), Invalid> {
        let mut faults = Faults::default();
        faults.take(require_text(&self.name, "name"));
        for (field, text) in [("name", &self.name), ("lookup_key", &self.lookup_key)] {
            if text.chars().count() > TEXT_CHARS_MAX {
                let message = format!("{field} has at most {TEXT_CHARS_MAX} characters");
                faults.take::<()>(Err(Invalid::field(field, message).with("limit", TEXT_CHARS_MAX)));
            }
        }
        faults.check()
    }
}
