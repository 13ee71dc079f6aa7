//! A customer's contract: what it buys, from when to when, and where its periods end (spec 30).

mod begin;
mod cancel;
mod line_item;
mod proration;
mod schedule;
mod turn;

pub use begin::{Offer, Terms};
pub use cancel::{CancelRequest, CancellationType, InvoicePolicy};
pub use line_item::{LineItemEntityType, SubscriptionLineItem, prices_for};
pub use proration::Share;
pub use schedule::{ScheduleStatus, ScheduleType, Scheduled, ScheduledCancellation, SubscriptionSchedule};

use std::collections::BTreeMap;

use crate::ids::{CustomerId, PlanId, SubscriptionId};
use crate::invalid::Invalid;
use crate::money::Currency;
use crate::scope::Audit;
use crate::time::{BillingPeriod, Cycle, Period, Timestamp, Zone};

/// Where a subscription stands (spec 30 §4). `Cancelled` is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubscriptionStatus {
    /// Billing.
    Active,
    /// Held.
    Paused,
    /// Ended.
    Cancelled,
    /// Waits for its first payment.
    Incomplete,
    /// In its trial.
    Trialing,
    /// Not begun.
    Draft,
}

text_enum!(SubscriptionStatus {
    Active = "active",
    Paused = "paused",
    Cancelled = "cancelled",
    Incomplete = "incomplete",
    Trialing = "trialing",
    Draft = "draft",
});

/// A subscription's place among others. Only `Standalone` is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum SubscriptionType {
    /// On its own.
    #[default]
    Standalone,
    /// Billed to another customer.
    DelegatedInvoicing,
    /// Pays for others.
    Parent,
    /// Uses its parent's lines.
    Inherited,
    /// Has lines of its own on its parent's invoice.
    GroupedInvoicing,
}

text_enum!(SubscriptionType {
    Standalone = "standalone",
    DelegatedInvoicing = "delegated_invoicing",
    Parent = "parent",
    Inherited = "inherited",
    GroupedInvoicing = "grouped_invoicing",
});

/// What periods hang on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum BillingCycle {
    /// The start date, or an explicit anchor.
    #[default]
    Anniversary,
    /// The first of the calendar's month, quarter, half-year, year; the Monday of a week.
    Calendar,
}

text_enum!(BillingCycle { Anniversary = "anniversary", Calendar = "calendar" });

/// Whether invoices are charged or sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum CollectionMethod {
    /// A payment is tried on finalize.
    #[default]
    ChargeAutomatically,
    /// The customer pays on their own.
    SendInvoice,
}

text_enum!(CollectionMethod { ChargeAutomatically = "charge_automatically", SendInvoice = "send_invoice" });

/// What an unpaid first invoice does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum PaymentBehavior {
    /// The subscription waits unless paid.
    AllowIncomplete,
    /// The subscription waits until paid.
    DefaultIncomplete,
    /// The subscription is not made unless paid.
    ErrorIfIncomplete,
    /// The subscription is active whatever happens.
    #[default]
    DefaultActive,
}

text_enum!(PaymentBehavior {
    AllowIncomplete = "allow_incomplete",
    DefaultIncomplete = "default_incomplete",
    ErrorIfIncomplete = "error_if_incomplete",
    DefaultActive = "default_active",
});

/// Whether parts of periods are billed in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum ProrationBehavior {
    /// They are.
    CreateProrations,
    /// They are not.
    #[default]
    None,
}

text_enum!(ProrationBehavior { CreateProrations = "create_prorations", None = "none" });

/// Days until an invoice is due, counted from the end of its period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PaymentTerms {
    /// 15 days.
    Net15,
    /// 30 days.
    Net30,
    /// 45 days.
    Net45,
    /// 60 days.
    Net60,
    /// 75 days.
    Net75,
    /// 90 days.
    Net90,
}

text_enum!(PaymentTerms {
    Net15 = "15 NET",
    Net30 = "30 NET",
    Net45 = "45 NET",
    Net60 = "60 NET",
    Net75 = "75 NET",
    Net90 = "90 NET",
});

impl PaymentTerms {
    /// The number of days.
    pub const fn days(self) -> i64 {
        match self {
            Self::Net15 => 15,
            Self::Net30 => 30,
            Self::Net45 => 45,
            Self::Net60 => 60,
            Self::Net75 => 75,
            Self::Net90 => 90,
        }
    }
}

