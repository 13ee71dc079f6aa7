//! Usage at cost beside the revenue of the same usage.

use std::collections::{BTreeMap, HashMap};

use domain::cost::{Costsheet, Margin};
use domain::ids::MeterId;
use domain::invalid::Invalid;
use domain::meter::Meter;
use domain::money::Decimal;
use domain::rating::{Price, PriceType, rate_all};
use domain::scope::Scope;
use domain::time::Period;

use crate::usage::AnalyticsRequest;
use crate::{App, Result};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct CostRequest {
    /// Whose usage; the whole tenant's without, and then without revenue.
    pub external_customer_id: Option<String>,
    /// Only of these features; unknown ones find nothing.
    pub feature_ids: Vec<String>,
    /// Only of events with these properties.
    pub property_filters: BTreeMap<String, Vec<String>>,
    /// When, by event time.
    pub period: Period,
}

/// Cost, revenue, and what is left.
#[derive(Clone, Debug)]
pub struct CostAnalytics {
    /// What counts: the active cost sheet, when there is one.
    pub sheet: Option<Costsheet>,
    /// One per line and meter that the cost sheet prices.
    pub items: Vec<CostItem>,
    /// The sum of the items, not rounded.
    pub cost: Decimal,
    /// What the usage is billed at.
    pub revenue: Decimal,
    /// All 0 without an active cost sheet.
    pub margin: Margin,
    /// Of the revenue; of the cost without revenue; empty without both.
    pub currency: String,
}

/// What the usage of one meter costs.
#[derive(Clone, Debug)]
pub struct CostItem {
    /// What was measured.
    pub meter: Meter,
    /// At which rate.
    pub price: Price,
    /// The usage; of a bucketed meter, the sum of its buckets.
    pub usage: Decimal,
    /// The number of events.
    pub events: u64,
    /// What it costs, each bucket priced on its own; not rounded.
    pub cost: Decimal,
}

impl App {
    /// What usage cost by the active cost sheet, beside what it is billed at. Without an active cost sheet there is revenue alone.
    ///
    /// Refused: cost and revenue in different currencies.
    pub async fn cost_analytics(&self, scope: &Scope, request: CostRequest) -> Result<CostAnalytics> {
        let revenue = self.analytics(scope, request.usage_of(Vec::new())).await?;
        let sheet = self.find_active_costsheet(scope).await?;
        let items = match &sheet {
            Some(sheet) => self.cost_items(scope, sheet, &request).await?,
            None => Vec::new(),
        };
        let cost_currency = one_currency(&items)?;
        let billed: Decimal = revenue.items.iter().map(|item| &item.cost).sum();
        let cost: Decimal = items.iter().map(|item| &item.cost).sum();
        let currency = match (revenue.currency.is_empty(), cost_currency) {
            (false, Some(of_cost)) if of_cost != revenue.currency => {
                let message = format!("the cost sheet is in {of_cost}, the revenue in {}: no margin can be told", revenue.currency);
                return Err(Invalid::operation(message).with("value", format!("{of_cost}, {}", revenue.currency)).into());
            }
            (false, _) => revenue.currency,
            (true, of_cost) => of_cost.unwrap_or_default(),
        };
        let margin = if sheet.is_some() { Margin::of(&billed, &cost) } else { Margin::default() };
        Ok(CostAnalytics { sheet, items, cost, revenue: billed, margin, currency })
    }

    async fn cost_items(&self, scope: &Scope, sheet: &Costsheet, request: &CostRequest) -> Result<Vec<CostItem>> {
        let now = self.now(scope);
        // Oldest first: of several prices of a meter, the newest stays.
        let mut prices: HashMap<MeterId, Price> = HashMap::new();
        for price in self.prices_of_costsheets(scope, &[sheet.id.to_string()]).await? {
            let in_force = price.start_date <= now && price.end_date.is_none_or(|end| end > now);
            if let Some(meter_id) = price.meter_id.clone().filter(|_| in_force && price.kind == PriceType::Usage) {
                prices.insert(meter_id, price);
            }
        }
        if prices.is_empty() {
            return Ok(Vec::new());
        }
        let meters = prices.keys().map(ToString::to_string).collect();
        let usage = self.analytics(scope, request.usage_of(meters)).await?;
        let items = usage.items.into_iter().filter_map(|item| {
            let price = prices.get(&item.row.meter.id)?.clone();
            let cost = rate_all(&price, &item.quantities).amount;
            Some(CostItem { meter: item.row.meter.clone(), price, usage: item.usage, events: item.events, cost })
        });
        Ok(items.collect())
    }
}

impl CostRequest {
    /// The usage of these meters; of all without.
    fn usage_of(&self, meter_ids: Vec<String>) -> AnalyticsRequest {
        AnalyticsRequest {
            external_customer_id: self.external_customer_id.clone(),
            feature_ids: self.feature_ids.clone(),
            meter_ids,
            period: self.period,
            window_size: None,
            billing_anchor: None,
            group_by: vec!["meter_id".to_owned()],
            sources: Vec::new(),
            property_filters: self.property_filters.clone(),
            wants_sources: false,
        }
    }
}

/// The currency of all items; `None` without items.
fn one_currency(items: &[CostItem]) -> Result<Option<String>> {
    let mut currencies = items.iter().map(|item| item.price.currency.as_str());
    let Some(first) = currencies.next() else { return Ok(None) };
    if let Some(other) = currencies.find(|other| *other != first) {
        let message = "the prices of the cost sheet have different currencies: give it one";
        return Err(Invalid::operation(message).with("value", format!("{first}, {other}")).into());
    }
    Ok(Some(first.to_owned()))
}
