//! What became of one event, and why (spec 10 §9.4): every meter of its name is examined, then prices and lines that would bill it.

use std::collections::HashMap;

use domain::catalog::Feature;
use domain::customer::Customer;
use domain::event::{Event, Properties};
use domain::ids::MeterId;
use domain::meter::{LedgerEntry, Meter, matches};
use domain::rating::{Price, PriceType};
use domain::scope::{Scope, Status};
use domain::subscription::SubscriptionLineItem;
use storage::{Condition, Direction, ListQuery, Sort};
use streams::RefusedCopy;

use super::meter_index::MetersByName;
use crate::usage::is_active_at;
use crate::{App, Error, Result};

/// Most meters and prices that one answer looks at.
const EXAMINED_MAX: i64 = 1_000;

/// What became of an event.
#[derive(Clone, Debug)]
pub struct EventLookup {
    /// The event as it was accepted.
    pub event: Event,
    /// Whether its usage has been counted: in a cluster that comes a moment after it was accepted.
    pub is_counted: bool,
    /// The published customer whose external id it names.
    pub customer: Option<Customer>,
    /// Every meter of its name, archived ones too, by id.
    pub meters: Vec<ExaminedMeter>,
    /// Published usage prices on the meters that match.
    pub prices: Vec<Price>,
    /// Usage lines of the customer's active and trialing subscriptions on those meters.
    pub lines: Vec<SubscriptionLineItem>,
    /// Features of those meters.
    pub features: HashMap<MeterId, Feature>,
    /// Copies that were refused, newest first.
    pub copies: Vec<RefusedCopy>,
}

/// One meter beside the event.
#[derive(Clone, Debug)]
pub struct ExaminedMeter {
    /// The meter as it is now.
    pub meter: Meter,
    /// Its filters that the event does not meet.
    pub failed_filters: Vec<FailedFilter>,
    /// What it would add by its present rules.
    pub would_add: Option<LedgerEntry>,
    /// Why it cannot measure the event.
    pub problem: Option<String>,
    /// What the event added to it.
    pub added: Option<LedgerEntry>,
}

/// A filter that an event does not meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedFilter {
    /// The property.
    pub key: String,
    /// Any of these would do.
    pub values: Vec<String>,
    /// What the event has; `None` when it has no such property.
    pub found: Option<String>,
}

/// Where the way of an event to an invoice ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailurePoint {
    /// No published customer has its external id.
    CustomerLookup,
    /// No meter matches.
    MeterLookup,
    /// No usage price on a matching meter.
    PriceLookup,
    /// No line in force.
    SubscriptionLineItemLookup,
    /// It was counted, yet not by a meter that matches now.
    AttributedToCustomer,
}

impl FailurePoint {
    /// The wire text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CustomerLookup => "customer_lookup",
            Self::MeterLookup => "meter_lookup",
            Self::PriceLookup => "price_lookup",
            Self::SubscriptionLineItemLookup => "subscription_line_item_lookup",
            Self::AttributedToCustomer => "attributed_to_customer",
        }
    }

    /// What to tell people.
    pub const fn message(self) -> &'static str {
        match self {
            Self::CustomerLookup => "no published customer has the event's external_customer_id: make it, and the usage is its own",
            Self::MeterLookup => "no meter matches the event: see which filters it fails under meters",
            Self::PriceLookup => "no usage price is set on a meter that matches",
            Self::SubscriptionLineItemLookup => "no usage line of an active or trialing subscription is in force at the event's time",
            Self::AttributedToCustomer => {
                "the event was counted before a matching meter was there or matched: count it with a backfill of the meter"
            }
        }
    }
}

impl ExaminedMeter {
    /// Whether the event meets all filters and can be measured.
    pub fn is_match(&self) -> bool {
        self.would_add.is_some()
    }

    /// Why it did not count the event, in words; `None` when it did.
    pub fn reason(&self, is_counted: bool) -> Option<String> {
        if self.added.is_some() {
            return None;
        }
        Some(match (&self.problem, self.failed_filters.first()) {
            (Some(problem), _) => problem.clone(),
            (None, Some(filter)) => {
                let found = filter.found.as_ref().map_or_else(|| "is missing".to_owned(), |found| format!("is `{found}`"));
                format!("property {} {found}, the meter wants one of: {}", filter.key, filter.values.join(", "))
            }
            (None, None) if !self.is_match() => "the meter makes no quantity of this event".to_owned(),
            (None, None) if !is_counted => "the event has not been counted yet".to_owned(),
            (None, None) if self.meter.audit.status != Status::Published => "the meter is archived".to_owned(),
            (None, None) => "the event was counted before the meter was there or matched: a backfill of the meter counts it".to_owned(),
        })
    }
}

