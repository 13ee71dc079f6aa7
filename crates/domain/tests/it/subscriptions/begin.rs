//! A new subscription: its terms, anchor, first period and lines.

use std::collections::BTreeMap;

use domain::catalog::Plan;
use domain::ids::MeterId;
use domain::invalid::Invalid;
use domain::money::{Currency, Decimal};
use domain::rating::{BillingModel, InvoiceCadence, Price, PriceType};
use domain::scope::Audit;
use domain::subscription::{
    BillingCycle, CollectionMethod, LineItemEntityType, Offer, PaymentBehavior, PaymentTerms, ProrationBehavior, Subscription,
    SubscriptionLineItem, SubscriptionStatus, SubscriptionType, Terms, check_payment,
};
use domain::time::BillingPeriod;

use crate::support::contracts::{Counting, at, customer, period, plan, short, subscription, usd};
use crate::support::prices::price;
use crate::support::{audit, decimal};

const NOW: &str = "2026-01-15T10:00:00.123456Z";

fn terms() -> Terms {
    Terms {
        currency: usd(),
        lookup_key: "main".to_owned(),
        billing_period: BillingPeriod::Monthly,
        billing_period_count: 1,
        billing_cycle: BillingCycle::Anniversary,
        billing_anchor: None,
        start_date: None,
        end_date: None,
        collection_method: CollectionMethod::ChargeAutomatically,
        payment_behavior: PaymentBehavior::DefaultActive,
        payment_terms: Some(PaymentTerms::Net30),
        proration_behavior: ProrationBehavior::None,
        metadata: BTreeMap::from([("deal".to_owned(), "7".to_owned())]),
    }
}

/// A fixed price of the plan with an id.
fn fixed(id: &str) -> Price {
    Price { id: id.into(), display_name: id.to_owned(), invoice_cadence: InvoiceCadence::Advance, ..price(BillingModel::FlatFee) }
}

fn begin_with(terms: Terms, zone: &str, prices: &[Price]) -> Result<(Subscription, Vec<SubscriptionLineItem>), Invalid> {
    let plan: Plan = plan();
    let meter_names = BTreeMap::from([(MeterId::from("meter_1"), "Calls".to_owned())]);
    let offer = Offer { plan: &plan, prices, price_sequence: 4, meter_names: &meter_names, backdated_periods_max: 24 };
    let audit = Audit { created_at: at(NOW), updated_at: at(NOW), created_by: "user".to_owned(), ..audit() };
    Subscription::begin(terms, &customer(zone), offer, audit, &Counting::default())
}

fn begin(terms: Terms, zone: &str) -> Result<Subscription, Invalid> {
    begin_with(terms, zone, &[fixed("price_1")]).map(|(subscription, _)| subscription)
}

#[test]
fn the_first_period_hangs_on_the_anchor_in_the_customer_s_zone() {
    use BillingCycle::{Anniversary, Calendar};
    for (cycle, anchor, start, end, zone, expected_anchor, expected_end) in [
        // The instant of the call, cut to milliseconds; boundaries are whole seconds.
        (Anniversary, None, None, None, "UTC", "2026-01-15T10:00:00.123Z", "2026-02-15T10:00:00Z"),
        (Anniversary, None, Some("2026-01-31"), None, "UTC", "2026-01-31", "2026-02-28"),
        (Anniversary, Some("2026-02-10"), Some("2026-01-31"), None, "UTC", "2026-02-10", "2026-02-10"),
        (Anniversary, None, Some("2026-01-31"), Some("2026-02-03"), "UTC", "2026-01-31", "2026-02-03"),
        (Calendar, None, Some("2026-01-20T08:00:00Z"), None, "UTC", "2026-02-01", "2026-02-01"),
        (Calendar, None, Some("2026-01-01"), None, "UTC", "2026-02-01", "2026-02-01"),
        (Calendar, None, Some("2026-01-20"), None, "Asia/Kolkata", "2026-01-31T18:30:00Z", "2026-01-31T18:30:00Z"),
    ] {
        let terms =
            Terms { billing_cycle: cycle, billing_anchor: anchor.map(at), start_date: start.map(at), end_date: end.map(at), ..terms() };
        let begun = begin(terms, zone).unwrap();
        let case = format!("{cycle} {anchor:?} {start:?} {end:?} {zone}");
        assert_eq!(
            (short(begun.billing_anchor).as_str(), short(begun.current_period_end).as_str()),
            (expected_anchor, expected_end),
            "{case}"
        );
        assert_eq!(begun.current_period_start, begun.start_date, "{case}");
        let expected_start = start.map_or(at(NOW).truncate_to_millis(), at);
        assert_eq!((begun.start_date, begun.end_date, begun.timezone.as_str()), (expected_start, end.map(at), zone), "{case}");
    }
}