/// A customer's contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Identity.
    pub id: SubscriptionId,
    /// The caller's name; not unique, empty when unused.
    pub lookup_key: String,
    /// Who uses it.
    pub customer_id: CustomerId,
    /// Who is billed, when it is someone else.
    pub invoicing_customer_id: Option<CustomerId>,
    /// What was bought.
    pub plan_id: PlanId,
    /// Where it stands.
    pub subscription_status: SubscriptionStatus,
    /// Its place among others.
    pub subscription_type: SubscriptionType,
    /// In what it is billed.
    pub currency: Currency,
    /// The instant its periods hang on.
    pub billing_anchor: Timestamp,
    /// What that is derived from.
    pub billing_cycle: BillingCycle,
    /// The length of a step.
    pub billing_period: BillingPeriod,
    /// Steps in a period; at least 1.
    pub billing_period_count: u32,
    /// First instant of the contract.
    pub start_date: Timestamp,
    /// First instant after the contract; open without.
    pub end_date: Option<Timestamp>,
    /// First instant of the period that runs.
    pub current_period_start: Timestamp,
    /// First instant after it.
    pub current_period_end: Timestamp,
    /// When it was cancelled or its cancellation asked for.
    pub cancelled_at: Option<Timestamp>,
    /// When the cancellation takes effect.
    pub cancel_at: Option<Timestamp>,
    /// Whether it ends with a period instead of at once.
    pub cancel_at_period_end: bool,
    /// IANA name, copied from the customer once.
    pub timezone: String,
    /// Whether invoices are charged or sent.
    pub collection_method: CollectionMethod,
    /// What an unpaid first invoice does.
    pub payment_behavior: PaymentBehavior,
    /// Days until an invoice is due.
    pub payment_terms: Option<PaymentTerms>,
    /// Whether parts of periods are billed in part.
    pub proration_behavior: ProrationBehavior,
    /// The plan's price sequence that its lines reflect.
    pub synced_price_sequence: i64,
    /// Free pairs.
    pub metadata: BTreeMap<String, String>,
    /// Rises with each change.
    pub version: i64,
    /// Scope, status, dates.
    pub audit: Audit,
}

impl Subscription {
    /// Where the calendar is read.
    pub fn zone(&self) -> Zone {
        Zone::parse(&self.timezone).unwrap_or(Zone::UTC)
    }

    /// What decides where periods end.
    pub fn cycle(&self) -> Cycle {
        Cycle {
            anchor: self.billing_anchor,
            period: self.billing_period,
            count: self.billing_period_count,
            zone: self.zone(),
            end: self.end_date,
        }
    }

    /// The period that runs.
    pub fn current_period(&self) -> Period {
        Period::new(self.current_period_start, self.current_period_end)
    }

    /// Who is billed.
    pub fn invoicing_customer(&self) -> &CustomerId {
        self.invoicing_customer_id.as_ref().unwrap_or(&self.customer_id)
    }

    /// The period after one that ends at `end`, clipped by the contract's end; empty when the contract ends there.
    pub fn period_after(&self, end: Timestamp) -> Result<Period, Invalid> {
        self.cycle().period_from(end)
    }

    /// Whether billing goes on after the current period: not past a scheduled cancellation or the contract's end.
    pub fn continues_after(&self, period_end: Timestamp) -> bool {
        let cancelled = self.cancel_at_period_end && self.cancel_at.is_some_and(|at| at <= period_end);
        !cancelled && self.end_date.is_none_or(|end| period_end < end)
    }
}

/// Which payment behaviors a collection method allows (spec 30 §2.1).
pub fn check_payment(method: CollectionMethod, behavior: PaymentBehavior) -> Result<(), Invalid> {
    use PaymentBehavior::{AllowIncomplete, DefaultActive, DefaultIncomplete, ErrorIfIncomplete};
    let allowed = match method {
        CollectionMethod::ChargeAutomatically => matches!(behavior, AllowIncomplete | ErrorIfIncomplete | DefaultActive),
        CollectionMethod::SendInvoice => matches!(behavior, DefaultActive | DefaultIncomplete),
    };
    if allowed {
        return Ok(());
    }
    let message = format!("collection_method {method} does not go with payment_behavior {behavior}");
    Err(Invalid::field("payment_behavior", message).with("value", behavior))
}
