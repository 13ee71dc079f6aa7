//! Meters, features, groups, plans, prices: what is sold and at what rate (spec 20).

mod feature;
mod group;
mod meter;
mod plan;
pub(crate) mod price;

pub use feature::NewFeature;
pub(crate) use plan::prices_of;
pub(crate) use price::prices_of_entity;
pub use price::{PriceChange, Quote};
