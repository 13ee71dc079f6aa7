//! The turn of a period, and the end of a contract.

use domain::ids::CustomerId;
use domain::subscription::{Subscription, SubscriptionStatus};
use domain::time::{BillingPeriod, Zone};

use crate::support::contracts::{at, line, period, short, subscription};

fn january() -> Subscription {
    subscription(period("2026-01-31 2026-02-28"))
}

#[test]
fn periods_follow_each_other_from_the_anchor() {
    let mut contract = january();
    let ends = [(); 4].map(|()| {
        contract.turn().unwrap();
        format!("{} {}", short(contract.current_period_start), short(contract.current_period_end))
    });
    assert_eq!(ends, ["2026-02-28 2026-03-31", "2026-03-31 2026-04-30", "2026-04-30 2026-05-31", "2026-05-31 2026-06-30"]);
    assert_eq!(contract.subscription_status, SubscriptionStatus::Active);
    let mut weekly = Subscription { billing_period: BillingPeriod::Weekly, billing_period_count: 2, ..january() };
    weekly.turn().unwrap();
    assert_eq!(short(weekly.current_period_end), "2026-03-14");
    let mut kolkata = Subscription { timezone: "Asia/Kolkata".to_owned(), billing_anchor: at("2026-01-31T18:30:00Z"), ..january() };
    kolkata.turn().unwrap();
    assert_eq!(short(kolkata.current_period_end), "2026-02-28T18:30:00Z");
}

#[test]
fn a_contract_ends_with_its_end_or_its_scheduled_cancellation() {
    let scheduled = |when: &str, with_period| Subscription { cancel_at: Some(at(when)), cancel_at_period_end: with_period, ..january() };
    for (mut contract, ends, next_end) in [
        (Subscription { end_date: Some(at("2026-02-28")), ..january() }, true, "2026-02-28"),
        (Subscription { end_date: Some(at("2026-03-10")), ..january() }, false, "2026-03-10"),
        (scheduled("2026-02-28", true), true, "2026-02-28"),
        (scheduled("2026-02-01", true), true, "2026-02-28"),
        (scheduled("2026-02-28T00:00:01Z", true), false, "2026-03-31"),
        (scheduled("2026-02-28", false), false, "2026-03-31"),
    ] {
        let before = contract.clone();
        contract.turn().unwrap();
        assert_eq!(short(contract.current_period_end), next_end, "{before:?}");
        if ends {
            let end = Some(at("2026-02-28"));
            assert_eq!((contract.subscription_status, contract.cancelled_at), (SubscriptionStatus::Cancelled, end), "{before:?}");
            assert_eq!((contract.end_date, contract.current_period_start), (end, before.current_period_start), "{before:?}");
        } else {
            assert_eq!((contract.subscription_status, contract.cancelled_at), (SubscriptionStatus::Active, None), "{before:?}");
        }
    }
}

#[test]
fn lines_end_with_their_contract_and_not_before_they_began() {
    for (start, end, expected, changes) in [
        ("2026-01-31", None, "2026-02-10", true),
        ("2026-01-31", Some("2026-03-01"), "2026-02-10", true),
        ("2026-01-31", Some("2026-02-10"), "2026-02-10", false),
        ("2026-01-31", Some("2026-02-05"), "2026-02-05", false),
        ("2026-02-20", None, "2026-02-20", true),
    ] {
        let mut line = line(&january(), "fee");
        line.start_date = at(start);
        line.end_date = end.map(at);
        assert_eq!(line.end(at("2026-02-10")), changes, "{start} {end:?}");
        assert_eq!(line.end_date.map(short).as_deref(), Some(expected), "{start} {end:?}");
    }
}

#[test]
fn a_line_is_in_force_from_its_start_to_its_end() {
    let mut line = line(&january(), "fee");
    let window = period("2026-02-01 2026-03-01");
    assert_eq!(line.clip(window), window);
    line.start_date = at("2026-02-10");
    line.end_date = Some(at("2026-02-20"));
    assert_eq!(line.clip(window), period("2026-02-10 2026-02-20"));
    assert!(line.clip(period("2026-03-01 2026-04-01")).is_empty());
}

#[test]
fn a_contract_knows_where_and_whom_it_invoices() {
    let contract = january();
    assert_eq!(contract.invoicing_customer(), &CustomerId::from("cust_1"));
    let paid_for = Subscription { invoicing_customer_id: Some("cust_2".into()), ..contract.clone() };
    assert_eq!(paid_for.invoicing_customer(), &CustomerId::from("cust_2"));
    assert_eq!(contract.current_period(), period("2026-01-31 2026-02-28"));
    let kolkata = Subscription { timezone: "Asia/Kolkata".to_owned(), ..contract.clone() };
    assert_eq!(kolkata.zone(), Zone::parse("Asia/Kolkata").unwrap());
    assert_eq!(Subscription { timezone: "Nowhere/Town".to_owned(), ..contract }.zone(), Zone::UTC);
}
