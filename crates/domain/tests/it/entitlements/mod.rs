//! Entitlements: what several amount to, when limits begin anew, what is free on an invoice.

/// What comes off the counted quantity.
mod allowances;

/// What several entitlements on one feature amount to.
mod effective;

/// What a contract has of its own.
mod of_subscription;

/// When limits begin anew.
mod renewals;

use domain::catalog::FeatureType;
use domain::entitlement::{Entitlement, EntitlementEntityType, Source};
use serde_json::Map;

use crate::support::audit;

/// A limit of the plan on the feature `feat_1`, by its id.
fn limit(id: &str, usage_limit: Option<i64>) -> Entitlement {
    Entitlement {
        id: id.into(),
        entity_type: EntitlementEntityType::Plan,
        entity_id: "plan_1".to_owned(),
        feature_id: "feat_1".into(),
        feature_type: FeatureType::Metered,
        is_enabled: true,
        usage_limit,
        usage_reset_period: None,
        is_soft_limit: false,
        static_value: String::new(),
        config_value: Map::new(),
        display_order: 0,
        parent_entitlement_id: None,
        start_date: None,
        end_date: None,
        audit: audit(),
    }
}

fn source(entitlement: Entitlement) -> Source {
    Source { entitlement, subscription_id: "subs_1".into() }
}
