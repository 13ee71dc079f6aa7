//! What the invoices of a subscription charge already: drafts and final ones, from an instant on.

use std::collections::BTreeMap;

use domain::ids::InvoiceId;
use domain::invoice::{BilledLine, Invoice, InvoiceLineItem, InvoiceStatus};
use domain::money::Currency;
use domain::scope::Status;
use domain::time::Period;
use storage::{Database, billed_lines};

use crate::fixtures::{at, audit_in, invoice, scope, store};

contract!(
    lines_of_drafts_and_final_bills_are_told,
    a_bill_can_be_left_out,
    lines_that_ended_before_are_left_out,
    voided_bills_and_removed_lines_charge_nothing,
    invoices_are_counted_by_status,
);

fn monthly(id: &str, month: i64, status: InvoiceStatus) -> Invoice {
    Invoice {
        subscription_id: Some("subs_1".into()),
        period_start: Some(at(month * 100)),
        period_end: Some(at(month * 100 + 100)),
        invoice_status: status,
        ..invoice(id)
    }
}

/// A line with the period of its invoice.
fn line(invoice: &Invoice) -> InvoiceLineItem {
    InvoiceLineItem {
        id: format!("line_of_{}", invoice.id).into(),
        invoice_id: invoice.id.clone(),
        customer_id: "cust_1".into(),
        subscription_id: invoice.subscription_id.clone(),
        subscription_line_item_id: None,
        entity_type: "plan".into(),
        entity_id: "plan_1".into(),
        plan_display_name: String::new(),
        price_id: Some("price_1".into()),
        price_type: "FIXED".into(),
        meter_id: None,
        meter_display_name: String::new(),
        display_name: "Seats".into(),
        amount: "1".parse().expect("a decimal"),
        quantity: "1".parse().expect("a decimal"),
        currency: Currency::parse("usd").expect("a currency"),
        period_start: invoice.period_start,
        period_end: invoice.period_end,
        explanation: None,
        metadata: BTreeMap::new(),
        audit: audit_in(&scope(), 0),
    }
}

async fn invoices_are_counted_by_status(database: &Database) {
    assert_eq!(billed_lines::invoices_by_status(&mut database.clone()).await.expect("read"), []);
    let statuses = [InvoiceStatus::Draft, InvoiceStatus::Finalized, InvoiceStatus::Draft, InvoiceStatus::Skipped];
    let invoices: Vec<_> = (0..).zip(statuses).map(|(month, status)| monthly(&format!("inv_{month}"), month, status)).collect();
    store(database, &invoices).await;
    let mut counted = billed_lines::invoices_by_status(&mut database.clone()).await.expect("read");
    counted.sort_by_key(|(status, _)| status.as_str());
    assert_eq!(counted, [(InvoiceStatus::Draft, 2), (InvoiceStatus::Finalized, 1), (InvoiceStatus::Skipped, 1)]);
}

async fn store_invoices(database: &Database, invoices: &[Invoice]) {
    store(database, invoices).await;
    store(database, &invoices.iter().map(line).collect::<Vec<_>>()).await;
}

/// The months whose charges are told.
async fn billed(database: &Database, except: Option<&str>, from: i64) -> Vec<i64> {
    let except = except.map(InvoiceId::from);
    let lines: Vec<BilledLine> =
        billed_lines::of_subscription(&mut database.clone(), &scope(), &"subs_1".into(), except.as_ref(), at(from)).await.expect("read");
    let mut months: Vec<i64> = lines
        .iter()
        .map(|line| {
            let month = (line.period.start.micros() - at(0).micros()) / 100_000_000;
            let expected = Period::new(at(month * 100), at(month * 100 + 100));
            assert_eq!((line.price_id.as_str(), line.period, line.invoice_period), ("price_1", expected, expected));
            month
        })
        .collect();
    months.sort_unstable();
    months
}

async fn lines_of_drafts_and_final_bills_are_told(database: &Database) {
    let other = Invoice { subscription_id: Some("subs_2".into()), ..monthly("inv_3", 3, InvoiceStatus::Draft) };
    store_invoices(database, &[monthly("inv_1", 1, InvoiceStatus::Draft), monthly("inv_2", 2, InvoiceStatus::Finalized), other]).await;
    assert_eq!(billed(database, None, 0).await, [1, 2]);
}

async fn a_bill_can_be_left_out(database: &Database) {
    store_invoices(database, &[monthly("inv_1", 1, InvoiceStatus::Draft), monthly("inv_2", 2, InvoiceStatus::Draft)]).await;
    assert_eq!(billed(database, Some("inv_1"), 0).await, [2]);
}

async fn lines_that_ended_before_are_left_out(database: &Database) {
    store_invoices(database, &[monthly("inv_1", 1, InvoiceStatus::Draft), monthly("inv_2", 2, InvoiceStatus::Draft)]).await;
    assert_eq!(billed(database, None, 200).await, [1, 2]);
    assert_eq!(billed(database, None, 201).await, [2]);
}

async fn voided_bills_and_removed_lines_charge_nothing(database: &Database) {
    let kept = monthly("inv_1", 1, InvoiceStatus::Draft);
    store(database, &[kept.clone(), monthly("inv_2", 2, InvoiceStatus::Voided), monthly("inv_3", 3, InvoiceStatus::Skipped)]).await;
    let mut removed = line(&kept);
    removed.audit.status = Status::Deleted;
    store(database, &[removed, line(&monthly("inv_2", 2, InvoiceStatus::Voided)), line(&monthly("inv_3", 3, InvoiceStatus::Skipped))])
        .await;
    assert_eq!(billed(database, None, 0).await, [0; 0]);
}
