//! Ending a subscription: at once, with its period, or on a date (spec 30 §9.1).

use super::{Subscription, SubscriptionStatus, SubscriptionType};
use crate::invalid::{Invalid, require_field};
use crate::time::{Period, Timestamp};

/// What a cancellation leaves in the contract's metadata: its type, its reason, when it takes effect.
pub(super) const NOTES: [&str; 3] = ["cancellation_type", "cancellation_reason", "effective_date"];

/// When a cancellation takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CancellationType {
    /// Now, or at a past instant of the current period.
    Immediate,
    /// With the current period.
    EndOfPeriod,
    /// On a date.
    ScheduledDate,
}

text_enum!(CancellationType { Immediate = "immediate", EndOfPeriod = "end_of_period", ScheduledDate = "scheduled_date" });

/// Whether an immediate cancellation invoices what was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum InvoicePolicy {
    /// Arrears and usage of the begun period are invoiced.
    GenerateInvoice,
    /// They are not.
    #[default]
    Skip,
}

text_enum!(InvoicePolicy { GenerateInvoice = "generate_invoice", Skip = "skip" });

/// A wish to end a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelRequest {
    /// When.
    pub kind: CancellationType,
    /// The date; required for a scheduled one, in the past for an immediate one.
    pub cancel_at: Option<Timestamp>,
    /// Whether what was used is invoiced.
    pub invoice_policy: InvoicePolicy,
    /// Free text.
    pub reason: String,
}

impl Subscription {
    /// Applies a cancellation and returns when it takes effect. Refused for drafts, ended and inherited subscriptions, for dates
    /// that contradict the type, and for a second scheduled cancellation.
    pub fn cancel(&mut self, request: &CancelRequest, now: Timestamp) -> Result<Timestamp, Invalid> {
        self.check_cancellable(request, now)?;
        let effective = match request.kind {
            // A contract whose end has come is not made longer.
            CancellationType::Immediate => request.cancel_at.unwrap_or(now).min(self.end_date.unwrap_or(Timestamp::MAX)),
            CancellationType::EndOfPeriod => self.current_period_end,
            CancellationType::ScheduledDate => request.cancel_at.unwrap_or(now),
        };
        self.cancel_at = Some(effective);
        self.cancelled_at = Some(now);
        match request.kind {
            CancellationType::Immediate => {
                self.subscription_status = SubscriptionStatus::Cancelled;
                self.cancel_at_period_end = false;
                self.end_date = Some(effective);
            }
            CancellationType::EndOfPeriod => self.cancel_at_period_end = true,
            CancellationType::ScheduledDate => {
                self.cancel_at_period_end = true;
                self.end_date = Some(effective);
                self.current_period_end = self.current_period_end.min(effective);
            }
        }
        let notes = [request.kind.to_string(), request.reason.clone(), effective.to_string()];
        self.metadata.extend(NOTES.map(str::to_owned).into_iter().zip(notes));
        Ok(effective)
    }

    /// What a cancellation that takes effect at `effective` still invoices: the begun period up to there. `None` when it invoices nothing.
    /// To be asked of the contract as it was before.
    pub fn closing_period(&self, request: &CancelRequest, effective: Timestamp) -> Option<Period> {
        let invoices = request.kind == CancellationType::Immediate && request.invoice_policy == InvoicePolicy::GenerateInvoice;
        let used = Period::new(self.current_period_start, effective);
        (invoices && !used.is_empty()).then_some(used)
    }

    /// Refuses what the contract's own state forbids.
    fn require_state(&self, holds: bool, message: &str) -> Result<(), Invalid> {
        let refusal = || Invalid::input(message).with("id", &self.id).with("status", self.subscription_status);
        if holds { Ok(()) } else { Err(refusal()) }
    }

    fn check_cancellable(&self, request: &CancelRequest, now: Timestamp) -> Result<(), Invalid> {
        use CancellationType::{Immediate, ScheduledDate};
        self.require_state(self.subscription_status != SubscriptionStatus::Draft, "a draft subscription cannot be cancelled")?;
        self.require_state(self.subscription_status != SubscriptionStatus::Cancelled, "the subscription is already cancelled")?;
        self.require_state(
            self.subscription_type != SubscriptionType::Inherited,
            "an inherited subscription ends with its parent: cancel the parent",
        )?;
        require_field(
            request.kind != ScheduledDate || request.cancel_at.is_some(),
            "cancel_at",
            "a scheduled_date cancellation needs cancel_at",
        )?;
        if let (Immediate | ScheduledDate, Some(at)) = (request.kind, request.cancel_at) {
            // An earlier end would reach into periods that are billed already.
            require_field(at > self.current_period_start, "cancel_at", "cancel_at must lie after the start of the current period")?;
            let lies_right = request.kind == ScheduledDate || at <= now;
            require_field(lies_right, "cancel_at", "an immediate cancellation cannot lie in the future: use scheduled_date")?;
        }
        self.require_state(
            request.kind == Immediate || self.cancel_at.is_none(),
            "a cancellation is already scheduled: cancel its schedule first",
        )?;
        match (request.kind, request.cancel_at, self.end_date) {
            (ScheduledDate, Some(at), Some(end)) if at >= end => {
                let message = format!("the subscription ends on {end} anyway: choose an earlier cancel_at");
                Err(Invalid::field("cancel_at", message).with("value", at).with("limit", end))
            }
            _ => Ok(()),
        }
    }
}
