//! Which lines of a subscription an invoice carries, and for which stretch of time (spec 40 §3).

use super::{Error, Inputs};
use crate::ids::PriceId;
use crate::rating::{InvoiceCadence, Price, PriceType};
use crate::subscription::{Share, Subscription, SubscriptionLineItem};
use crate::time::{BillingPeriod, Cycle, Period, Timestamp, next_boundary};

/// Which charges an invoice carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferencePoint {
    /// Advance lines of the current period.
    PeriodStart,
    /// Arrear lines of the current period, advance lines of the next one, usage.
    PeriodEnd,
    /// Arrear lines of the current period, usage.
    Cancel,
    /// Like `PeriodEnd`, also what was invoiced already.
    Preview,
    /// Usage alone, also what was invoiced already.
    Usage,
}

/// A line with its price.
#[derive(Clone, Copy, Debug)]
pub struct BillableLine<'a> {
    /// The line.
    pub line: &'a SubscriptionLineItem,
    /// Its price.
    pub price: &'a Price,
}

/// A charge that stands on another invoice of the subscription already.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BilledLine {
    /// The price it charged.
    pub price_id: PriceId,
    /// For which stretch.
    pub period: Period,
    /// The header of the invoice it stands on.
    pub invoice_period: Period,
}

/// A charge that falls due.
#[derive(Clone, Copy, Debug)]
pub struct DueCharge<'a> {
    /// What is charged.
    pub billable: BillableLine<'a>,
    /// The stretch that is paid for, clipped to the line, and what of its price that costs.
    pub share: Share,
}

/// The charges of an invoice, in the order of the lines.
pub fn due_charges(inputs: &Inputs) -> Result<Vec<DueCharge<'_>>, Error> {
    let Inputs { subscription, period: current, billed, .. } = inputs;
    let (current, reference) = (*current, inputs.purpose.reference_point());
    let end = subscription.end_date.unwrap_or(Timestamp::MAX);
    let (arrear, advance) = match reference {
        ReferencePoint::PeriodStart => (None, Some(current)),
        ReferencePoint::PeriodEnd | ReferencePoint::Preview => (Some(current), Some(next_period(subscription, current)?)),
        ReferencePoint::Cancel | ReferencePoint::Usage => (Some(current), None),
    };
    let shows_billed = matches!(reference, ReferencePoint::Preview | ReferencePoint::Usage);
    let mut due = Vec::new();
    for billable in inputs.billable()? {
        if billable.line.end_date.is_some_and(|line_end| line_end < current.start) {
            continue;
        }
        if reference == ReferencePoint::Usage && billable.line.price_type != PriceType::Usage {
            continue;
        }
        let window = match billable.line.invoice_cadence {
            InvoiceCadence::Arrear => arrear,
            InvoiceCadence::Advance => advance,
        };
        let Some(window) = window.filter(|window| window.start < end && !window.is_empty()) else { continue };
        let Some(charge) = charge_in(subscription, billable, window)? else { continue };
        if shows_billed || !is_billed(&charge, window, billed) {
            due.push(charge);
        }
    }
    Ok(due)
}

/// The period after the current one, up to the contract's end; empty where the contract ends before.
fn next_period(subscription: &Subscription, current: Period) -> Result<Period, Error> {
    if subscription.end_date.is_some_and(|end| end <= current.end) {
        return Ok(Period::new(current.end, current.end));
    }
    Ok(subscription.period_after(current.end)?)
}

fn charge_in<'a>(subscription: &Subscription, billable: BillableLine<'a>, window: Period) -> Result<Option<DueCharge<'a>>, Error> {
    let BillableLine { line, .. } = billable;
    let share = match line.price_type {
        PriceType::Usage => match line.invoice_cadence {
            InvoiceCadence::Arrear => {
                let service = line.clip(window);
                (!service.is_empty()).then(|| Share::whole(service))
            }
            InvoiceCadence::Advance => None,
        },
        PriceType::Fixed if line.billing_period == BillingPeriod::Onetime => {
            let falls_due = match line.invoice_cadence {
                InvoiceCadence::Advance => window.contains(line.start_date),
                InvoiceCadence::Arrear => window.start < line.start_date && line.start_date <= window.end,
            };
            let service = Period::new(line.start_date, line.end_date.unwrap_or(line.start_date));
            falls_due.then(|| Share::whole(service))
        }
        PriceType::Fixed if is_longer(line, subscription) => own_period_due(line, window, subscription)?.map(Share::whole),
        PriceType::Fixed => {
            let service = line.clip(window);
            if service.is_empty() { None } else { Some(subscription.share(service, window)?) }
        }
    };
    Ok(share.map(|share| DueCharge { billable, share }))
}

fn is_longer(line: &SubscriptionLineItem, subscription: &Subscription) -> bool {
    line.billing_period.is_longer_than(line.billing_period_count, subscription.billing_period, subscription.billing_period_count)
}

/// The period of a line with a longer cadence that falls due in the window: by its start in advance, by its end in arrear.
fn own_period_due(line: &SubscriptionLineItem, window: Period, subscription: &Subscription) -> Result<Option<Period>, Error> {
    let cycle = Cycle {
        anchor: line.start_date,
        period: line.billing_period,
        count: line.billing_period_count,
        zone: subscription.zone(),
        end: line.end_date,
    };
    let whole_second = |at: Timestamp| at.micros().div_euclid(1_000_000);
    let mut start = line.start_date;
    while whole_second(start) <= whole_second(window.end) {
        let end = next_boundary(start, &cycle)?;
        if end <= start {
            return Ok(None);
        }
        let falls_due = match line.invoice_cadence {
            InvoiceCadence::Advance => whole_second(window.start) <= whole_second(start) && whole_second(start) < whole_second(window.end),
            InvoiceCadence::Arrear => whole_second(window.start) < whole_second(end) && whole_second(end) <= whole_second(window.end),
        };
        if falls_due {
            return Ok(Some(Period::new(start, end)));
        }
        start = end;
    }
    Ok(None)
}

/// Whether another invoice whose header lies inside the window charges the same price for an overlapping stretch, or whether the very
/// stretch was charged on any invoice.
fn is_billed(charge: &DueCharge<'_>, window: Period, billed: &[BilledLine]) -> bool {
    billed.iter().filter(|other| other.price_id == charge.billable.price.id).any(|other| {
        let inside = window.start <= other.invoice_period.start && other.invoice_period.end <= window.end;
        other.period == charge.share.service || (inside && other.period.overlaps(window))
    })
}
