//! What single events cost, for a marketplace that bills per request (spec 10 §9.6).

use std::collections::{BTreeSet, HashMap};

use domain::customer::Customer;
use domain::ids::{CustomerId, MeterId};
use domain::invalid::{Invalid, require_field};
use domain::money::Decimal;
use domain::rating::{Price, rate};
use domain::scope::Scope;
use domain::subscription::SubscriptionLineItem;
use storage::Condition;
use streams::CountedEvent;

use super::usage_lines::is_active_at;
use crate::{App, Result};

/// Most events of one request.
const REQUESTS_MAX: usize = 1_000;

impl App {
    /// What each event costs, not rounded, in US dollars: its quantities at the price of the first line in force that bills the meter for
    /// the customer. An event that is unknown or not counted yet, or that nothing bills, costs 0. A price in another currency is refused.
    pub async fn request_costs(&self, scope: &Scope, event_ids: &[String]) -> Result<Vec<Decimal>> {
        require_field((1..=REQUESTS_MAX).contains(&event_ids.len()), "requestIds", "requestIds must hold 1 to 1000 ids")?;
        let known = self.ledgers(scope).await?.counted(scope, event_ids).await?;
        let external_ids: BTreeSet<&str> = known.values().map(|event| event.external_customer_id.as_str()).collect();
        let external_ids: Vec<String> = external_ids.into_iter().map(str::to_owned).collect();
        let customers: Vec<Customer> = match external_ids.as_slice() {
            [] => Vec::new(),
            ids => self.find_all(scope, &[Condition::one_of("external_id", ids)]).await?,
        };
        let former = storage::former_external_ids::owners(&mut self.database(), scope, &external_ids).await?;
        let meters: BTreeSet<MeterId> = known.values().flat_map(|event| &event.entries).map(|entry| entry.meter_id.clone()).collect();
        let meters: Vec<MeterId> = meters.into_iter().collect();
        // Who has an id comes before who had it.
        let mut by_external_id: HashMap<&str, &CustomerId> = former.iter().map(|(id, owner)| (id.as_str(), owner)).collect();
        by_external_id.extend(customers.iter().map(|customer| (customer.external_id.as_str(), &customer.id)));
        let customer_ids: Vec<CustomerId> = by_external_id.values().map(|id| CustomerId::clone(id)).collect();
        let lines = self.usage_lines(scope, &customer_ids, &meters).await?;
        let prices: HashMap<String, Price> = self.get_many(scope, lines.iter().map(|line| line.price_id.to_string())).await?;
        event_ids
            .iter()
            .map(|id| match known.get(id) {
                Some(event) => {
                    let customer = by_external_id.get(event.external_customer_id.as_str()).copied();
                    cost(id, event, customer, &lines, &prices)
                }
                None => Ok(Decimal::zero()),
            })
            .collect()
    }
}

fn cost(
    event_id: &str,
    event: &CountedEvent,
    customer: Option<&CustomerId>,
    lines: &[SubscriptionLineItem],
    prices: &HashMap<String, Price>,
) -> Result<Decimal> {
    let mut sum = Decimal::zero();
    for entry in &event.entries {
        let bills = |line: &&SubscriptionLineItem| {
            Some(&line.customer_id) == customer && line.meter_id.as_ref() == Some(&entry.meter_id) && is_active_at(line, event.timestamp)
        };
        let Some(price) = lines.iter().find(bills).and_then(|line| prices.get(line.price_id.as_str())) else { continue };
        if price.currency.as_str() != "usd" {
            let message = format!("event {event_id} is priced in {}, not in US dollars", price.currency);
            return Err(Invalid::operation(message).with("id", event_id).with("value", &price.currency).into());
        }
        sum = &sum + &rate(price, &entry.quantity.to_decimal()).amount;
    }
    Ok(sum)
}
