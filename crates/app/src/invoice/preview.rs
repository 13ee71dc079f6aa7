//! The invoice that a period would bring, stored nowhere (spec 40 §13.1).

use domain::invoice::{Invoice, InvoiceLineItem, Purpose, compute};
use domain::subscription::Subscription;
use domain::time::{Period, Timestamp};

use super::UsageAhead;
use crate::{App, Context, Error, Result};

/// Which invoice is previewed.
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
    /// Lines and totals as they would be invoiced for the period: what was invoiced already included, nothing stored.
    pub async fn preview_invoice(&self, context: &Context, preview: &Preview) -> Result<(Invoice, Vec<InvoiceLineItem>)> {
        let subscription: Subscription = self.require(&context.scope, &preview.subscription_id).await?;
        let period = Period::new(
            preview.period_start.unwrap_or(subscription.current_period_start),
            preview.period_end.unwrap_or(subscription.current_period_end),
        );
        if period.is_empty() {
            return Err(Error::field("period_end", "period_end must be after period_start"));
        }
        let inputs =
            self.read_invoice_inputs(&context.scope, &subscription, period, Purpose::Preview, None, &UsageAhead::default()).await?;
        let config = self.setting(&context.scope).await?;
        let (invoice, mut lines) = Invoice::preview(&subscription, period, compute(&inputs)?, &config, &self.audit(context), self.ids());
        if preview.hide_zero_lines {
            lines.retain(|line| !line.amount.is_zero());
        }
        Ok((invoice, lines))
    }
}
