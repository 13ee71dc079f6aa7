//! Spec 20 §9.2, 30 §10.5 and worked case 3 of §20.

use domain::catalog::FeatureType;
use domain::entitlement::{Entitlement, EntitlementOverride, UsageResetPeriod};
use domain::subscription::{BillingCycle, ProrationBehavior, Subscription};

use super::limit;
use crate::support::contracts::{Counting, at, period, subscription};

/// Monthly on the calendar from 15 April 08:30.
fn stub(proration_behavior: ProrationBehavior) -> Subscription {
    Subscription {
        billing_cycle: BillingCycle::Calendar,
        billing_anchor: at("2025-05-01"),
        proration_behavior,
        ..subscription(period("2025-04-15T08:30:00Z 2025-05-01"))
    }
}

#[test]
fn a_short_first_period_has_its_part_of_a_limit_in_whole_units() {
    let stub = stub(ProrationBehavior::CreateProrations);
    let first = |limit: &Entitlement, of: &Subscription| limit.of_first_period(of, &Counting::default()).unwrap();
    for (usage_limit, part) in [(1000, 522), (7, 4), (0, 0)] {
        let own = first(&limit("plan", Some(usage_limit)), &stub).unwrap();
        assert_eq!(own.usage_limit, Some(part), "of {usage_limit}");
        assert_eq!((own.start_date, own.end_date), (Some(at("2025-04-15T08:30:00Z")), Some(at("2025-05-01"))));
        assert_eq!((own.parent_entitlement_id, own.entity_id.as_str()), (Some("plan".into()), "subs_1"));
    }
    assert_eq!(first(&limit("plan", None), &stub), None, "no limit has no part");
    let off = Entitlement { is_enabled: false, ..limit("plan", Some(1000)) };
    assert_eq!(first(&off, &stub), None);
    for reset in [UsageResetPeriod::Daily, UsageResetPeriod::Never] {
        let other = Entitlement { usage_reset_period: Some(reset), ..limit("plan", Some(1000)) };
        assert_eq!(first(&other, &stub), None, "{reset}: the limit is not the period's");
    }
    assert_eq!(first(&limit("plan", Some(1000)), &self::stub(ProrationBehavior::None)), None);
    let full = Subscription { ..subscription(period("2025-05-01 2025-06-01")) };
    let full = Subscription {
        billing_cycle: BillingCycle::Calendar,
        billing_anchor: at("2025-06-01"),
        proration_behavior: ProrationBehavior::CreateProrations,
        ..full
    };
    assert_eq!(first(&limit("plan", Some(1000)), &full), None, "a whole period has the whole limit");
}

#[test]
fn an_override_takes_what_is_given_and_keeps_the_rest() {
    let contract = subscription(period("2026-01-01 2026-02-01"));
    let agreed = |agreed: EntitlementOverride, parent: &Entitlement| parent.overridden(&agreed, &contract, &Counting::default());
    let soft = Entitlement { is_soft_limit: true, display_order: 3, ..limit("plan", Some(10)) };
    let own = agreed(EntitlementOverride { usage_limit: Some(50), ..EntitlementOverride::default() }, &soft).unwrap();
    assert_eq!((own.usage_limit, own.usage_reset_period), (Some(50), Some(UsageResetPeriod::Monthly)));
    assert_eq!((own.is_soft_limit, own.display_order, own.is_enabled), (true, 3, true));
    assert_eq!((own.start_date, own.end_date), (Some(at("2026-01-01")), None));
    let unlimited = agreed(EntitlementOverride::default(), &soft).unwrap();
    assert_eq!(unlimited.usage_limit, None, "no limit given is no limit");
    let off = agreed(EntitlementOverride { is_enabled: Some(false), ..EntitlementOverride::default() }, &soft).unwrap();
    assert!(!off.is_enabled);
    let text = Entitlement { feature_type: FeatureType::Static, static_value: "gold".to_owned(), ..limit("plan", None) };
    let silver = EntitlementOverride { static_value: "silver".to_owned(), ..EntitlementOverride::default() };
    assert_eq!(agreed(silver.clone(), &text).unwrap().static_value, "silver");
    assert_eq!(agreed(EntitlementOverride::default(), &text).unwrap().static_value, "gold");
    for (given, parent, part) in [
        (EntitlementOverride { usage_limit: Some(1), ..EntitlementOverride::default() }, &text, "usage_limit does not go"),
        (silver, &soft, "static_value does not go"),
        (EntitlementOverride { usage_limit: Some(-1), ..EntitlementOverride::default() }, &soft, "0 or more"),
    ] {
        let refusal = agreed(given, parent).unwrap_err().to_string();
        assert!(refusal.contains(part), "{refusal}");
    }
}
