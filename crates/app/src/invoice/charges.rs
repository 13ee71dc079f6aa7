//! The charges of a bill with what their meters counted: read outside any lock, turned into lines inside one.

use std::collections::{HashMap, HashSet};

use domain::ids::InvoiceId;
use domain::invoice::{BillableLine, BilledLine, BillingReason, Invoice, InvoiceLineItem, ReferencePoint, draft_line, due_charges};
use domain::meter::Meter;
use domain::rating::{InvoiceCadence, MeteredUsage, Price, PriceType};
use domain::scope::Scope;
use domain::subscription::{Subscription, SubscriptionLineItem, first_period_coefficient};
use domain::time::Period;
use storage::UnitOfWork;

use crate::event::MeterRead;
use crate::subscription::SubscriptionWithLines;
use crate::{App, Context, Error, Result};

/// Everything that a bill's lines are made from.
#[derive(Clone, Debug)]
pub(crate) struct Charges {
    period: Period,
    reference: ReferencePoint,
    lines: Vec<SubscriptionLineItem>,
    prices: HashMap<String, Price>,
    billed: Vec<BilledLine>,
    /// What the meter counted, by subscription line.
    usages: HashMap<String, MeteredUsage>,
}

impl App {
    /// Reads lines, prices, what was billed already and the usage of a period. `except` is the bill that is being computed.
    pub(crate) async fn read_charges(
        &self,
        context: &Context,
        subscription: &Subscription,
        period: Period,
        reason: BillingReason,
        except: Option<&InvoiceId>,
    ) -> Result<Charges> {
        self.read_charges_at(context, subscription, period, reason.reference_point(), except).await
    }

    pub(super) async fn read_charges_at(
        &self,
        context: &Context,
        subscription: &Subscription,
        period: Period,
        reference: ReferencePoint,
        except: Option<&InvoiceId>,
    ) -> Result<Charges> {
        let scope = &context.scope;
        let SubscriptionWithLines { lines, .. } = self.subscription(scope, subscription.id.as_str()).await?;
        let prices: HashMap<String, Price> = self.get_many(scope, lines.iter().map(|line| line.price_id.to_string())).await?;
        let billed = storage::billed_lines::of_subscription(&mut self.database(), scope, &subscription.id, except, period.start).await?;
        let mut charges = Charges { period, reference, lines, prices, billed, usages: HashMap::new() };
        let usages = self.read_usages(context, subscription, &charges).await?;
        charges.usages = usages;
        Ok(charges)
    }

    async fn read_usages(
        &self,
        context: &Context,
        subscription: &Subscription,
        charges: &Charges,
    ) -> Result<HashMap<String, MeteredUsage>> {
        let scope = &context.scope;
        let billable = charges.billable()?;
        let due = due_charges(subscription, &billable, charges.period, charges.reference, &charges.billed);
        let metered: Vec<_> = due
            .iter()
            .filter(|charge| charge.billable.line.price_type == PriceType::Usage)
            .filter_map(|charge| Some((charge.billable.line, charge.billable.line.meter_id.clone()?, charge.service)))
            .collect();
        if metered.is_empty() {
            return Ok(HashMap::new());
        }
        let meters: HashMap<String, Meter> = self.get_many(scope, metered.iter().map(|(_, meter, _)| meter.to_string())).await?;
        let mut reads = Vec::with_capacity(metered.len());
        for (line, meter_id, service) in &metered {
            let meter = meters.get(meter_id.as_str()).ok_or_else(|| Error::Internal(format!("line {} names no meter", line.id)))?;
            reads.push(MeterRead { meter, period: *service, billing_anchor: Some(subscription.billing_anchor) });
        }
        let customer = self.external_id(scope, &subscription.customer_id).await?;
        let usages = self.read_meters(scope, &[customer], &reads).await?;
        Ok(metered.iter().map(|(line, ..)| line.id.to_string()).zip(usages).collect())
    }

    /// Refuses charges when another bill has been computed since they were read. The caller holds the subscription, so that bills of
    /// one subscription are written one after the other.
    pub(crate) async fn check_not_billed_since(
        &self,
        work: &mut UnitOfWork,
        scope: &Scope,
        subscription: &Subscription,
        charges: &Charges,
        except: Option<&InvoiceId>,
    ) -> Result<()> {
        let key = |line: &BilledLine| (line.price_id.clone(), line.period, line.invoice_period);
        let billed = storage::billed_lines::of_subscription(work, scope, &subscription.id, except, charges.period.start).await?;
        let (before, now): (HashSet<_>, HashSet<_>) = (charges.billed.iter().map(key).collect(), billed.iter().map(key).collect());
        if before == now {
            return Ok(());
        }
        Err(Error::VersionConflict("another invoice of the subscription was computed meanwhile: try again".into()))
    }

    /// The lines of a bill from its charges.
    pub(crate) fn lines_from_charges(
        &self,
        context: &Context,
        invoice: &Invoice,
        subscription: &Subscription,
        charges: Charges,
    ) -> Vec<InvoiceLineItem> {
        let Ok(billable) = charges.billable() else { return Vec::new() };
        let audit = self.audit(context);
        let opening = invoice.billing_reason == BillingReason::SubscriptionCreate;
        due_charges(subscription, &billable, charges.period, charges.reference, &charges.billed)
            .iter()
            .map(|charge| {
                let line = charge.billable.line;
                let usage = charges.usages.get(line.id.as_str());
                let prorates = opening && line.price_type == PriceType::Fixed && line.invoice_cadence == InvoiceCadence::Advance;
                let coefficient = if prorates { first_period_coefficient(subscription, line.start_date) } else { None };
                draft_line(charge, usage, coefficient, &invoice.id, invoice.customer_id.as_str(), &audit, self.ids())
            })
            .collect()
    }

    /// The lines of an opening bill: advance charges alone, so no usage is read.
    pub(crate) fn compute_without_usage(
        &self,
        context: &Context,
        invoice: &Invoice,
        subscription: &Subscription,
        lines: &[SubscriptionLineItem],
        prices: &[Price],
    ) -> Vec<InvoiceLineItem> {
        let charges = Charges {
            period: subscription.current_period(),
            reference: ReferencePoint::PeriodStart,
            lines: lines.to_vec(),
            prices: prices.iter().map(|price| (price.id.to_string(), price.clone())).collect(),
            billed: Vec::new(),
            usages: HashMap::new(),
        };
        self.lines_from_charges(context, invoice, subscription, charges)
    }
}

impl Charges {
    fn billable(&self) -> Result<Vec<BillableLine<'_>>> {
        self.lines
            .iter()
            .map(|line| {
                let price = self.prices.get(line.price_id.as_str());
                let price = price.ok_or_else(|| Error::Internal(format!("line {} names a price that does not exist", line.id)))?;
                Ok(BillableLine { line, price })
            })
            .collect()
    }
}
