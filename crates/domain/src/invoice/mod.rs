//! The invoice: what it charges, what that costs, what it adds up to, its number (spec 40).
//!
//! [`compute`] is the one way to its lines and totals, whatever it is made for: opening, cycle, cancellation, preview.

mod adjustments;
mod allowance;
mod charge;
mod charges;
mod draft;
mod error;
mod explanation;
mod inputs;
mod line;
mod number;
mod pipeline;
mod totals;

pub use adjustments::{Commitment, Credit, Discount, Tax};
pub use allowance::{Allowance, Free};
pub use charge::ComputedLine;
pub use charges::{BillableLine, BilledLine, DueCharge, ReferencePoint, due_charges};
pub use error::Error;
pub use explanation::{Buckets, Explanation, Usage};
pub use inputs::{Inputs, Purpose, UsageToRead};
pub use line::InvoiceLineItem;
pub use number::{InvoiceConfig, NumberFormat};
pub use pipeline::{Computed, compute};
pub use totals::Totals;

use std::collections::BTreeMap;

use crate::ids::{CustomerId, IdGen, InvoiceId, SubscriptionId};
use crate::invalid::Invalid;
use crate::money::Currency;
use crate::scope::Audit;
use crate::time::{Period, Timestamp};

/// What kind of invoice it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InvoiceType {
    /// Of a subscription's period.
    Subscription,
    /// On its own.
    OneOff,
    /// An adjustment.
    Credit,
}

text_enum!(InvoiceType { Subscription = "SUBSCRIPTION", OneOff = "ONE_OFF", Credit = "CREDIT" });

/// Where an invoice stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InvoiceStatus {
    /// Being made.
    Draft,
    /// Final: numbered and due.
    Finalized,
    /// Taken back.
    Voided,
    /// Nothing to charge: no number, no payment, hidden from lists.
    Skipped,
}

text_enum!(InvoiceStatus { Draft = "DRAFT", Finalized = "FINALIZED", Voided = "VOIDED", Skipped = "SKIPPED" });

/// Where the money of an invoice stands; payments have the same states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PaymentStatus {
    /// Begun.
    Initiated,
    /// Open.
    Pending,
    /// On its way.
    Processing,
    /// Paid.
    Succeeded,
    /// Paid twice.
    Overpaid,
    /// Refused.
    Failed,
    /// Given back.
    Refunded,
    /// Given back in part.
    PartiallyRefunded,
    /// Taken back.
    Voided,
}

text_enum!(PaymentStatus {
    Initiated = "INITIATED",
    Pending = "PENDING",
    Processing = "PROCESSING",
    Succeeded = "SUCCEEDED",
    Overpaid = "OVERPAID",
    Failed = "FAILED",
    Refunded = "REFUNDED",
    PartiallyRefunded = "PARTIALLY_REFUNDED",
    Voided = "VOIDED",
});

/// Why an invoice was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BillingReason {
    /// A subscription began.
    SubscriptionCreate,
    /// A period ended.
    SubscriptionCycle,
    /// A subscription changed.
    SubscriptionUpdate,
    /// A trial ended.
    SubscriptionTrialEnd,
    /// A trial began.
    SubscriptionTrialStart,
    /// A part of a period.
    Proration,
    /// By hand.
    Manual,
    /// Usage crossed a threshold.
    AutoInvoiceThreshold,
    /// A wallet filled itself.
    WalletAutoTopup,
}

text_enum!(BillingReason {
    SubscriptionCreate = "SUBSCRIPTION_CREATE",
    SubscriptionCycle = "SUBSCRIPTION_CYCLE",
    SubscriptionUpdate = "SUBSCRIPTION_UPDATE",
    SubscriptionTrialEnd = "SUBSCRIPTION_TRIAL_END",
    SubscriptionTrialStart = "SUBSCRIPTION_TRIAL_START",
    Proration = "PRORATION",
    Manual = "MANUAL",
    AutoInvoiceThreshold = "AUTO_INVOICE_THRESHOLD",
    WalletAutoTopup = "WALLET_AUTO_TOPUP",
});

impl BillingReason {
    /// Which charges an invoice of this reason carries (spec 40 §2).
    pub const fn reference_point(self) -> ReferencePoint {
        match self {
            Self::SubscriptionCreate | Self::SubscriptionUpdate | Self::SubscriptionTrialEnd | Self::SubscriptionTrialStart => {
                ReferencePoint::PeriodStart
            }
            Self::Proration => ReferencePoint::Cancel,
            Self::SubscriptionCycle | Self::Manual | Self::AutoInvoiceThreshold | Self::WalletAutoTopup => ReferencePoint::PeriodEnd,
        }
    }
}

