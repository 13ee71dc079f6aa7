//! What the system counts in: exact decimals, currencies, rounding, metered quantities.

mod currency;
mod decimal;
mod quantity;

pub use currency::Currency;
pub use decimal::{Decimal, ParseDecimalError};
pub use quantity::{Quantity, QuantityOverflow};
