//! Spec 20 §§9.2, 9.3 and worked case 17.

use domain::catalog::FeatureType;
use domain::entitlement::{Entitlement, EntitlementEntityType, UsageResetPeriod, in_force, merged};
use domain::scope::{Audit, Status};
use serde_json::{Map, json};

use super::{limit, source};
use crate::support::audit;
use crate::support::contracts::at;

const NOW: &str = "2026-03-10T12:00:00Z";

fn addon(id: &str, usage_limit: Option<i64>) -> Entitlement {
    Entitlement { entity_type: EntitlementEntityType::Addon, entity_id: "addon_1".to_owned(), ..limit(id, usage_limit) }
}

fn own(id: &str, parent: Option<&str>, usage_limit: Option<i64>) -> Entitlement {
    Entitlement {
        entity_type: EntitlementEntityType::Subscription,
        entity_id: "subs_1".to_owned(),
        parent_entitlement_id: parent.map(Into::into),
        ..limit(id, usage_limit)
    }
}

fn off(entitlement: Entitlement) -> Entitlement {
    Entitlement { is_enabled: false, ..entitlement }
}

fn until(entitlement: Entitlement, end: &str) -> Entitlement {
    Entitlement { end_date: Some(at(end)), ..entitlement }
}

fn from(entitlement: Entitlement, start: &str) -> Entitlement {
    Entitlement { start_date: Some(at(start)), ..entitlement }
}

fn archived(entitlement: Entitlement) -> Entitlement {
    Entitlement { audit: Audit { status: Status::Archived, ..audit() }, ..entitlement }
}

/// A sum of limits, none where one of them is none; `None` when nothing counts.
type Total = Option<Option<i64>>;

/// The sum of what counts now.
fn total(given: Vec<Entitlement>) -> Total {
    merged(in_force(given, at(NOW)).into_iter().map(source)).first().map(|feature| feature.usage_limit)
}

#[test]
fn limits_add_up_and_an_override_takes_the_place_of_what_it_names() {
    let (plan, twice) = (limit("plan", Some(500)), [addon("addon", Some(200)), addon("addon", Some(200))]);
    let with = |more: Vec<Entitlement>| [vec![plan.clone()], twice.to_vec(), more].concat();
    let table: Vec<(&str, Vec<Entitlement>, Total)> = vec![
        ("an add-on counts once for each attachment", with(vec![]), Some(Some(900))),
        ("one row without limit lifts it", with(vec![addon("free", None)]), Some(None)),
        ("a disabled row is as if it were not there", [vec![off(plan.clone())], twice.to_vec()].concat(), Some(Some(400))),
        ("an override replaces the row it names", with(vec![own("own", Some("plan"), Some(50))]), Some(Some(450))),
        ("a row of the contract that replaces nothing adds", with(vec![own("own", None, Some(50))]), Some(Some(950))),
        ("an override that is off leaves nothing of it", with(vec![off(own("own", Some("plan"), Some(50)))]), Some(Some(400))),
        ("one that ends now is over", with(vec![until(own("own", Some("plan"), Some(50)), NOW)]), Some(Some(900))),
        ("one that ends later is not", with(vec![until(own("own", Some("plan"), Some(50)), "2026-03-11")]), Some(Some(450))),
        ("one that begins now counts", with(vec![from(own("own", Some("plan"), Some(50)), NOW)]), Some(Some(450))),
        ("one that begins later does not", with(vec![from(own("own", Some("plan"), Some(50)), "2026-03-11")]), Some(Some(900))),
        ("an archived row is gone", vec![archived(plan.clone())], None),
        ("a feature of which no row is left is gone", vec![off(plan.clone())], None),
    ];
    for (rule, given, expected) in table {
        assert_eq!(total(given), expected, "{rule}");
    }
}