#[test]
fn a_contract_takes_over_its_terms() {
    let begun = begin(terms(), "UTC").unwrap();
    let expected = Subscription {
        id: "subs_1".into(),
        lookup_key: "main".to_owned(),
        customer_id: "cust_1".into(),
        invoicing_customer_id: None,
        plan_id: "plan_1".into(),
        subscription_status: SubscriptionStatus::Active,
        subscription_type: SubscriptionType::Standalone,
        billing_cycle: BillingCycle::Anniversary,
        payment_terms: Some(PaymentTerms::Net30),
        synced_price_sequence: 4,
        metadata: terms().metadata,
        audit: Audit { created_at: at(NOW), updated_at: at(NOW), created_by: "user".to_owned(), ..audit() },
        ..subscription(period("2026-01-15T10:00:00.123Z 2026-02-15T10:00:00Z"))
    };
    assert_eq!(begun, expected);
    let fortnightly = Terms {
        billing_period: BillingPeriod::Weekly,
        billing_period_count: 2,
        collection_method: CollectionMethod::SendInvoice,
        payment_behavior: PaymentBehavior::DefaultIncomplete,
        proration_behavior: ProrationBehavior::CreateProrations,
        ..terms()
    };
    let (begun, _) = begin_with(fortnightly, "UTC", &[Price { billing_period: BillingPeriod::Weekly, ..fixed("price_1") }]).unwrap();
    assert_eq!((begun.billing_period, begun.billing_period_count), (BillingPeriod::Weekly, 2));
    assert_eq!(begun.current_period_end, at("2026-01-29T10:00:00Z"));
    assert_eq!((begun.collection_method, begun.payment_behavior), (CollectionMethod::SendInvoice, PaymentBehavior::DefaultIncomplete));
    assert_eq!(begun.proration_behavior, ProrationBehavior::CreateProrations);
}

#[test]
fn terms_that_contradict_each_other_are_refused() {
    let today = "2026-01-15";
    for (terms, zone, message) in [
        (
            Terms { collection_method: CollectionMethod::SendInvoice, payment_behavior: PaymentBehavior::AllowIncomplete, ..terms() },
            "UTC",
            "collection_method send_invoice does not go with payment_behavior allow_incomplete",
        ),
        (Terms { billing_period: BillingPeriod::Onetime, ..terms() }, "UTC", "a subscription cannot be billed ONETIME"),
        (
            Terms { billing_cycle: BillingCycle::Calendar, billing_anchor: Some(at(today)), ..terms() },
            "UTC",
            "billing_anchor goes with anniversary billing only",
        ),
        (
            Terms { start_date: Some(at("2026-02-01")), end_date: Some(at("2026-01-31T23:59:59.999999Z")), ..terms() },
            "UTC",
            "end_date must not lie before start_date",
        ),
        (Terms { end_date: Some(at("2026-01-15T10:00:00.122Z")), ..terms() }, "UTC", "end_date must not lie before start_date"),
        (
            Terms { proration_behavior: ProrationBehavior::CreateProrations, start_date: Some(at("2026-01-14T23:59:59Z")), ..terms() },
            "UTC",
            "create_prorations needs a start_date of today or later",
        ),
        (Terms { billing_period_count: 0, ..terms() }, "UTC", "billing_period_count must be at least 1"),
    ] {
        assert_eq!(begin(terms, zone).unwrap_err().message, message);
    }
    assert!(begin(terms(), "Nowhere/Town").is_err());
    let earlier_today = Terms { proration_behavior: ProrationBehavior::CreateProrations, start_date: Some(at(today)), ..terms() };
    assert!(begin(earlier_today, "UTC").is_ok(), "a day is not over before it is over");
    assert!(begin(Terms { start_date: Some(at("2025-01-01")), ..terms() }, "UTC").is_ok(), "without prorations the past is fine");
    let point = Terms { start_date: Some(at(today)), end_date: Some(at(today)), ..terms() };
    assert!(begin(point, "UTC").is_ok(), "a contract may end where it begins");
}