/// An invoice, without its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    /// Identity.
    pub id: InvoiceId,
    /// Who pays.
    pub customer_id: CustomerId,
    /// Whose subscription it is.
    pub subscription_customer_id: Option<CustomerId>,
    /// Whose charges it carries.
    pub subscription_id: Option<SubscriptionId>,
    /// What kind of invoice it is.
    pub invoice_type: InvoiceType,
    /// Where it stands.
    pub invoice_status: InvoiceStatus,
    /// Where its money stands.
    pub payment_status: PaymentStatus,
    /// Why it was made.
    pub billing_reason: BillingReason,
    /// In what it charges.
    pub currency: Currency,
    /// What it adds up to.
    pub totals: Totals,
    /// Assigned on finalize; empty before.
    pub invoice_number: String,
    /// Counts the invoices of a subscription from 1; 0 for others.
    pub billing_sequence: i64,
    /// Free text.
    pub description: String,
    /// How often the subscription is billed; empty for others.
    pub billing_period: String,
    /// First instant of the invoiced period.
    pub period_start: Option<Timestamp>,
    /// First instant after it.
    pub period_end: Option<Timestamp>,
    /// When it must be paid.
    pub due_date: Option<Timestamp>,
    /// What the invoice shows as its date.
    pub issue_date: Timestamp,
    /// When its lines were last computed.
    pub last_computed_at: Option<Timestamp>,
    /// When it became final.
    pub finalized_at: Option<Timestamp>,
    /// When it was taken back.
    pub voided_at: Option<Timestamp>,
    /// When it was paid.
    pub paid_at: Option<Timestamp>,
    /// Guards against a second invoice of the same thing.
    pub idempotency_key: String,
    /// Free pairs.
    pub metadata: BTreeMap<String, String>,
    /// Rises with each change.
    pub version: i64,
    /// Scope, status, dates.
    pub audit: Audit,
}

impl Invoice {
    /// The invoiced period, when it has one.
    pub fn period(&self) -> Option<Period> {
        Some(Period::new(self.period_start?, self.period_end?))
    }

    /// Takes over what was computed by the caller and at the instant of `audit`, and returns its lines: those that stand for the same as one
    /// of `old` keep its identity. SKIPPED when a subscription's invoice has nothing to charge (spec 40 §3). Only drafts and skipped
    /// invoices can be computed.
    pub fn accept(
        &mut self,
        computed: Computed<'_>,
        old: Vec<InvoiceLineItem>,
        audit: &Audit,
        ids: &dyn IdGen,
    ) -> Result<Vec<InvoiceLineItem>, Invalid> {
        match self.invoice_status {
            InvoiceStatus::Draft | InvoiceStatus::Skipped => {}
            InvoiceStatus::Finalized | InvoiceStatus::Voided => {
                return Err(self.wrong_state(format!("a {} invoice cannot be computed", self.invoice_status)));
            }
        }
        let mut lines = self.take(computed, audit, ids);
        line::keep_identities(&mut lines, old);
        let nothing_to_charge = self.totals.subtotal.is_zero() && self.invoice_type == InvoiceType::Subscription;
        let skips = nothing_to_charge && self.billing_reason != BillingReason::SubscriptionTrialStart;
        self.invoice_status = if skips { InvoiceStatus::Skipped } else { InvoiceStatus::Draft };
        self.last_computed_at = Some(audit.created_at);
        Ok(lines)
    }

    /// Takes over totals and makes the lines; what was paid, adjusted and given back stays.
    fn take(&mut self, computed: Computed<'_>, audit: &Audit, ids: &dyn IdGen) -> Vec<InvoiceLineItem> {
        let Computed { lines, totals } = computed;
        let lines: Vec<_> = lines.into_iter().map(|line| InvoiceLineItem::new(self, line, audit, ids)).collect();
        self.totals = totals.settled_as(&self.totals);
        self.totals.assert_invariants(&lines);
        lines
    }

    /// Makes a computed draft final under a number. An invoice of zero is paid at once. Refused unless it is a computed draft.
    pub fn finalize(&mut self, number: String, now: Timestamp) -> Result<(), Invalid> {
        self.check_finalizable()?;
        self.invoice_number = number;
        self.invoice_status = InvoiceStatus::Finalized;
        self.finalized_at = Some(now);
        if self.totals.total.is_zero() && self.billing_reason != BillingReason::SubscriptionTrialStart {
            self.payment_status = PaymentStatus::Succeeded;
            self.paid_at = Some(now);
        }
        Ok(())
    }

    /// The refusal of something that the invoice's status forbids.
    pub fn wrong_state(&self, message: impl Into<String>) -> Invalid {
        Invalid::operation(message).with("id", &self.id).with("status", self.invoice_status)
    }

    /// Refuses unless this is a computed draft.
    pub fn check_finalizable(&self) -> Result<(), Invalid> {
        match self.invoice_status {
            InvoiceStatus::Draft => {}
            InvoiceStatus::Finalized | InvoiceStatus::Voided | InvoiceStatus::Skipped => {
                return Err(self.wrong_state(format!("the invoice is {}: only a draft can be finalized", self.invoice_status)));
            }
        }
        if self.last_computed_at.is_none() {
            return Err(self.wrong_state("the invoice was not computed yet: compute it first"));
        }
        Ok(())
    }
}
