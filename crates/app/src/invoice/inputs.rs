//! The inputs of an invoice, read outside any lock: what `domain::invoice` asks for, and nothing that it decides.

use std::collections::{BTreeMap, HashMap};

use domain::ids::{InvoiceId, PriceId, SubscriptionLineItemId};
use domain::invoice::{self, Inputs, Purpose, UsageToRead};
use domain::meter::Meter;
use domain::money::Decimal;
use domain::rating::{MeteredUsage, Price};
use domain::scope::Scope;
use domain::subscription::{Subscription, SubscriptionLineItem};
use domain::time::Period;
use storage::{Condition, UnitOfWork};

use super::UsageAhead;
use crate::usage::MeterRead;
use crate::{App, Error, Result};

/// What meters counted for lines.
type Usages = BTreeMap<SubscriptionLineItemId, MeteredUsage>;
/// What they counted for lines over stretches, in their order.
type Stretches = BTreeMap<SubscriptionLineItemId, Vec<Decimal>>;

impl App {
    /// Reads lines, prices, what was invoiced already and the usage of a period, as far as it was not read ahead. `except` is the invoice that
    /// is being computed.
    pub(crate) async fn read_invoice_inputs(
        &self,
        scope: &Scope,
        subscription: &Subscription,
        period: Period,
        purpose: Purpose,
        except: Option<&InvoiceId>,
        ahead: &UsageAhead,
    ) -> Result<Inputs> {
        let mut inputs = self.read_charges(scope, subscription, period, purpose, except).await?;
        let wanted = inputs.usage_to_read()?;
        if matches!(purpose, Purpose::Issue(_)) {
            // Billing has waited for its own ledger alone.
            self.require_counted_with_billing(scope, wanted.iter().map(|read| &read.meter_id)).await?;
        }
        (inputs.usages, inputs.stretches) = self.read_usages(scope, subscription, &wanted, ahead).await?;
        Ok(inputs)
    }

    /// The same without usage: what tells which usage is needed.
    pub(super) async fn read_charges(
        &self,
        scope: &Scope,
        subscription: &Subscription,
        period: Period,
        purpose: Purpose,
        except: Option<&InvoiceId>,
    ) -> Result<Inputs> {
        let lines: Vec<SubscriptionLineItem> = self.find_all(scope, &[Condition::eq("subscription_id", &subscription.id)]).await?;
        let prices: HashMap<String, Price> = self.get_many(scope, lines.iter().map(|line| line.price_id.to_string())).await?;
        let billed = match purpose {
            Purpose::Issue(_) => {
                storage::billed_lines::of_subscription(&mut self.database(), scope, &subscription.id, except, period.start).await?
            }
            // What was invoiced already is shown again.
            Purpose::Preview | Purpose::Usage => Vec::new(),
        };
        let mut inputs = Inputs { lines, billed, ..Inputs::new(subscription.clone(), period, purpose) };
        inputs.prices = by_id(prices.into_values());
        if purpose != Purpose::Usage {
            let meters = inputs.lines.iter().filter_map(|line| line.meter_id.clone()).collect();
            // As it was in the period's last instant: a share of its limit that a first period has ends with it.
            inputs.allowances = self.allowances(scope, subscription, &meters, period.end.plus_micros(-1)).await?;
        }
        Ok(inputs)
    }

    /// What meters counted for lines, and over the stretches that their allowances are told apart by: by one question, and one for all days.
    async fn read_usages(
        &self,
        scope: &Scope,
        subscription: &Subscription,
        wanted: &[UsageToRead],
        ahead: &UsageAhead,
    ) -> Result<(Usages, Stretches)> {
        if wanted.is_empty() {
            return Ok((Usages::new(), Stretches::new()));
        }
        let meters: HashMap<String, Meter> = self.get_many(scope, wanted.iter().map(|read| read.meter_id.to_string())).await?;
        let (mut reads, mut days) = (Vec::with_capacity(wanted.len()), Vec::new());
        for wanted @ UsageToRead { line_id, meter_id, period, stretches, days_in } in wanted {
            let missing = || invoice::Error::MeterMissing { line: line_id.clone() };
            let meter = meters.get(meter_id.as_str()).ok_or_else(missing)?;
            let read = |period: &Period| MeterRead { meter, period: *period, billing_anchor: Some(subscription.billing_anchor) };
            reads.push((line_id, read(period)));
            match days_in {
                _ if meter.aggregation.bucket_size.is_some() => {}
                Some(zone) => days.push((wanted, (read(period), *zone))),
                None => reads.extend(stretches.iter().map(|stretch| (line_id, read(stretch)))),
            }
        }
        let customers = self.external_ids(scope, &subscription.customer_id).await?;
        let (lines, reads): (Vec<_>, Vec<_>) = reads.into_iter().unzip();
        let (mut usages, mut by_stretch) = (Usages::new(), Stretches::new());
        for (line, usage) in lines.into_iter().zip(self.read_meters(scope, &customers, &reads, ahead).await?) {
            // The whole comes first.
            if usages.contains_key(line) {
                by_stretch.entry(line.clone()).or_default().push(usage.quantities.total());
            } else {
                usages.insert(line.clone(), usage);
            }
        }
        let (by_day, reads): (Vec<_>, Vec<_>) = days.into_iter().unzip();
        for (wanted, mut used) in by_day.into_iter().zip(self.read_days(scope, &customers, &reads).await?) {
            let of_each = wanted.stretches.iter().map(|day| used.remove(&day.start).unwrap_or_default());
            by_stretch.insert(wanted.line_id.clone(), of_each.collect());
        }
        Ok((usages, by_stretch))
    }

    /// Refuses inputs when another invoice has been computed since they were read. The caller holds the subscription, so that invoices of
    /// one subscription are written one after the other.
    pub(crate) async fn check_still_billed(
        &self,
        work: &mut UnitOfWork,
        scope: &Scope,
        inputs: &Inputs,
        except: Option<&InvoiceId>,
    ) -> Result<()> {
        let billed = storage::billed_lines::of_subscription(work, scope, &inputs.subscription.id, except, inputs.period.start).await?;
        if inputs.still_billed(&billed) {
            return Ok(());
        }
        Err(Error::conflict("another invoice of the subscription was computed meanwhile: try again")
            .with("subscription_id", &inputs.subscription.id))
    }
}

/// The form in which the domain takes prices.
pub(crate) fn by_id(prices: impl IntoIterator<Item = Price>) -> BTreeMap<PriceId, Price> {
    prices.into_iter().map(|price| (price.id.clone(), price)).collect()
}

impl From<invoice::Error> for Error {
    /// The store lost what a line names: a defect, never a client's mistake. A period beyond the calendar is one.
    fn from(error: invoice::Error) -> Self {
        match error {
            invoice::Error::Calendar(invalid) => Self::Invalid(invalid),
            invoice::Error::PriceMissing { .. } | invoice::Error::MeterMissing { .. } | invoice::Error::UsageMissing { .. } => {
                Self::Internal(error.to_string())
            }
        }
    }
}