#[test]
fn payment_behaviors_go_with_collection_methods() {
    use CollectionMethod::{ChargeAutomatically, SendInvoice};
    use PaymentBehavior::{AllowIncomplete, DefaultActive, DefaultIncomplete, ErrorIfIncomplete};
    for (method, behavior, allowed) in [
        (ChargeAutomatically, AllowIncomplete, true),
        (ChargeAutomatically, DefaultIncomplete, false),
        (ChargeAutomatically, ErrorIfIncomplete, true),
        (ChargeAutomatically, DefaultActive, true),
        (SendInvoice, AllowIncomplete, false),
        (SendInvoice, DefaultIncomplete, true),
        (SendInvoice, ErrorIfIncomplete, false),
        (SendInvoice, DefaultActive, true),
    ] {
        assert_eq!(check_payment(method, behavior).is_ok(), allowed, "{method} {behavior}");
    }
}

/// Spec 30 §2.2.
#[test]
fn a_contract_takes_the_prices_that_fit_it() {
    let start = "2026-01-15";
    let eur = Currency::parse("eur").unwrap();
    let prices = [
        fixed("monthly"),
        Price { billing_period: BillingPeriod::Onetime, ..fixed("setup") },
        Price { billing_period: BillingPeriod::Annual, ..fixed("annual") },
        Price { currency: eur, ..fixed("euros") },
        Price { end_date: Some(at(start)), ..fixed("ended at the start") },
        Price { end_date: Some(at("2026-01-15T00:00:00.000001Z")), ..fixed("ends after the start") },
        Price { start_date: at("2026-02-01"), ..fixed("begins later") },
    ];
    let terms = Terms { start_date: Some(at(start)), end_date: Some(at("2027-01-15")), ..terms() };
    let (_, lines) = begin_with(terms.clone(), "UTC", &prices).unwrap();
    let taken: Vec<_> = lines.iter().map(|line| (line.display_name.as_str(), short(line.start_date))).collect();
    let expected = [("monthly", start), ("setup", start), ("ends after the start", start), ("begins later", "2026-02-01")];
    assert_eq!(taken, expected.map(|(name, from)| (name, from.to_owned())));
    assert!(lines.iter().filter(|line| line.display_name != "ends after the start").all(|line| line.end_date == terms.end_date));
    let refused = begin_with(terms, "UTC", &prices[2..5]).unwrap_err();
    assert_eq!(refused.message, "the plan has no price in usd for the billing period MONTHLY: add one first");
    assert_eq!(refused.details.get("currency").map(String::as_str), Some("usd"));
}