#[test]
fn the_reset_period_is_what_most_rows_say_of_equally_many_the_first() {
    use UsageResetPeriod::{Daily, Monthly, Never};
    let merged_of = |periods: &[Option<UsageResetPeriod>]| {
        let rows = periods.iter().map(|period| source(Entitlement { usage_reset_period: *period, ..limit("e", Some(1)) }));
        merged(rows)[0].usage_reset_period
    };
    assert_eq!(merged_of(&[Some(Daily), Some(Monthly), Some(Monthly)]), Some(Monthly));
    assert_eq!(merged_of(&[Some(Never), Some(Daily), Some(Daily), Some(Never)]), Some(Never), "a tie goes to the first");
    assert_eq!(merged_of(&[None, None, Some(Daily)]), Some(Daily), "those that say nothing do not count");
    assert_eq!(merged_of(&[None]), None);
}

#[test]
fn switches_texts_and_objects_stand_beside_each_other() {
    let of = |kind, id: &str| Entitlement { feature_type: kind, feature_id: format!("{kind}").as_str().into(), ..limit(id, None) };
    let text = |value: &str| Entitlement { static_value: value.to_owned(), ..of(FeatureType::Static, value) };
    let object = |value: i64| {
        let config_value: Map<_, _> = [("seats".to_owned(), json!(value))].into_iter().collect();
        Entitlement { config_value, ..of(FeatureType::Config, "c") }
    };
    let rows = [text("gold"), object(1), text("silver"), text("gold"), of(FeatureType::Boolean, "b"), object(1)];
    let features = merged(rows.into_iter().map(source));
    let order: Vec<_> = features.iter().map(|feature| feature.feature_id.as_str()).collect();
    assert_eq!(order, ["static", "config", "boolean"], "in the order of their first source");
    assert_eq!(features[0].static_values, ["gold", "silver"], "each text once");
    assert_eq!(features[1].config_values.len(), 2, "each object");
    assert_eq!((features[0].sources.len(), features[0].usage_limit), (3, None));
}

#[test]
fn values_go_with_the_type_of_the_feature() {
    let metered = limit("e", Some(5));
    let of = |feature_type| Entitlement { feature_type, usage_limit: None, ..metered.clone() };
    let text = Entitlement { static_value: "gold".to_owned(), ..of(FeatureType::Static) };
    let object: Map<_, _> = [("a".to_owned(), json!(1))].into_iter().collect();
    let blank: Map<_, _> = [(" ".to_owned(), json!(1))].into_iter().collect();
    for good in [
        metered.clone(),
        limit("e", Some(0)),
        limit("e", None),
        text.clone(),
        of(FeatureType::Boolean),
        Entitlement { config_value: object.clone(), ..of(FeatureType::Config) },
    ] {
        assert_eq!(good.validate(), Ok(()), "{good:?}");
    }
    let long: Map<_, _> = [("a".to_owned(), json!("x".repeat(64 * 1024)))].into_iter().collect();
    for (bad, part) in [
        (Entitlement { config_value: long, ..of(FeatureType::Config) }, "at most 65536"),
        (Entitlement { is_soft_limit: true, usage_limit: Some(-1), ..text.clone() }, "3 things are wrong"),
        (limit("e", Some(-1)), "0 or more"),
        (of(FeatureType::Static), "static_value is required"),
        (Entitlement { usage_limit: Some(1), ..text.clone() }, "usage_limit goes with metered"),
        (Entitlement { usage_reset_period: Some(UsageResetPeriod::Daily), ..text.clone() }, "usage_reset_period goes with metered"),
        (Entitlement { is_soft_limit: true, ..text.clone() }, "is_soft_limit goes with metered"),
        (Entitlement { static_value: "gold".to_owned(), ..metered.clone() }, "static_value goes with static"),
        (Entitlement { config_value: object, ..metered.clone() }, "config_value goes with config"),
        (Entitlement { config_value: blank, ..of(FeatureType::Config) }, "must not be blank"),
        (until(from(metered.clone(), "2026-02-01"), "2026-02-01"), "after start_date"),
        (Entitlement { parent_entitlement_id: Some("ent_2".into()), ..metered }, "SUBSCRIPTION only"),
    ] {
        let refusal = bad.validate().unwrap_err().to_string();
        assert!(refusal.contains(part), "{refusal}");
    }
}