impl EventLookup {
    /// Lines that bill the event, each with the entry that it bills; none while the event is not counted.
    pub fn billed_by(&self) -> Vec<(&SubscriptionLineItem, &LedgerEntry)> {
        let entry_of = |line: &SubscriptionLineItem| {
            let meter = self.meters.iter().find(|examined| Some(&examined.meter.id) == line.meter_id.as_ref())?;
            meter.added.as_ref()
        };
        let active = self.lines.iter().filter(|line| is_active_at(line, self.event.timestamp));
        active.filter_map(|line| Some((line, entry_of(line)?))).collect()
    }

    /// Whether a line's dates hold the event: strictly, as the published API has it in its explanation.
    pub fn holds(&self, line: &SubscriptionLineItem) -> bool {
        line.start_date < self.event.timestamp && line.end_date.is_none_or(|end| self.event.timestamp < end)
    }

    /// Where its way to an invoice ends; `None` when it is billed, or still to be counted.
    pub fn failure(&self) -> Option<FailurePoint> {
        if self.customer.is_none() {
            return Some(FailurePoint::CustomerLookup);
        }
        if !self.meters.iter().any(|meter| meter.is_match() || meter.added.is_some()) {
            return Some(FailurePoint::MeterLookup);
        }
        if self.prices.is_empty() {
            return Some(FailurePoint::PriceLookup);
        }
        if !self.lines.iter().any(|line| self.holds(line)) {
            return Some(FailurePoint::SubscriptionLineItemLookup);
        }
        let is_added = self.meters.iter().any(|meter| meter.added.is_some());
        (self.is_counted && !is_added).then_some(FailurePoint::AttributedToCustomer)
    }
}

impl App {
    /// What became of one event.
    pub async fn event_lookup(&self, scope: &Scope, id: &str) -> Result<EventLookup> {
        let event = self.event(scope, id).await?;
        let counted = self.ledgers(scope).await?.counted(scope, &[id.to_owned()]).await?.remove(id);
        let copies = self.events().copies(scope, id).await?;
        let customer = self.customer_of_events(scope, &event.external_customer_id).await?;
        let is_counted = counted.is_some();
        let entries = counted.map(|counted| counted.entries).unwrap_or_default();
        let meters = self.examine_meters(scope, &event, entries).await?;
        let matched: Vec<MeterId> = meters
            .iter()
            .filter(|examined| examined.is_match() || examined.added.is_some())
            .map(|examined| examined.meter.id.clone())
            .collect();
        let prices = self.usage_prices(scope, &matched).await?;
        let lines = match &customer {
            Some(customer) => self.usage_lines(scope, std::slice::from_ref(&customer.id), &matched).await?,
            None => Vec::new(),
        };
        let features: Vec<Feature> = match matched.as_slice() {
            [] => Vec::new(),
            meters => self.find_all(scope, &[Condition::one_of("meter_id", meters)]).await?,
        };
        let features = features.into_iter().filter_map(|feature| Some((feature.meter_id.clone()?, feature))).collect();
        Ok(EventLookup { event, is_counted, customer, meters, prices, lines, features, copies })
    }

    async fn examine_meters(&self, scope: &Scope, event: &Event, entries: Vec<LedgerEntry>) -> Result<Vec<ExaminedMeter>> {
        let conditions =
            vec![Condition::eq("event_name", &event.name), Condition::one_of("status", &[Status::Published, Status::Archived])];
        let query = first(conditions);
        let properties = Properties::parse(&event.properties).map_err(|error| Error::Internal(error.to_string()))?;
        let mut added: HashMap<MeterId, LedgerEntry> = entries.into_iter().map(|entry| (entry.meter_id.clone(), entry)).collect();
        let mut examined = Vec::new();
        for meter in self.list::<Meter>(scope, &query).await?.items {
            let failed = meter.filters.iter().filter(|filter| !matches(filter, &properties)).map(|filter| FailedFilter {
                key: filter.key.clone(),
                values: filter.values.clone(),
                found: properties.get(&filter.key).map(|value| value.text().into_owned()),
            });
            let failed_filters = failed.collect();
            let measured = self.measure_all(&MetersByName::from([(event.name.clone(), vec![meter.clone()])]), event);
            let (would_add, problem) = match measured {
                Ok(entries) => (entries.into_iter().next(), None),
                Err(invalid) => (None, Some(invalid.message)),
            };
            let added = added.remove(&meter.id);
            examined.push(ExaminedMeter { meter, failed_filters, would_add, problem, added });
        }
        Ok(examined)
    }

    async fn usage_prices(&self, scope: &Scope, meters: &[MeterId]) -> Result<Vec<Price>> {
        if meters.is_empty() {
            return Ok(Vec::new());
        }
        let conditions = vec![
            Condition::one_of("meter_id", meters),
            Condition::eq("kind", &PriceType::Usage),
            Condition::eq("status", &Status::Published),
        ];
        Ok(self.list(scope, &first(conditions)).await?.items)
    }
}

fn first(conditions: Vec<Condition>) -> ListQuery {
    ListQuery { conditions, sort: vec![Sort { column: "id", direction: Direction::Ascending }], limit: EXAMINED_MAX, offset: 0 }
}