#[test]
fn a_line_takes_over_its_price() {
    let usage = Price {
        kind: PriceType::Usage,
        meter_id: Some("meter_1".into()),
        invoice_cadence: InvoiceCadence::Arrear,
        metadata: BTreeMap::from([("unit".to_owned(), "call".to_owned())]),
        ..fixed("usage")
    };
    let unnamed = Price { meter_id: Some("meter_2".into()), ..usage.clone() };
    let seats = |count: &str| Price { min_quantity: Some(decimal(count)), ..fixed("seats") };
    let prices = [usage.clone(), unnamed, fixed("one"), seats("3"), seats("0")];
    let (contract, lines) = begin_with(terms(), "UTC", &prices).unwrap();
    let quantities: Vec<String> = lines.iter().map(|line| line.quantity.to_string()).collect();
    assert_eq!(quantities, ["0", "0", "1", "3", "1"]);
    let expected = SubscriptionLineItem {
        id: "subs_line_2".into(),
        subscription_id: "subs_1".into(),
        customer_id: "cust_1".into(),
        entity_type: LineItemEntityType::Plan,
        entity_id: "plan_1".to_owned(),
        plan_display_name: "Plan".to_owned(),
        price_id: "usage".into(),
        price_type: PriceType::Usage,
        meter_id: Some("meter_1".into()),
        meter_display_name: "Calls".to_owned(),
        display_name: "usage".to_owned(),
        quantity: Decimal::zero(),
        currency: usd(),
        billing_period: BillingPeriod::Monthly,
        billing_period_count: 1,
        invoice_cadence: InvoiceCadence::Arrear,
        start_date: contract.start_date,
        end_date: None,
        metadata: usage.metadata,
        audit: contract.audit.clone(),
    };
    assert_eq!(lines[0], expected);
    assert_eq!((lines[1].meter_display_name.as_str(), lines[2].meter_display_name.as_str()), ("", ""));
}

/// Spec 30 §2.3: while no payment can be tried, an open amount is an unpaid one.
#[test]
fn an_unpaid_opening_invoice_does_what_the_payment_behavior_says() {
    for (payment_behavior, remaining, expected) in [
        (PaymentBehavior::DefaultActive, "10", Some(SubscriptionStatus::Active)),
        (PaymentBehavior::AllowIncomplete, "10", Some(SubscriptionStatus::Incomplete)),
        (PaymentBehavior::DefaultIncomplete, "0.01", Some(SubscriptionStatus::Incomplete)),
        (PaymentBehavior::ErrorIfIncomplete, "10", None),
        (PaymentBehavior::DefaultActive, "0", Some(SubscriptionStatus::Active)),
        (PaymentBehavior::AllowIncomplete, "0", Some(SubscriptionStatus::Active)),
        (PaymentBehavior::ErrorIfIncomplete, "0", Some(SubscriptionStatus::Active)),
    ] {
        let mut contract = Subscription { payment_behavior, ..subscription(period("2026-01-01 2026-02-01")) };
        let outcome = contract.open(&decimal(remaining));
        match expected {
            Some(status) => assert_eq!((outcome, contract.subscription_status), (Ok(()), status), "{payment_behavior} {remaining}"),
            None => assert_eq!(outcome.unwrap_err().message, "the first invoice cannot be paid: no payment method is set up"),
        }
    }
}

/// A price that has an end is followed by its successor at that instant: each line ends with the earlier of contract and price, whatever
/// its kind and wherever the contract's start lies, and no instant belongs to both.
#[test]
fn a_line_ends_with_the_earlier_of_contract_and_price() {
    let turn = at("2026-02-01");
    for kind in [PriceType::Fixed, PriceType::Usage] {
        let meter_id = (kind == PriceType::Usage).then(|| MeterId::from("meter_1"));
        let of = |id: &str| Price { kind, meter_id: meter_id.clone(), invoice_cadence: InvoiceCadence::Arrear, ..fixed(id) };
        let prices = [Price { end_date: Some(turn), ..of("old") }, Price { start_date: turn, ..of("new") }];
        let open = None::<&str>;
        for (start, end, expected) in [
            // Before the change, backdated or not; the contract is open, or ends after, with or before it.
            ("2025-12-01", open, vec![("old", "2025-12-01", Some("2026-02-01")), ("new", "2026-02-01", None)]),
            ("2026-01-10", open, vec![("old", "2026-01-10", Some("2026-02-01")), ("new", "2026-02-01", None)]),
            ("2026-01-10", Some("2026-03-01"), vec![("old", "2026-01-10", Some("2026-02-01")), ("new", "2026-02-01", Some("2026-03-01"))]),
            ("2026-01-10", Some("2026-02-01"), vec![("old", "2026-01-10", Some("2026-02-01"))]),
            ("2026-01-10", Some("2026-01-20"), vec![("old", "2026-01-10", Some("2026-01-20"))]),
            // With it and after it.
            ("2026-02-01", open, vec![("new", "2026-02-01", None)]),
            ("2026-02-02", open, vec![("new", "2026-02-02", None)]),
        ] {
            let terms = Terms { start_date: Some(at(start)), end_date: end.map(at), ..terms() };
            let (_, lines) = begin_with(terms, "UTC", &prices).unwrap();
            let found: Vec<_> = lines.iter().map(|line| (line.display_name.as_str(), line.start_date, line.end_date)).collect();
            let expected: Vec<_> = expected.into_iter().map(|(name, start, end)| (name, at(start), end.map(at))).collect();
            assert_eq!(found, expected, "{kind} from {start} until {end:?}");
        }
    }
    let never = Price { start_date: turn, end_date: Some(turn), ..fixed("never in force") };
    assert!(begin_with(Terms { start_date: Some(at("2026-01-10")), ..terms() }, "UTC", &[never]).is_err());
}

