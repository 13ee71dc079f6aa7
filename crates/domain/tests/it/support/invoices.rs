//! Inputs of invoices as the golden table writes them.

use domain::invoice::{BilledLine, BillingReason, Inputs, Purpose};
use domain::money::{Currency, Decimal};
use domain::rating::{BillingModel, InvoiceCadence, Price, PriceType, Quantities, TransformQuantity};
use domain::subscription::{BillingCycle, ProrationBehavior, Subscription, SubscriptionLineItem};
use domain::time::{BillingPeriod, Period};

use super::contracts::{at, counted, line, period, subscription};
use super::prices::price;

/// What an invoice is made from.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InputsRow {
    pub(crate) purpose: String,
    pub(crate) period: String,
    #[serde(default)]
    pub(crate) subscription: SubscriptionRow,
    pub(crate) lines: Vec<LineRow>,
    #[serde(default)]
    pub(crate) billed: Vec<BilledRow>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubscriptionRow {
    start: Option<String>,
    end: Option<String>,
    anchor: Option<String>,
    #[serde(default)]
    cycle: BillingCycle,
    #[serde(default)]
    proration: ProrationBehavior,
    zone: Option<String>,
    currency: Option<String>,
    every: Option<BillingPeriod>,
    count: Option<u32>,
}

#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LineRow {
    name: String,
    fixed: Option<Decimal>,
    usage: Option<Decimal>,
    cadence: Option<InvoiceCadence>,
    period: Option<BillingPeriod>,
    count: Option<u32>,
    quantity: Option<Decimal>,
    package: Option<i64>,
    start: Option<String>,
    end: Option<String>,
    counted: Option<Decimal>,
    buckets: Option<Vec<Decimal>>,
}

#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BilledRow {
    line: String,
    period: String,
    invoice: String,
}

impl InputsRow {
    pub(crate) fn build(&self) -> Inputs {
        let invoiced = period(&self.period);
        let subscription = self.subscription.build(invoiced);
        let mut inputs = Inputs::new(subscription.clone(), invoiced, purpose(&self.purpose));
        for row in &self.lines {
            let (line, price) = row.build(&subscription);
            let usage = row.counted.clone().map(Quantities::Total).or(row.buckets.clone().map(Quantities::Apart));
            assert_eq!(usage.is_some(), line.price_type == PriceType::Usage, "{}: usage is counted, nothing else", row.name);
            inputs.usages.extend(usage.map(|quantities| (line.id.clone(), counted(quantities, 1))));
            inputs.prices.insert(price.id.clone(), price);
            inputs.lines.push(line);
        }
        inputs.billed = self.billed.iter().map(BilledRow::build).collect();
        inputs
    }
}

fn purpose(text: &str) -> Purpose {
    if text == "preview" {
        return Purpose::Preview;
    }
    Purpose::Issue(BillingReason::parse(text).unwrap_or_else(|| panic!("`{text}` is no billing reason")))
}

impl SubscriptionRow {
    fn build(&self, invoiced: Period) -> Subscription {
        let usual = subscription(invoiced);
        let start_date = self.start.as_deref().map_or(invoiced.start, at);
        Subscription {
            start_date,
            end_date: self.end.as_deref().map(at),
            billing_anchor: self.anchor.as_deref().map_or(start_date, at),
            billing_cycle: self.cycle,
            proration_behavior: self.proration,
            billing_period: self.every.unwrap_or(usual.billing_period),
            billing_period_count: self.count.unwrap_or(usual.billing_period_count),
            timezone: self.zone.clone().unwrap_or(usual.timezone.clone()),
            currency: self.currency.as_deref().map_or(usual.currency.clone(), |code| Currency::parse(code).unwrap()),
            ..usual
        }
    }
}

impl LineRow {
    fn build(&self, subscription: &Subscription) -> (SubscriptionLineItem, Price) {
        let usual = line(subscription, &self.name);
        let (price_type, amount, cadence) = match (&self.fixed, &self.usage) {
            (Some(amount), None) => (PriceType::Fixed, amount, InvoiceCadence::Advance),
            (None, Some(amount)) => (PriceType::Usage, amount, InvoiceCadence::Arrear),
            _ => panic!("{}: a price of `fixed` or of `usage`", self.name),
        };
        let price = Price {
            id: usual.price_id.clone(),
            kind: price_type,
            amount: amount.clone(),
            transform_quantity: TransformQuantity { divide_by: self.package.unwrap_or(1), ..TransformQuantity::default() },
            ..price(if self.package.is_some() { BillingModel::Package } else { BillingModel::FlatFee })
        };
        let line = SubscriptionLineItem {
            price_type,
            meter_id: (price_type == PriceType::Usage).then(|| format!("meter {}", self.name).into()),
            quantity: self.quantity.clone().unwrap_or(usual.quantity.clone()),
            billing_period: self.period.unwrap_or(usual.billing_period),
            billing_period_count: self.count.unwrap_or(1),
            invoice_cadence: self.cadence.unwrap_or(cadence),
            start_date: self.start.as_deref().map_or(usual.start_date, at),
            end_date: self.end.as_deref().map(at).or(usual.end_date),
            ..usual
        };
        (line, price)
    }
}

impl BilledRow {
    fn build(&self) -> BilledLine {
        BilledLine { price_id: format!("price {}", self.line).into(), period: period(&self.period), invoice_period: period(&self.invoice) }
    }
}
