//! Usage to charges: what a quantity costs at a price, step by step (spec 20 §6). Amounts keep full precision here; money is
//! rounded where a line is made (`invoice`).

mod metered;
mod price;
mod rate;

pub use metered::{MeteredUsage, Quantities, rate_all};
pub use price::{
    BillingModel, InvoiceCadence, Price, PriceEntityType, PriceType, PriceUnitType, RoundType, Tier, TierMode, TransformQuantity,
};
pub use rate::{Rated, Step, rate};
