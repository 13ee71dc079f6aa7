//! What the inputs lack is an error, never an empty invoice.

use domain::invoice::{Error, Inputs, compute};

use crate::support::contracts::period;
use crate::support::invoices::InputsRow;
use crate::support::table;

fn inputs() -> Inputs {
    let row = r#"
        purpose = "SUBSCRIPTION_CYCLE"
        period = "2026-01-01 2026-02-01"
        lines = [{ name = "fee", fixed = "30" }, { name = "calls", usage = "1", counted = "12" }]
    "#;
    table::<InputsRow>(row).build()
}

#[test]
fn a_missing_price_is_an_error_and_never_an_empty_invoice() {
    let mut inputs = inputs();
    inputs.prices.remove(&"price fee".into());
    let error = Error::PriceMissing { line: "line fee".into(), price: "price fee".into() };
    assert_eq!(compute(&inputs), Err(error.clone()));
    assert_eq!(inputs.usage_to_read(), Err(error.clone()));
    assert_eq!(error.to_string(), "line line fee names price price fee, which does not exist");
}

#[test]
fn a_missing_meter_is_an_error() {
    let mut inputs = inputs();
    inputs.lines[1].meter_id = None;
    assert_eq!(inputs.usage_to_read(), Err(Error::MeterMissing { line: "line calls".into() }));
}

#[test]
fn usage_that_was_not_read_is_an_error_and_never_zero() {
    let mut inputs = inputs();
    inputs.usages.clear();
    assert_eq!(compute(&inputs), Err(Error::UsageMissing { line: "line calls".into() }));
}

/// Neither "nothing due" nor the full price: a period without an end has no invoice.
#[test]
fn a_period_that_the_calendar_cannot_end_is_an_error() {
    let row = r#"
        purpose = "SUBSCRIPTION_CYCLE"
        period = "9999-11-15 9999-12-15"
        lines = [{ name = "fee", fixed = "30" }]
    "#;
    let ended = |error: Error| assert!(matches!(error, Error::Calendar(_)), "{error}");
    ended(compute(&table::<InputsRow>(row).build()).unwrap_err());
    let row = row.replace("[{ name", "[{ period = \"ANNUAL\", name").replace("CYCLE", "CREATE");
    ended(compute(&table::<InputsRow>(&row).build()).unwrap_err());
    let row = r#"
        purpose = "SUBSCRIPTION_CREATE"
        period = "9999-12-15 9999-12-20"
        subscription = { end = "9999-12-20", proration = "create_prorations" }
        lines = [{ name = "fee", fixed = "30" }]
    "#;
    ended(compute(&table::<InputsRow>(row).build()).unwrap_err());
}

#[test]
fn inputs_are_stale_once_another_invoice_carries_something_else() {
    let row = r#"
        purpose = "SUBSCRIPTION_CYCLE"
        period = "2026-01-01 2026-02-01"
        lines = []
        billed = [
          { line = "a", period = "2026-01-01 2026-02-01", invoice = "2026-01-01 2026-02-01" },
          { line = "b", period = "2026-01-01 2026-02-01", invoice = "2026-01-01 2026-02-01" },
        ]
    "#;
    let inputs = table::<InputsRow>(row).build();
    let mut now = inputs.billed.clone();
    now.reverse();
    assert!(inputs.still_billed(&now), "in whatever order");
    now[0].invoice_period = period("2026-02-01 2026-03-01");
    assert!(!inputs.still_billed(&now));
    assert!(!inputs.still_billed(&inputs.billed[..1]));
    assert!(!inputs.still_billed(&[]));
}
