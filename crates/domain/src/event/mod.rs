//! Raw usage: one thing a customer did, as the integrating application sent it (spec 10 §1).

mod collector;
mod properties;

pub use collector::{CollectedEvent, RawOutcome, RawReprocess, ReprocessMode, ReprocessStatus, object_id, transform};
pub use properties::{PROPERTIES_DEPTH_MAX, Properties, PropertyValue};

use crate::invalid::{Invalid, require_field};
use crate::time::Timestamp;

/// An accepted event. Its identity is (tenant, environment, id): the first accepted copy counts, whatever its timestamp.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The caller's idempotency key, or `event_` and a ULID.
    pub id: String,
    /// What happened; trimmed, not empty.
    pub name: String,
    /// Who did it, by the integrating application's own identifier.
    pub external_customer_id: String,
    /// Stored as sent; never used for attribution.
    pub customer_id: String,
    /// Event time: when it happened.
    pub timestamp: Timestamp,
    /// Ingestion time: when it was accepted.
    pub ingested_at: Timestamp,
    /// Free text.
    pub source: String,
    /// The JSON object as it was sent, digits and all; empty when absent.
    pub properties: String,
}

/// Longest event id, name, customer id or source, in bytes: keys of the event store stay bounded.
pub const KEY_BYTES_MAX: usize = 1024;
/// 1970-01-01T00:00:00Z: the earliest event time (spec 10 §17).
pub const EARLIEST: Timestamp = Timestamp::from_micros(0);
/// 2106-01-01T00:00:00Z: the first instant too late for an event.
pub const LATEST: Timestamp = Timestamp::from_micros(4_291_747_200_000_000);

impl Event {
    /// Refuses an event without name or customer, with oversized keys, with properties nested beyond [`PROPERTIES_DEPTH_MAX`], or dated outside 1970
    /// to 2105.
    pub fn validate(&self) -> Result<(), Invalid> {
        require_field(!self.name.trim().is_empty(), "event_name", "event_name is required and must not be blank")?;
        require_field(!self.external_customer_id.is_empty(), "external_customer_id", "external_customer_id is required")?;
        for (field, value) in [
            ("event_id", &self.id),
            ("event_name", &self.name),
            ("external_customer_id", &self.external_customer_id),
            ("source", &self.source),
        ] {
            if value.len() > KEY_BYTES_MAX {
                return Err(Invalid::field(field, format!("{field} is longer than {KEY_BYTES_MAX} bytes")).with("limit", KEY_BYTES_MAX));
            }
        }
        if properties::is_deeper(&self.properties, PROPERTIES_DEPTH_MAX) {
            return Err(Invalid::field("properties", format!("properties nest deeper than {PROPERTIES_DEPTH_MAX} levels"))
                .with("limit", PROPERTIES_DEPTH_MAX));
        }
        if self.timestamp < EARLIEST || self.timestamp >= LATEST {
            return Err(Invalid::field("timestamp", "timestamp must lie between 1970-01-01 and 2105-12-31").with("value", self.timestamp));
        }
        Ok(())
    }
}
