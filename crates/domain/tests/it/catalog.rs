//! What is sold: features with their units and alerts (spec 20 §3).

use domain::catalog::{AlertCondition, AlertSettings, AlertThreshold, Feature, FeatureType, ReportingUnit};
use domain::invalid::Invalid;
use domain::money::Decimal;

use crate::support::audit;

fn feature() -> Feature {
    Feature {
        id: "feat_1".into(),
        name: "Tokens".to_owned(),
        lookup_key: "tokens".to_owned(),
        description: String::new(),
        kind: FeatureType::Static,
        meter_id: None,
        unit_singular: String::new(),
        unit_plural: String::new(),
        reporting_unit: None,
        alert_settings: None,
        group_id: None,
        metadata: std::collections::BTreeMap::new(),
        audit: audit(),
    }
}

fn unit(singular: &str, plural: &str, rate: i64) -> ReportingUnit {
    ReportingUnit { unit_singular: singular.to_owned(), unit_plural: plural.to_owned(), conversion_rate: Decimal::from(rate) }
}

/// `above 10`, or nothing.
fn threshold(text: &str) -> Option<AlertThreshold> {
    let (condition, threshold) = text.split_once(' ')?;
    Some(AlertThreshold { threshold: threshold.parse().unwrap(), condition: AlertCondition::parse(condition).unwrap() })
}

fn alerts(info: &str, warning: &str, critical: &str, alert_enabled: Option<bool>) -> AlertSettings {
    AlertSettings { critical: threshold(critical), warning: threshold(warning), info: threshold(info), alert_enabled }
}

/// The fields that a refusal names, in order.
fn fields(outcome: Result<(), Invalid>) -> Vec<String> {
    let Err(refusal) = outcome else { return Vec::new() };
    let faults = if refusal.faults.is_empty() { vec![refusal] } else { refusal.faults };
    faults.into_iter().map(|fault| fault.details["field"].clone()).collect()
}

#[test]
fn thresholds_run_from_info_over_warning_to_critical() {
    for (info, warning, critical, enabled, refused) in [
        ("", "", "", None, vec![]),
        ("", "", "", Some(false), vec![]),
        ("", "", "", Some(true), vec!["alert_settings.alert_enabled"]),
        ("above 1", "", "", Some(true), vec![]),
        ("", "", "below 1", Some(true), vec![]),
        ("", "above 2", "", None, vec!["alert_settings.critical"]),
        ("above 1", "above 2", "above 3", Some(true), vec![]),
        ("above 1", "above 1", "above 1", None, vec![]),
        ("above 2", "above 1", "above 3", None, vec!["alert_settings"]),
        ("above 1", "above 4", "above 3", None, vec!["alert_settings"]),
        ("above 4", "", "above 3", None, vec!["alert_settings"]),
        ("below 3", "below 2", "below 1", None, vec![]),
        ("below 1", "below 1", "below 1", None, vec![]),
        ("below 1", "below 2", "below 1", None, vec!["alert_settings"]),
        ("below 3", "", "below 4", None, vec!["alert_settings"]),
        ("below 1", "above 2", "above 3", None, vec!["alert_settings"]),
        ("above 1", "above 2", "below 3", None, vec!["alert_settings"]),
    ] {
        assert_eq!(fields(alerts(info, warning, critical, enabled).validate()), refused, "{info}, {warning}, {critical}, {enabled:?}");
        let feature = Feature { alert_settings: Some(alerts(info, warning, critical, enabled)), ..feature() };
        assert_eq!(fields(feature.validate()), refused, "as of a feature");
    }
}

#[test]
fn an_update_of_alerts_takes_each_threshold_that_it_gives() {
    let mut settings = alerts("above 1", "above 2", "above 3", None);
    settings.merge(alerts("", "above 5", "", None));
    assert_eq!(settings, alerts("above 1", "above 5", "above 3", Some(false)), "off unless somebody says otherwise");
    settings.merge(alerts("above 4", "", "above 6", Some(true)));
    assert_eq!(settings, alerts("above 4", "above 5", "above 6", Some(true)));
    settings.merge(AlertSettings::default());
    assert_eq!(settings, alerts("above 4", "above 5", "above 6", Some(true)));
}

#[test]
fn usage_is_shown_in_another_unit_by_division() {
    for (usage, rate, shown) in [("90000", 60, "1500"), ("1", 3, "0.33"), ("2", 3, "0.67"), ("-5", 1000, "-0.01"), ("0", 7, "0")] {
        assert_eq!(unit("hour", "hours", rate).convert(&usage.parse().unwrap()).to_string(), shown, "{usage} / {rate}");
    }
}

#[test]
fn units_come_in_pairs_and_rates_are_above_zero() {
    let with = |singular: &str, plural: &str| Feature { unit_singular: singular.to_owned(), unit_plural: plural.to_owned(), ..feature() };
    assert_eq!(fields(with("token", "tokens").validate()), [""; 0]);
    assert_eq!(fields(with("token", "").validate()), ["unit_plural"]);
    assert_eq!(fields(with("", "tokens").validate()), ["unit_singular"]);
    for (unit, refused) in [
        (unit("hour", "hours", 60), vec![]),
        (unit("", "hours", 60), vec!["reporting_unit"]),
        (unit("hour", "", 60), vec!["reporting_unit"]),
        (unit("hour", "hours", 0), vec!["reporting_unit.conversion_rate"]),
        (unit("", "", -1), vec!["reporting_unit", "reporting_unit.conversion_rate"]),
    ] {
        assert_eq!(fields(Feature { reporting_unit: Some(unit.clone()), ..feature() }.validate()), refused, "{unit:?}");
    }
    assert_eq!(fields(Feature { name: " ".to_owned(), ..feature() }.validate()), ["name"]);
}
