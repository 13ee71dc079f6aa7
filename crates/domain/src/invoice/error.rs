//! Why an invoice cannot be computed. Something that a line names is not there, or a period has no end in the calendar: an invoice without it
//! would be wrong, so there is none.

use crate::ids::{PriceId, SubscriptionLineItemId};
use crate::invalid::Invalid;

/// What is missing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The price of a line.
    #[error("line {line} names price {price}, which does not exist")]
    PriceMissing {
        /// The subscription's line.
        line: SubscriptionLineItemId,
        /// What it names.
        price: PriceId,
    },
    /// The meter of a usage line.
    #[error("line {line} charges usage and names no meter that exists")]
    MeterMissing {
        /// The subscription's line.
        line: SubscriptionLineItemId,
    },
    /// What the meter of a usage line counted.
    #[error("line {line} charges usage that was not read")]
    UsageMissing {
        /// The subscription's line.
        line: SubscriptionLineItemId,
    },
    /// A period that the invoice charges has no end.
    #[error(transparent)]
    Calendar(#[from] Invalid),
}
