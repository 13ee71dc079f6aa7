//! Which charges stand on an invoice, and what they come to: rows of `golden/invoices.toml`.

use domain::invoice::{BillingReason, ComputedLine, Purpose, ReferencePoint, compute};
use domain::money::Decimal;
use domain::rating::PriceType;

use crate::support::contracts::{at, short};
use crate::support::invoices::{BilledRow, InputsRow, LineRow, SubscriptionRow};
use crate::support::table;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    case: Vec<Case>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    rule: String,
    purpose: String,
    period: String,
    #[serde(default)]
    subscription: SubscriptionRow,
    lines: Vec<LineRow>,
    #[serde(default)]
    billed: Vec<BilledRow>,
    invoice: Vec<String>,
    subtotal: String,
}

/// `name start end quantity amount`.
fn text(line: &ComputedLine<'_>) -> String {
    let ComputedLine { line, service, quantity, amount, .. } = line;
    format!("{} {} {} {quantity} {amount}", line.display_name, short(service.start), short(service.end))
}

/// The same line however the table writes its instants.
fn normal(text: &str) -> String {
    let mut parts: Vec<&str> = text.rsplitn(5, ' ').collect();
    parts.reverse();
    let [name, start, end, quantity, amount] = parts[..] else { panic!("`{text}` is no line") };
    format!("{name} {} {} {quantity} {amount}", short(at(start)), short(at(end)))
}

#[test]
fn invoices_carry_what_the_table_says() {
    let table: Table = table(include_str!("../../golden/invoices.toml"));
    for Case { rule, purpose, period, subscription, lines, billed, invoice, subtotal } in table.case {
        let inputs = InputsRow { purpose, period, subscription, lines, billed }.build();
        let computed = compute(&inputs).unwrap_or_else(|error| panic!("{rule}: {error}"));
        let lines: Vec<String> = computed.lines.iter().map(text).collect();
        assert_eq!(lines, invoice.iter().map(|line| normal(line)).collect::<Vec<_>>(), "{rule}");
        assert_eq!(computed.totals.subtotal.to_string(), subtotal, "{rule}");
        assert_eq!(computed.totals.amount_remaining, computed.totals.total, "{rule}: nothing was paid yet");
        assert_eq!(computed.totals.total, computed.totals.subtotal, "{rule}: nothing changes the charges yet");
        for line in &computed.lines {
            assert_explained(&rule, line);
        }
        let read: Vec<_> = inputs.usage_to_read().unwrap().into_iter().map(|read| (read.line_id, read.meter_id, read.period)).collect();
        let usage = computed.lines.iter().filter(|line| line.line.price_type == PriceType::Usage);
        let used: Vec<_> = usage.map(|line| (line.line.id.clone(), line.line.meter_id.clone().unwrap(), line.service)).collect();
        assert_eq!(read, used, "{rule}: what is read is what is charged");
    }
}

/// Each stage left its trace, and the traces add up to the amount.
fn assert_explained(rule: &str, line: &ComputedLine<'_>) {
    let ComputedLine { line, price, service, quantity, amount, explanation } = line;
    let name = format!("{rule}: {}", line.display_name);
    assert_eq!((explanation.price_id.as_str(), &line.price_id), (price.id.as_str(), &price.id), "{name}");
    assert_eq!(explanation.billing_model, price.billing_model.to_string(), "{name}");
    assert_eq!((explanation.service_start, explanation.service_end), (service.start, service.end), "{name}");
    let steps: Decimal = explanation.steps.iter().map(|step| &step.amount).sum();
    assert_eq!(steps, explanation.rated, "{name}: the steps add up");
    assert_eq!(&explanation.exact + &explanation.rounding, *amount, "{name}: rounding is all that is left");
    assert_eq!(&explanation.amount, amount, "{name}");
    if explanation.full_start.is_none() {
        assert_eq!(&line.currency.round(&explanation.exact), amount, "{name}");
    } else {
        // Parts are rounded so that they add up: each is less than a cent away.
        let off = &explanation.rounding;
        assert!(off.clone().max(-off.clone()) < "0.01".parse().unwrap(), "{name}: {off}");
    }
    match line.price_type {
        PriceType::Usage => {
            let usage = explanation.usage.as_ref().unwrap_or_else(|| panic!("{name}: usage is explained"));
            assert_eq!((&usage.quantity, usage.events), (quantity, 1), "{name}");
            assert_eq!(explanation.exact, explanation.rated, "{name}: usage is never scaled");
            assert_eq!((&explanation.coefficient, explanation.full_start), (&None, None), "{name}");
        }
        PriceType::Fixed => {
            assert_eq!((&explanation.usage, quantity), (&None, &line.quantity), "{name}");
            let whole = explanation.full_start.is_none();
            assert_eq!(explanation.exact == explanation.rated, whole, "{name}: a part says of what");
            if let Some(coefficient) = &explanation.coefficient {
                assert_eq!(explanation.exact, &explanation.rated * coefficient, "{name}: the coefficient is the one that was used");
            }
            assert!(!whole || explanation.coefficient.is_none(), "{name}");
            assert_eq!(explanation.full_start.is_some(), explanation.full_end.is_some(), "{name}");
        }
    }
}

#[test]
fn a_part_names_the_period_it_is_a_part_of() {
    let row = r#"
        purpose = "SUBSCRIPTION_CYCLE"
        period = "2026-03-01 2026-04-01"
        lines = [
          { name = "rent", fixed = "93", cadence = "ARREAR", start = "2026-03-18" },
          { name = "calls", usage = "1", package = 10, buckets = ["11", "4"] },
        ]
    "#;
    let inputs = table::<InputsRow>(row).build();
    let computed = compute(&inputs).unwrap();
    let explanation = &computed.lines[0].explanation;
    assert_eq!((explanation.full_start, explanation.full_end), (Some(at("2026-03-01")), Some(at("2026-04-01"))));
    let buckets = computed.lines[1].explanation.usage.as_ref().and_then(|usage| usage.buckets.as_ref()).unwrap();
    assert_eq!(buckets.values, 2);
}

#[test]
fn a_reason_decides_which_charges_an_invoice_carries() {
    use BillingReason as Reason;
    for (reason, expected) in [
        (Reason::SubscriptionCreate, ReferencePoint::PeriodStart),
        (Reason::SubscriptionCycle, ReferencePoint::PeriodEnd),
        (Reason::SubscriptionUpdate, ReferencePoint::PeriodStart),
        (Reason::SubscriptionTrialEnd, ReferencePoint::PeriodStart),
        (Reason::SubscriptionTrialStart, ReferencePoint::PeriodStart),
        (Reason::Proration, ReferencePoint::Cancel),
        (Reason::Manual, ReferencePoint::PeriodEnd),
        (Reason::AutoInvoiceThreshold, ReferencePoint::PeriodEnd),
        (Reason::WalletAutoTopup, ReferencePoint::PeriodEnd),
    ] {
        assert_eq!(Purpose::Issue(reason).reference_point(), expected, "{reason}");
    }
    assert_eq!(Purpose::Preview.reference_point(), ReferencePoint::Preview);
    assert_eq!(Purpose::Usage.reference_point(), ReferencePoint::Usage);
}
