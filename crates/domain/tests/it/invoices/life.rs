//! An invoice from its draft to its number: what each step takes and refuses.

use domain::invoice::{
    BillingReason, Computed, Inputs, Invoice, InvoiceConfig, InvoiceLineItem, InvoiceStatus, InvoiceType, PaymentStatus, Purpose, compute,
};
use domain::money::Decimal;
use domain::scope::Audit;
use domain::subscription::{PaymentTerms, Subscription};
use domain::time::Period;

use crate::support::contracts::{Counting, at, period, subscription};
use crate::support::invoices::InputsRow;
use crate::support::{audit, decimal, table};

const MONTH: &str = "2026-01-01 2026-02-01";

/// A fee of 30 and usage of 12.
fn inputs() -> Inputs {
    let row = r#"
        purpose = "SUBSCRIPTION_CYCLE"
        period = "2026-01-01 2026-02-01"
        lines = [{ name = "fee", fixed = "30" }, { name = "calls", usage = "1", counted = "12" }]
    "#;
    table::<InputsRow>(row).build()
}

fn draft(subscription: &Subscription, period: Period, reason: BillingReason) -> Invoice {
    Invoice::draft(subscription, period, reason, &InvoiceConfig::default(), audit(), &Counting::default())
}

fn january() -> Invoice {
    draft(&subscription(period(MONTH)), period(MONTH), BillingReason::SubscriptionCycle)
}

fn nothing() -> Computed<'static> {
    Computed { lines: Vec::new(), totals: domain::invoice::Totals::default() }
}

fn by(user: &str, when: &str) -> Audit {
    let at = at(when);
    Audit { created_at: at, updated_at: at, created_by: user.to_owned(), updated_by: user.to_owned(), ..audit() }
}

pub(super) fn invoice_lines() -> Vec<InvoiceLineItem> {
    january().accept(compute(&inputs()).unwrap(), Vec::new(), &audit(), &Counting::default()).unwrap()
}

#[test]
fn a_draft_says_whom_it_charges_for_what_and_until_when_it_is_paid() {
    let mut contract = subscription(period(MONTH));
    contract.invoicing_customer_id = Some("cust_payer".into());
    let invoice = Invoice::draft(
        &contract,
        period(MONTH),
        BillingReason::SubscriptionCycle,
        &InvoiceConfig::default(),
        by("user", "2026-02-01"),
        &Counting::default(),
    );
    assert_eq!((invoice.id.as_str(), invoice.customer_id.as_str()), ("inv_1", "cust_payer"));
    assert_eq!(invoice.subscription_customer_id, Some("cust_1".into()));
    assert_eq!(invoice.subscription_id, Some("subs_1".into()));
    assert_eq!((invoice.invoice_type, invoice.invoice_status), (InvoiceType::Subscription, InvoiceStatus::Draft));
    assert_eq!((invoice.payment_status, invoice.billing_reason), (PaymentStatus::Pending, BillingReason::SubscriptionCycle));
    assert_eq!((invoice.period(), invoice.billing_period.as_str()), (Some(period(MONTH)), "MONTHLY"));
    assert_eq!((invoice.issue_date, invoice.audit.created_by.as_str()), (at("2026-02-01"), "user"));
    assert_eq!((invoice.last_computed_at, invoice.finalized_at, invoice.paid_at), (None, None, None));
    assert_eq!((invoice.invoice_number.as_str(), invoice.billing_sequence, invoice.version), ("", 0, 1));
    assert!(invoice.totals.total.is_zero());
}

/// Spec 40 §20 no. 22.
#[test]
fn an_invoice_is_due_by_its_terms_counted_from_the_end_of_its_period() {
    let terms = [
        (None, "2026-02-02"),
        (Some(PaymentTerms::Net15), "2026-02-16"),
        (Some(PaymentTerms::Net30), "2026-03-03"),
        (Some(PaymentTerms::Net45), "2026-03-18"),
        (Some(PaymentTerms::Net60), "2026-04-02"),
        (Some(PaymentTerms::Net75), "2026-04-17"),
        (Some(PaymentTerms::Net90), "2026-05-02"),
    ];
    for (payment_terms, expected) in terms {
        let contract = Subscription { payment_terms, ..subscription(period(MONTH)) };
        assert_eq!(draft(&contract, period(MONTH), BillingReason::Proration).due_date, Some(at(expected)), "{payment_terms:?}");
    }
}

