//! What single events cost, for a marketplace that bills per request (spec 10 §9.6).

use std::collections::{BTreeSet, HashMap};

use domain::customer::Customer;
use domain::event::Event;
use domain::ids::{CustomerId, MeterId};
use domain::invalid::require;
use domain::meter::LedgerEntry;
use domain::money::Decimal;
use domain::rating::{Price, rate};
use domain::scope::Scope;
use domain::subscription::SubscriptionLineItem;
use storage::Condition;

use super::usage_lines::is_active_at;
use crate::{App, Error, Result};

/// Most events of one request.
const REQUESTS_MAX: usize = 1_000;

impl App {
    /// What each event costs, not rounded, in US dollars: its quantities at the price of the first line in force that bills the meter for
    /// the customer. An event that is unknown, or that nothing bills, costs 0. A price in another currency is refused.
    pub async fn request_costs(&self, scope: &Scope, event_ids: &[String]) -> Result<Vec<Decimal>> {
        require((1..=REQUESTS_MAX).contains(&event_ids.len()), "requestIds must hold 1 to 1000 ids")?;
        let known = self.events_with_entries(scope, event_ids).await?;
        let external_ids: BTreeSet<&str> = known.values().map(|(event, _)| event.external_customer_id.as_str()).collect();
        let external_ids: Vec<String> = external_ids.into_iter().map(str::to_owned).collect();
        let customers: Vec<Customer> = match external_ids.as_slice() {
            [] => Vec::new(),
            ids => self.find_all(scope, &[Condition::one_of("external_id", ids)]).await?,
        };
        let meters: BTreeSet<MeterId> = known.values().flat_map(|(_, entries)| entries).map(|entry| entry.meter_id.clone()).collect();
        let meters: Vec<MeterId> = meters.into_iter().collect();
        let customer_ids: Vec<CustomerId> = customers.iter().map(|customer| customer.id.clone()).collect();
        let lines = self.usage_lines(scope, &customer_ids, &meters).await?;
        let prices: HashMap<String, Price> = self.get_many(scope, lines.iter().map(|line| line.price_id.to_string())).await?;
        let by_external_id: HashMap<&str, &CustomerId> =
            customers.iter().map(|customer| (customer.external_id.as_str(), &customer.id)).collect();
        event_ids
            .iter()
            .map(|id| match known.get(id) {
                Some((event, entries)) => {
                    let customer = by_external_id.get(event.external_customer_id.as_str()).copied();
                    cost(event, entries, customer, &lines, &prices)
                }
                None => Ok(Decimal::zero()),
            })
            .collect()
    }

    async fn events_with_entries(&self, scope: &Scope, ids: &[String]) -> Result<HashMap<String, (Event, Vec<LedgerEntry>)>> {
        let mut known = HashMap::new();
        for id in ids {
            if known.contains_key(id) {
                continue;
            }
            let Some(event) = self.events().event(scope, id).await? else { continue };
            let entries = self.events().entries(scope, id).await?.unwrap_or_default();
            known.insert(id.clone(), (event, entries));
        }
        Ok(known)
    }
}

fn cost(
    event: &Event,
    entries: &[LedgerEntry],
    customer: Option<&CustomerId>,
    lines: &[SubscriptionLineItem],
    prices: &HashMap<String, Price>,
) -> Result<Decimal> {
    let mut sum = Decimal::zero();
    for entry in entries {
        let bills = |line: &&SubscriptionLineItem| {
            Some(&line.customer_id) == customer && line.meter_id.as_ref() == Some(&entry.meter_id) && is_active_at(line, event.timestamp)
        };
        let Some(price) = lines.iter().find(bills).and_then(|line| prices.get(line.price_id.as_str())) else { continue };
        if price.currency.as_str() != "usd" {
            return Err(Error::operation(format!("event {} is priced in {}, not in US dollars", event.id, price.currency)));
        }
        sum = &sum + &rate(price, &entry.quantity.to_decimal()).amount;
    }
    Ok(sum)
}
