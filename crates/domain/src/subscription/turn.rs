//! The turn of a period: on to the next one, or the end of the contract and its lines (spec 30 §7).

use super::{Subscription, SubscriptionLineItem, SubscriptionStatus};
use crate::invalid::Invalid;
use crate::time::Timestamp;

impl Subscription {
    /// Moves on to the period after the current one. Where none follows, because a scheduled cancellation or the contract's end comes first,
    /// the contract ends with the current one.
    pub fn turn(&mut self) -> Result<(), Invalid> {
        let ended = self.current_period_end;
        if self.continues_after(ended) {
            let next = self.period_after(ended)?;
            self.current_period_start = next.start;
            self.current_period_end = next.end;
        } else {
            self.subscription_status = SubscriptionStatus::Cancelled;
            self.cancelled_at = Some(ended);
            self.end_date = Some(ended);
        }
        Ok(())
    }
}

impl SubscriptionLineItem {
    /// Ends a line that is open or ends later, not before it began. Tells whether that changed it.
    pub fn end(&mut self, at: Timestamp) -> bool {
        let changes = self.end_date.is_none_or(|end| end > at);
        if changes {
            self.end_date = Some(at.max(self.start_date));
        }
        changes
    }
}
