//! Cancellation: when it takes effect, and what it closes.

use domain::subscription::{CancelRequest, CancellationType, InvoicePolicy, Subscription, SubscriptionStatus, SubscriptionType};

use crate::support::contracts::{at, period, short, subscription};

use CancellationType::{EndOfPeriod, Immediate, ScheduledDate};

const NOW: &str = "2026-01-15T10:00:00Z";

fn january() -> Subscription {
    subscription(period("2026-01-01 2026-02-01"))
}

fn request(kind: CancellationType, cancel_at: Option<&str>) -> CancelRequest {
    CancelRequest { kind, cancel_at: cancel_at.map(at), invoice_policy: InvoicePolicy::Skip, reason: "moved".to_owned() }
}

#[test]
fn a_cancellation_takes_effect_at_once_with_the_period_or_on_a_date() {
    let (active, cancelled) = (SubscriptionStatus::Active, SubscriptionStatus::Cancelled);
    for (kind, cancel_at, effective, status, with_period, end, period_end) in [
        (Immediate, None, NOW, cancelled, false, Some(NOW), "2026-02-01"),
        (Immediate, Some("2026-01-10"), "2026-01-10", cancelled, false, Some("2026-01-10"), "2026-02-01"),
        (Immediate, Some(NOW), NOW, cancelled, false, Some(NOW), "2026-02-01"),
        (EndOfPeriod, None, "2026-02-01", active, true, None, "2026-02-01"),
        (ScheduledDate, Some("2026-01-20"), "2026-01-20", active, true, Some("2026-01-20"), "2026-01-20"),
        (ScheduledDate, Some("2026-05-20"), "2026-05-20", active, true, Some("2026-05-20"), "2026-02-01"),
    ] {
        let mut contract = january();
        let took = contract.cancel(&request(kind, cancel_at), at(NOW)).unwrap();
        let case = format!("{kind} {cancel_at:?}");
        assert_eq!((took, contract.cancel_at, contract.cancelled_at), (at(effective), Some(at(effective)), Some(at(NOW))), "{case}");
        assert_eq!((contract.subscription_status, contract.cancel_at_period_end), (status, with_period), "{case}");
        assert_eq!((contract.end_date, short(contract.current_period_end).as_str()), (end.map(at), period_end), "{case}");
        let told = ["cancellation_type", "cancellation_reason", "effective_date"].map(|key| contract.metadata[key].clone());
        assert_eq!(told, [kind.to_string(), "moved".to_owned(), at(effective).to_string()], "{case}");
    }
}

#[test]
fn what_cannot_be_cancelled_is_refused_and_stays_as_it_was() {
    let with = |subscription_status| Subscription { subscription_status, ..january() };
    let inherited = Subscription { subscription_type: SubscriptionType::Inherited, ..january() };
    let scheduled = Subscription { cancel_at: Some(at("2026-02-01")), ..january() };
    for (contract, kind, cancel_at, message) in [
        (with(SubscriptionStatus::Draft), Immediate, None, "a draft subscription cannot be cancelled"),
        (with(SubscriptionStatus::Cancelled), Immediate, None, "the subscription is already cancelled"),
        (inherited, Immediate, None, "an inherited subscription ends with its parent: cancel the parent"),
        (january(), ScheduledDate, None, "a scheduled_date cancellation needs cancel_at"),
        (january(), ScheduledDate, Some("2026-01-01"), "cancel_at must lie after the start of the current period"),
        (january(), Immediate, Some("2026-01-01"), "cancel_at must lie after the start of the current period"),
        (
            january(),
            Immediate,
            Some("2026-01-15T10:00:00.000001Z"),
            "an immediate cancellation cannot lie in the future: use scheduled_date",
        ),
        (scheduled.clone(), EndOfPeriod, None, "a cancellation is already scheduled: cancel its schedule first"),
        (scheduled.clone(), ScheduledDate, Some("2026-03-01"), "a cancellation is already scheduled: cancel its schedule first"),
    ] {
        let mut after = contract.clone();
        let refused = after.cancel(&request(kind, cancel_at), at(NOW)).unwrap_err();
        assert_eq!(refused.message, message);
        assert_eq!(after, contract, "{message}");
    }
    for mut contract in [scheduled, with(SubscriptionStatus::Paused), with(SubscriptionStatus::Incomplete)] {
        assert!(contract.cancel(&request(Immediate, None), at(NOW)).is_ok(), "{}", contract.subscription_status);
    }
    let mut unheeding = january();
    assert!(unheeding.cancel(&request(EndOfPeriod, Some("2020-01-01")), at(NOW)).is_ok(), "the end of the period needs no date");
}

#[test]
fn an_immediate_cancellation_invoices_the_begun_period_when_asked_to() {
    use InvoicePolicy::{GenerateInvoice, Skip};
    for (kind, invoice_policy, effective, expected) in [
        (Immediate, GenerateInvoice, NOW, Some("2026-01-01 2026-01-15T10:00:00Z")),
        (Immediate, GenerateInvoice, "2026-01-01", None),
        (Immediate, Skip, NOW, None),
        (EndOfPeriod, GenerateInvoice, "2026-02-01", None),
        (ScheduledDate, GenerateInvoice, "2026-01-20", None),
    ] {
        let request = CancelRequest { invoice_policy, ..request(kind, None) };
        assert_eq!(january().closing_period(&request, at(effective)), expected.map(period), "{kind} {invoice_policy} {effective}");
    }
}

/// The contract's own end stands: a cancellation never makes it longer.
#[test]
fn a_cancellation_does_not_prolong_a_contract_that_ends_before() {
    let ends = |end: &str| Subscription { end_date: Some(at(end)), ..january() };
    for (end, cancel_at) in [("2026-01-20", "2026-01-20"), ("2026-01-20", "2026-01-21"), ("2026-05-20", "2027-01-01")] {
        let mut contract = ends(end);
        let refusal = contract.cancel(&request(ScheduledDate, Some(cancel_at)), at(NOW)).unwrap_err();
        assert_eq!((refusal.details["field"].as_str(), &contract), ("cancel_at", &ends(end)), "{end} {cancel_at}");
    }
    let mut sooner = ends("2026-05-20");
    sooner.cancel(&request(ScheduledDate, Some("2026-05-19")), at(NOW)).unwrap();
    assert_eq!(sooner.end_date, Some(at("2026-05-19")));
    let mut past = ends("2026-01-14");
    assert_eq!(past.cancel(&request(Immediate, None), at(NOW)).unwrap(), at("2026-01-14"), "its end has come, and nothing has run yet");
    assert_eq!(past.end_date, Some(at("2026-01-14")));
}
