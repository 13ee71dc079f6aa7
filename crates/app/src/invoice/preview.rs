//! The bill that a period would bring, stored nowhere (spec 40 §13.1).

use domain::invoice::{BillingReason, Invoice, InvoiceLineItem, ReferencePoint};
use domain::subscription::Subscription;
use domain::time::{Period, Timestamp};

use crate::{App, Context, Error, Result};

/// Which bill is previewed.
#[derive(Clone, Debug)]
pub struct Preview {
    /// Whose.
    pub subscription_id: String,
    /// From here; the current period without.
    pub period_start: Option<Timestamp>,
    /// Until here.
    pub period_end: Option<Timestamp>,
    /// Leaves lines of zero out.
    pub hide_zero_lines: bool,
}

impl App {
    /// Lines and totals as they would be billed for the period: what was billed already included, nothing stored.
    pub async fn preview_invoice(&self, context: &Context, preview: &Preview) -> Result<(Invoice, Vec<InvoiceLineItem>)> {
        let subscription: Subscription = self.get(&context.scope, "subscription", &preview.subscription_id).await?;
        let period = Period::new(
            preview.period_start.unwrap_or(subscription.current_period_start),
            preview.period_end.unwrap_or(subscription.current_period_end),
        );
        if period.is_empty() {
            return Err(Error::input("period_end must be after period_start"));
        }
        let charges = self.read_charges_at(context, &subscription, period, ReferencePoint::Preview, None).await?;
        let mut invoice = self.new_invoice(context, &subscription, period, BillingReason::SubscriptionCycle, 0, String::new());
        invoice.metadata.insert("is_preview".into(), "true".into());
        let mut lines = self.lines_from_charges(context, &invoice, &subscription, charges);
        invoice.totals = domain::invoice::Totals::of_lines(&lines, &invoice.totals);
        if preview.hide_zero_lines {
            lines.retain(|line| !line.amount.is_zero());
        }
        Ok((invoice, lines))
    }
}
