//! What became of one event, on the wire (spec 10 §9.4).

use app::event::{EventLookup, ExaminedMeter, FailedFilter, FailurePoint};
use domain::event::Event;
use domain::meter::LedgerEntry;
use domain::money::Decimal;
use domain::rating::Price;
use domain::scope::Scope;
use domain::subscription::SubscriptionLineItem;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::ErrorResponse;
use crate::wire::catalog::meters::MeterResponse;
use crate::wire::catalog::prices::PriceResponse;
use crate::wire::customers::CustomerResponse;
use crate::wire::events::list::EventResponse;
use crate::wire::subscriptions::SubscriptionLineItemResponse;

/// Which event.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct EventLookupQuery {
    /// The event's id; any characters.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) id: String,
    /// Sent by clients of the published API: the id alone names an event.
    #[expect(dead_code, reason = "ids are unique whoever sent them")]
    pub(crate) external_customer_id: Option<String>,
    /// Without effect: the id alone names an event.
    #[expect(dead_code, reason = "ids are unique whenever it was")]
    pub(crate) start_time: Option<String>,
    /// Without effect: the id alone names an event.
    #[expect(dead_code, reason = "ids are unique whenever it was")]
    pub(crate) end_time: Option<String>,
}

/// What became of an event.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GetEventByIDResponse {
    /// As it was accepted.
    event: EventResponse,
    /// processed: a line bills it. processing: it may still be counted. failed: see debug_tracker.failure_point.
    status: &'static str,
    /// One per line that bills it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    processed_events: Vec<FeatureUsageInfo>,
    /// Where its way ends, unless a line bills it.
    #[serde(skip_serializing_if = "Option::is_none")]
    debug_tracker: Option<DebugTracker>,
    /// Every meter of its name, and why it counts the event or not.
    meters: Vec<ExaminedMeterBody>,
    /// Copies of its id that were refused, newest first; the newest ten are kept.
    refused_copies: Vec<RefusedCopyBody>,
}

/// An event as one line bills it.
#[derive(Debug, Serialize, ToSchema)]
struct FeatureUsageInfo {
    /// Whose subscription it is.
    customer_id: String,
    /// The feature of the meter; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    feature_id: Option<String>,
    /// What counted it.
    meter_id: String,
    /// The rate.
    price_id: String,
    /// The subscription's line.
    sub_line_item_id: String,
    /// What is invoiced.
    subscription_id: String,
    /// What it was counted with.
    qty_total: Decimal,
    /// When the event was taken in.
    processed_at: Timestamp,
}

/// The steps from an event to an invoice, up to the first that fails.
#[derive(Debug, Serialize, ToSchema)]
struct DebugTracker {
    /// Whether a published customer has its external id.
    customer_lookup: CustomerLookupResult,
    /// Which meters count such events.
    meter_matching: MeterMatchingResult,
    /// Which usage prices stand on these meters.
    price_lookup: PriceLookupResult,
    /// Which lines of the customer's subscriptions have these prices.
    subscription_line_item_lookup: SubscriptionLineItemLookupResult,
    /// Whether it was counted as the customer's.
    attributed_to_customer: AttributedToCustomerResult,
    /// The first step that failed; absent while it may still be counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_point: Option<FailurePointBody>,
}

/// The step that failed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = types::FailurePoint)]
struct FailurePointBody {
    /// customer_lookup, meter_lookup, price_lookup, subscription_line_item_lookup or attributed_to_customer.
    failure_point_type: &'static str,
    /// What is missing and what to do.
    error: ErrorResponse,
}

#[derive(Debug, Serialize, ToSchema)]
struct CustomerLookupResult {
    /// found, error.
    status: &'static str,
    /// Whose event it is; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<CustomerResponse>,
    /// Why there is none; absent when found.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorResponse>,
}

#[derive(Debug, Serialize, ToSchema)]
struct MeterMatchingResult {
    /// found, not_found, unprocessed.
    status: &'static str,
    /// Those that match; empty when there is none.
    matched_meters: Vec<MatchedMeter>,
    /// Why there is none; absent when found.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorResponse>,
}

#[derive(Debug, Serialize, ToSchema)]
struct MatchedMeter {
    /// Which meter.
    meter_id: String,
    /// The events it reads.
    event_name: String,
    /// All of it.
    meter: MeterResponse,
}

#[derive(Debug, Serialize, ToSchema)]
struct PriceLookupResult {
    /// found, not_found, unprocessed.
    status: &'static str,
    /// Those on the meters that match; empty when there is none.
    matched_prices: Vec<MatchedPrice>,
    /// Why there is none; absent when found.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorResponse>,
}

#[derive(Debug, Serialize, ToSchema)]
struct MatchedPrice {
    /// Which price.
    price_id: String,
    /// What it measures.
    meter_id: String,
    /// published, archived or deleted.
    status: String,
    /// All of it.
    price: PriceResponse,
}

