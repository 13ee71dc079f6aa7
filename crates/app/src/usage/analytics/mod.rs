//! Usage and its cost per line of a customer's subscriptions, over any time, in windows and groups (spec 10 §11).
//!
//! Which rows there are: `rows`. What each counted: `read`. In which windows it shows: `points`.

mod item;
mod points;
mod read;
mod request;
mod rows;

pub use item::{Analytics, AnalyticsItem, AnalyticsPoint};
pub use request::AnalyticsRequest;
pub use rows::{AnalyticsRow, BilledBy, PriceOwner};

use domain::invalid::{Invalid, require_field};
use domain::meter::Window;
use domain::scope::Scope;
use domain::time::Zone;

use self::read::Reading;
use self::rows::Rows;
use crate::{App, Result};

/// Most items and points of an answer.
const ROWS_MAX: usize = 100_000;

impl App {
    /// Usage and cost, sorted by the feature's name, then by line and group. Rows without events are left out; without a customer that has
    /// subscriptions, bucketed meters stand there with 0.
    ///
    /// Refused: subscriptions of several currencies with usage, and an answer of more than 100,000 items and points.
    pub async fn analytics(&self, scope: &Scope, request: AnalyticsRequest) -> Result<Analytics> {
        require_field(request.period.start <= request.period.end, "end_time", "end_time must not be before start_time")?;
        let cut = request.cut()?;
        let customer = match &request.external_customer_id {
            Some(external_id) => self.customer_of_events(scope, external_id).await?,
            None => None,
        };
        let zone = customer.as_ref().map_or(Zone::UTC, |customer| Zone::parse(&customer.timezone).unwrap_or(Zone::UTC));
        let Rows { rows, currency } = self.analytics_rows(scope, customer.as_ref(), &request).await?;
        let windows = request.window_size.map(|size| Window::anchored(size, zone, request.billing_anchor));
        let asked = || request.external_customer_id.iter().cloned().collect();
        let customers: Vec<String> = customer.as_ref().map_or_else(asked, domain::customer::Customer::external_ids);
        let reading = Reading {
            scope,
            customers: &customers,
            cut: &cut,
            windows,
            anchor: request.billing_anchor,
            wants_sources: request.wants_sources,
        };
        let mut items = self.read_rows(&reading, rows).await?;
        items.sort_by(|one, other| one.order().cmp(&other.order()));
        let currency = one_currency(&items)?.or(currency).unwrap_or_default();
        Ok(Analytics { items, currency })
    }
}

/// The currency of all items; `None` when none is billed.
fn one_currency(items: &[AnalyticsItem]) -> Result<Option<String>> {
    let mut currencies = items.iter().filter_map(|item| Some(item.row.billed_by.as_ref()?.line.currency.as_str()));
    let Some(first) = currencies.next() else { return Ok(None) };
    if let Some(other) = currencies.find(|other| *other != first) {
        let message = "the customer's subscriptions have different currencies: ask for the features of one";
        return Err(Invalid::operation(message).with("field", "feature_ids").with("value", format!("{first}, {other}")).into());
    }
    Ok(Some(first.to_owned()))
}