#[test]
fn a_key_tells_invoices_apart_by_what_they_charge_to_the_minute() {
    let contract = subscription(period(MONTH));
    let cycle = BillingReason::SubscriptionCycle;
    let key = |contract: &Subscription, stretch: &str, reason| draft(contract, period(stretch), reason).idempotency_key;
    let own = key(&contract, MONTH, cycle);
    // printf 'subscription_invoice:billing_reason=SUBSCRIPTION_CYCLE:customer_id=cust_1:…' | sha256sum
    assert_eq!(own, "subscription_invoice-7abc77e4f8dbdd9a");
    assert_eq!(own, key(&contract, "2026-01-01T00:00:59.999Z 2026-02-01T00:00:01Z", cycle), "to the minute");
    let other = Subscription { id: "subs_2".into(), ..contract.clone() };
    let payer = Subscription { invoicing_customer_id: Some("cust_2".into()), ..contract.clone() };
    for different in [
        key(&contract, "2026-01-01T00:01:00Z 2026-02-01", cycle),
        key(&contract, "2026-01-01 2026-02-01T00:01:00Z", cycle),
        key(&contract, MONTH, BillingReason::Proration),
        key(&other, MONTH, cycle),
        key(&payer, MONTH, cycle),
    ] {
        assert_ne!(own, different);
    }
}

#[test]
fn a_preview_says_that_it_is_one_and_has_no_key() {
    let inputs = Inputs { purpose: Purpose::Preview, ..inputs() };
    let computed = compute(&inputs).unwrap();
    let ids = Counting::default();
    let (invoice, lines) = Invoice::preview(&inputs.subscription, inputs.period, computed, &InvoiceConfig::default(), &audit(), &ids);
    assert_eq!(invoice.metadata.get("is_preview").map(String::as_str), Some("true"));
    assert_eq!((invoice.idempotency_key.as_str(), invoice.billing_reason), ("", BillingReason::SubscriptionCycle));
    assert_eq!((invoice.totals.total.clone(), lines.len(), invoice.last_computed_at), (decimal("42"), 2, None));
    assert!(lines.iter().all(|line| line.invoice_id == invoice.id));
    let inputs = Inputs { lines: Vec::new(), ..inputs };
    let (empty, _) =
        Invoice::preview(&inputs.subscription, inputs.period, compute(&inputs).unwrap(), &InvoiceConfig::default(), &audit(), &ids);
    assert_eq!(empty.invoice_status, InvoiceStatus::Draft, "a preview is never skipped");
}

#[test]
fn computing_fills_lines_and_totals() {
    let mut invoice = january();
    let inputs = inputs();
    let lines = invoice.accept(compute(&inputs).unwrap(), Vec::new(), &by("user", "2026-02-01"), &Counting::default()).unwrap();
    assert_eq!((invoice.totals.subtotal.clone(), invoice.totals.amount_remaining.clone()), (decimal("42"), decimal("42")));
    assert_eq!((invoice.invoice_status, invoice.last_computed_at), (InvoiceStatus::Draft, Some(at("2026-02-01"))));
    let [fee, calls] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((fee.id.as_str(), calls.id.as_str()), ("inv_line_1", "inv_line_2"));
    assert_eq!((&fee.invoice_id, fee.customer_id.as_str()), (&invoice.id, "cust_1"));
    assert_eq!(fee.subscription_line_item_id, Some("line fee".into()));
    assert_eq!((fee.price_id.clone(), fee.price_type.as_str(), fee.meter_id.clone()), (Some("price fee".into()), "FIXED", None));
    assert_eq!((calls.price_type.as_str(), calls.meter_id.clone()), ("USAGE", Some("meter calls".into())));
    assert_eq!((fee.amount.clone(), calls.quantity.clone()), (decimal("30"), decimal("12")));
    assert_eq!((fee.period_start, fee.period_end), (Some(at("2026-02-01")), Some(at("2026-03-01"))));
    assert_eq!((fee.explanation.as_ref().map(|it| it.amount.clone()), fee.audit.created_by.as_str()), (Some(decimal("30")), "user"));
}

#[test]
fn a_line_that_stands_for_the_same_keeps_its_identity() {
    let mut invoice = january();
    let mut inputs = inputs();
    let ids = Counting::default();
    let first = invoice.accept(compute(&inputs).unwrap(), Vec::new(), &by("first", "2026-02-01"), &ids).unwrap();
    // Usage of a line that begins later is another stretch, hence another line.
    inputs.lines[1].start_date = at("2026-01-02");
    let second = invoice.accept(compute(&inputs).unwrap(), first.clone(), &by("second", "2026-02-02"), &ids).unwrap();
    assert_eq!(second[0].id, first[0].id);
    assert_eq!((second[0].audit.created_by.as_str(), second[0].audit.created_at), ("first", at("2026-02-01")));
    assert_eq!((second[0].audit.updated_by.as_str(), second[0].audit.updated_at), ("second", at("2026-02-02")));
    assert_ne!(second[1].id, first[1].id);
    assert_eq!(second[1].audit.created_by, "second");
}