#[derive(Debug, Serialize, ToSchema)]
struct SubscriptionLineItemLookupResult {
    /// found, not_found, unprocessed.
    status: &'static str,
    /// Those with these prices, in force or not; empty when there is none.
    matched_line_items: Vec<MatchedSubscriptionLineItem>,
    /// Why there is none; absent when found.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorResponse>,
}

#[derive(Debug, Serialize, ToSchema)]
struct MatchedSubscriptionLineItem {
    /// The subscription's line.
    sub_line_item_id: String,
    /// Whose line it is.
    subscription_id: String,
    /// What it costs.
    price_id: String,
    /// First instant of the line.
    start_date: Timestamp,
    /// First instant after it; open without.
    #[serde(skip_serializing_if = "Option::is_none")]
    end_date: Option<Timestamp>,
    /// Whether it is in force at the event's time.
    is_active_for_event: bool,
    /// Whether the event's time lies within the line's: the same, under its other name.
    timestamp_within_range: bool,
    /// All of it.
    subscription_line_item: SubscriptionLineItemResponse,
}

#[derive(Debug, Serialize, ToSchema)]
struct AttributedToCustomerResult {
    /// attributed, processing, not_found, unprocessed.
    status: &'static str,
    /// What was counted; absent when nothing was yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    meter_usage: Option<MeterUsageAttribution>,
    /// Why it was not; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorResponse>,
}

#[derive(Debug, Serialize, ToSchema)]
struct MeterUsageAttribution {
    /// Whose usage it is, by the identifier that the event names.
    external_customer_id: String,
    /// What counted it.
    meter_id: String,
    /// What it was counted with.
    qty_total: Decimal,
}

/// One meter beside the event.
#[derive(Debug, Serialize, ToSchema)]
struct ExaminedMeterBody {
    /// Which meter.
    meter_id: String,
    /// What people read.
    name: String,
    /// published, archived or deleted: only published ones count.
    status: String,
    /// Whether the event meets all its filters and can be measured.
    matches: bool,
    /// Whether the event was counted.
    counted: bool,
    /// What it was counted with.
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<Decimal>,
    /// Filters that the event does not meet; empty when it meets all.
    failed_filters: Vec<FailedFilterBody>,
    /// Why it was not counted, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct FailedFilterBody {
    /// The property that is looked at.
    key: String,
    /// Any of these would do.
    values: Vec<String>,
    /// What the event has; null when it has no such property.
    found: Option<String>,
}

/// A copy of a known id: it changed nothing.
#[derive(Debug, Serialize, ToSchema)]
struct RefusedCopyBody {
    /// The copy as it was sent.
    event: EventResponse,
    /// When it was refused.
    refused_at: Timestamp,
    /// Fields in which it differs from the event that counts.
    differs_in: Vec<&'static str>,
}

impl GetEventByIDResponse {
    /// The answer for an event of a scope.
    pub(crate) fn new(scope: &Scope, lookup: &EventLookup) -> Self {
        let billed = lookup.billed_by();
        let processed_events: Vec<_> = billed.iter().map(|(line, entry)| processed(lookup, line, entry)).collect();
        let failure = if processed_events.is_empty() { lookup.failure() } else { None };
        let status = match (processed_events.is_empty(), failure) {
            (false, _) => "processed",
            (true, Some(_)) => "failed",
            (true, None) => "processing",
        };
        let copies = lookup.copies.iter().map(|copy| RefusedCopyBody {
            event: EventResponse::new(scope, &copy.event),
            refused_at: copy.event.ingested_at,
            differs_in: differences(&lookup.event, &copy.event),
        });
        Self {
            event: EventResponse::new(scope, &lookup.event),
            status,
            debug_tracker: processed_events.is_empty().then(|| tracker(lookup, failure)),
            processed_events,
            meters: lookup.meters.iter().map(|examined| examined_body(lookup, examined)).collect(),
            refused_copies: copies.collect(),
        }
    }
}

fn processed(lookup: &EventLookup, line: &SubscriptionLineItem, entry: &LedgerEntry) -> FeatureUsageInfo {
    FeatureUsageInfo {
        customer_id: line.customer_id.to_string(),
        feature_id: lookup.features.get(&entry.meter_id).map(|feature| feature.id.to_string()),
        meter_id: entry.meter_id.to_string(),
        price_id: line.price_id.to_string(),
        sub_line_item_id: line.id.to_string(),
        subscription_id: line.subscription_id.to_string(),
        qty_total: entry.quantity.to_decimal(),
        processed_at: lookup.event.ingested_at,
    }
}