/// Spec 30 §2.1.
#[test]
fn fees_of_several_billing_periods_are_not_prorated() {
    let setup = Price { billing_period: BillingPeriod::Onetime, ..fixed("setup") };
    let three_months = Price { billing_period_count: 3, ..fixed("three months") };
    let calls = Price {
        kind: PriceType::Usage,
        meter_id: Some("meter_1".into()),
        invoice_cadence: InvoiceCadence::Arrear,
        billing_period_count: 3,
        ..fixed("calls")
    };
    let prorated = Terms { proration_behavior: ProrationBehavior::CreateProrations, ..terms() };
    for (prices, periods) in
        [(vec![fixed("fee"), setup.clone()], "MONTHLY, ONETIME"), (vec![three_months.clone(), fixed("fee")], "3 x MONTHLY, MONTHLY")]
    {
        let refused = begin_with(prorated.clone(), "UTC", &prices).unwrap_err();
        assert_eq!(refused.details.get("billing_periods").map(String::as_str), Some(periods));
        assert!(begin_with(terms(), "UTC", &prices).is_ok(), "{periods}");
    }
    // Usage is never prorated; of several fees with one period each is.
    for prices in [vec![fixed("fee"), fixed("seats"), calls], vec![setup], vec![three_months]] {
        assert!(begin_with(prorated.clone(), "UTC", &prices).is_ok());
    }
}

#[test]
fn dates_without_sense_are_refused() {
    let from = |start: &str| Terms { start_date: Some(at(start)), ..terms() };
    for start in ["0001-01-01", "1969-12-31T23:59:59.999999Z"] {
        assert_eq!(begin(from(start), "UTC").unwrap_err().message, "start_date must not lie before 1970", "{start}");
    }
    // 24 months have ended on January 15, 2026; a 25th has not.
    assert!(begin(from("2024-01-15"), "UTC").is_ok());
    let refused = begin(from("2023-12-15T10:00:00Z"), "UTC").unwrap_err();
    assert!(refused.message.starts_with("start_date lies more than 24 billing periods back"), "{}", refused.message);
    assert_eq!(refused.details.get("limit").map(String::as_str), Some("24"));
    assert!(begin(Terms { billing_period_count: 2, ..from("2023-12-15T10:00:00Z") }, "UTC").is_ok(), "longer periods are fewer");
    // What the contract's end leaves counts.
    assert!(begin(Terms { end_date: Some(at("1971-01-01")), ..from("1970-01-01") }, "UTC").is_ok());
    for terms in [
        from("9999-12-15"),
        Terms { billing_period_count: u32::MAX, ..terms() },
        Terms { billing_cycle: BillingCycle::Calendar, ..from("9999-12-15") },
        Terms { billing_cycle: BillingCycle::Calendar, billing_period_count: 100_000, ..terms() },
    ] {
        let refused = begin(terms, "UTC").unwrap_err();
        assert!(refused.message.contains("beyond the year 9999"), "{}", refused.message);
    }
    let endless = Price { billing_period_count: 100_000, ..fixed("endless") };
    assert!(begin_with(terms(), "UTC", &[endless]).unwrap_err().message.contains("beyond the year 9999"));
    // A contract that ends before is no harm.
    assert!(begin(Terms { end_date: Some(at("9999-12-20")), ..from("9999-12-15") }, "UTC").is_ok());
}