#[test]
fn nothing_to_charge_skips_a_subscription_s_invoice_until_there_is_something() {
    let ids = Counting::default();
    let mut invoice = january();
    invoice.accept(nothing(), Vec::new(), &audit(), &ids).unwrap();
    assert_eq!(invoice.invoice_status, InvoiceStatus::Skipped);
    let inputs = inputs();
    invoice.accept(compute(&inputs).unwrap(), Vec::new(), &audit(), &ids).unwrap();
    assert_eq!(invoice.invoice_status, InvoiceStatus::Draft);
    let trial = Invoice { billing_reason: BillingReason::SubscriptionTrialStart, ..january() };
    let one_off = Invoice { invoice_type: InvoiceType::OneOff, ..january() };
    for mut kept in [trial, one_off] {
        kept.accept(nothing(), Vec::new(), &audit(), &ids).unwrap();
        assert_eq!(kept.invoice_status, InvoiceStatus::Draft, "{}", kept.billing_reason);
    }
}

#[test]
fn computing_keeps_what_was_paid() {
    let mut invoice = january();
    invoice.totals.amount_paid = decimal("2");
    let inputs = inputs();
    invoice.accept(compute(&inputs).unwrap(), Vec::new(), &audit(), &Counting::default()).unwrap();
    assert_eq!((invoice.totals.amount_paid.clone(), invoice.totals.amount_remaining), (decimal("2"), decimal("40")));
}

#[test]
fn final_invoices_cannot_be_computed() {
    for invoice_status in [InvoiceStatus::Finalized, InvoiceStatus::Voided] {
        let mut invoice = Invoice { invoice_status, ..january() };
        let refused = invoice.accept(nothing(), Vec::new(), &audit(), &Counting::default()).unwrap_err();
        assert_eq!(refused.message, format!("a {invoice_status} invoice cannot be computed"));
    }
}

#[test]
fn a_computed_draft_becomes_final_under_its_number() {
    let ready = |total: &str| {
        let mut invoice = Invoice { last_computed_at: Some(at("2026-02-01")), ..january() };
        invoice.totals.total = decimal(total);
        invoice
    };
    let now = at("2026-02-01T02:00:00Z");
    let mut invoice = ready("42");
    invoice.finalize("INV-202602-00001".to_owned(), now).unwrap();
    assert_eq!((invoice.invoice_status, invoice.finalized_at), (InvoiceStatus::Finalized, Some(now)));
    assert_eq!(
        (invoice.invoice_number.as_str(), invoice.payment_status, invoice.paid_at),
        ("INV-202602-00001", PaymentStatus::Pending, None)
    );
    let mut free = ready("0");
    free.finalize("INV-202602-00002".to_owned(), now).unwrap();
    assert_eq!((free.payment_status, free.paid_at), (PaymentStatus::Succeeded, Some(now)));
    let mut trial = Invoice { billing_reason: BillingReason::SubscriptionTrialStart, ..ready("0") };
    trial.finalize("INV-202602-00003".to_owned(), now).unwrap();
    assert_eq!((trial.payment_status, trial.paid_at), (PaymentStatus::Pending, None));
}

#[test]
fn only_computed_drafts_become_final() {
    let mut uncomputed = january();
    let refused = uncomputed.finalize("INV-1".to_owned(), at("2026-02-01")).unwrap_err();
    assert_eq!(refused.message, "the invoice was not computed yet: compute it first");
    for invoice_status in [InvoiceStatus::Finalized, InvoiceStatus::Voided, InvoiceStatus::Skipped] {
        let mut invoice = Invoice { invoice_status, last_computed_at: Some(at("2026-02-01")), ..january() };
        let before = invoice.clone();
        let refused = invoice.finalize("INV-1".to_owned(), at("2026-02-01")).unwrap_err();
        assert_eq!(refused.message, format!("the invoice is {invoice_status}: only a draft can be finalized"));
        assert_eq!(invoice, before);
    }
}

#[test]
fn an_invoice_without_bounds_has_no_period() {
    assert_eq!(Invoice { period_end: None, ..january() }.period(), None);
    assert_eq!(Invoice { period_start: None, ..january() }.period(), None);
    assert_eq!(january().totals.total, Decimal::zero());
}