fn tracker(lookup: &EventLookup, failure: Option<FailurePoint>) -> DebugTracker {
    use FailurePoint::{AttributedToCustomer, CustomerLookup, MeterLookup, PriceLookup, SubscriptionLineItemLookup};
    let steps = [CustomerLookup, MeterLookup, PriceLookup, SubscriptionLineItemLookup, AttributedToCustomer];
    let failed_at = failure.and_then(|failure| steps.iter().position(|step| *step == failure)).unwrap_or(steps.len());
    let error = |step: usize| (step == failed_at).then(|| ErrorResponse::not_found(steps[step].message()));
    let status = |step: usize| match step.cmp(&failed_at) {
        std::cmp::Ordering::Less => "found",
        std::cmp::Ordering::Equal => "not_found",
        std::cmp::Ordering::Greater => "unprocessed",
    };
    let reached = |step: usize| step <= failed_at;
    let matched = lookup.meters.iter().filter(|examined| examined.is_match() || examined.added.is_some());
    let added = lookup.meters.iter().find_map(|examined| examined.added.as_ref());
    DebugTracker {
        customer_lookup: CustomerLookupResult {
            // The published API has an error here, nowhere else.
            status: if failed_at == 0 { "error" } else { "found" },
            customer: lookup.customer.as_ref().map(CustomerResponse::from),
            error: error(0),
        },
        meter_matching: MeterMatchingResult {
            status: status(1),
            matched_meters: if reached(1) { matched.map(matched_meter).collect() } else { Vec::new() },
            error: error(1),
        },
        price_lookup: PriceLookupResult {
            status: status(2),
            matched_prices: if reached(2) { lookup.prices.iter().map(matched_price).collect() } else { Vec::new() },
            error: error(2),
        },
        subscription_line_item_lookup: SubscriptionLineItemLookupResult {
            status: status(3),
            matched_line_items: if reached(3) { lookup.lines.iter().map(|line| matched_line(lookup, line)).collect() } else { Vec::new() },
            error: error(3),
        },
        attributed_to_customer: AttributedToCustomerResult {
            status: match (failed_at == steps.len(), added) {
                (true, Some(_)) => "attributed",
                (true, None) => "processing",
                (false, _) => status(4),
            },
            meter_usage: added.filter(|_| failed_at == steps.len()).map(|entry| MeterUsageAttribution {
                external_customer_id: lookup.event.external_customer_id.clone(),
                meter_id: entry.meter_id.to_string(),
                qty_total: entry.quantity.to_decimal(),
            }),
            error: error(4),
        },
        failure_point: failure
            .map(|failure| FailurePointBody { failure_point_type: failure.as_str(), error: ErrorResponse::not_found(failure.message()) }),
    }
}

fn matched_meter(examined: &ExaminedMeter) -> MatchedMeter {
    let meter = &examined.meter;
    MatchedMeter { meter_id: meter.id.to_string(), event_name: meter.event_name.clone(), meter: MeterResponse::from(meter) }
}

fn matched_price(price: &Price) -> MatchedPrice {
    MatchedPrice {
        price_id: price.id.to_string(),
        meter_id: price.meter_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        status: price.audit.status.to_string(),
        price: PriceResponse::from(price),
    }
}

fn matched_line(lookup: &EventLookup, line: &SubscriptionLineItem) -> MatchedSubscriptionLineItem {
    MatchedSubscriptionLineItem {
        sub_line_item_id: line.id.to_string(),
        subscription_id: line.subscription_id.to_string(),
        price_id: line.price_id.to_string(),
        start_date: line.start_date,
        end_date: line.end_date,
        is_active_for_event: lookup.holds(line),
        timestamp_within_range: lookup.holds(line),
        subscription_line_item: SubscriptionLineItemResponse::from(line),
    }
}

fn examined_body(lookup: &EventLookup, examined: &ExaminedMeter) -> ExaminedMeterBody {
    let filter =
        |failed: &FailedFilter| FailedFilterBody { key: failed.key.clone(), values: failed.values.clone(), found: failed.found.clone() };
    ExaminedMeterBody {
        meter_id: examined.meter.id.to_string(),
        name: examined.meter.name.clone(),
        status: examined.meter.audit.status.to_string(),
        matches: examined.is_match(),
        counted: examined.added.is_some(),
        quantity: examined.added.as_ref().map(|entry| entry.quantity.to_decimal()),
        failed_filters: examined.failed_filters.iter().map(filter).collect(),
        reason: examined.reason(lookup.is_counted),
    }
}

fn differences(event: &Event, copy: &Event) -> Vec<&'static str> {
    let fields = [
        ("event_name", event.name != copy.name),
        ("external_customer_id", event.external_customer_id != copy.external_customer_id),
        ("customer_id", event.customer_id != copy.customer_id),
        ("timestamp", event.timestamp != copy.timestamp),
        ("source", event.source != copy.source),
        ("properties", event.properties != copy.properties),
    ];
    fields.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
}
