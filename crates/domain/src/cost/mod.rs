//! What usage costs its seller, and what is left of the revenue (spec 10 §12, 20 §13).

mod margin;
mod sheet;

pub use margin::Margin;
pub use sheet::Costsheet;
