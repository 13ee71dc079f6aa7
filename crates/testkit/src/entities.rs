//! The entities of the API and what the routes of all of them have in common: the one table that tests of conventions walk. A search,
//! a list or a route with an id that no row accounts for fails `conventions::entities` in the tests of `api`.

use serde_json::{Value, json};

use crate::World;
use crate::builders::fixed_price;

/// Makes the body of a request.
pub type Body = fn() -> Value;

/// What a test must know to call an entity's routes.
pub struct Entity {
    /// Where its routes are, after `/v1/`.
    pub path: &'static str,
    /// How one comes to be.
    pub made: Made,
    /// Parameters of paths that take the name it was made with instead of its id.
    pub names: &'static [&'static str],
    /// A body that changes one by PUT.
    pub change: Option<Body>,
    /// Whether DELETE archives or ends one.
    pub archived: bool,
    /// Whether GET lists them by pages.
    pub listed: bool,
    /// How POST searches them.
    pub search: Option<Search>,
    /// What else is done with one: the rest of the path, and a complete body.
    pub actions: &'static [(&'static str, Body)],
}

/// How an entity comes to be.
pub enum Made {
    /// By POST to its path, with a body out of what is there already and a name of its own; where the answer has the id.
    Posted(fn(&World, &str) -> Value, &'static str),
    /// Along with one of another path; where that answer has the id.
    With(&'static str, &'static str),
    /// It is there from the start; where the list has the id.
    There(&'static str),
    /// By an action on one of another path; what then lists it, below that one, and where the list has the id.
    By(&'static str, (&'static str, Body), (&'static str, &'static str)),
}

/// How a search is asked.
pub struct Search {
    /// The filter by ids.
    pub ids: &'static str,
    /// All that can be embedded, where anything can.
    pub expand: Option<&'static str>,
    /// What shows also those that are left out unless asked for, besides the status.
    pub everything: Body,
}

fn nothing() -> Value {
    json!({})
}

fn renamed() -> Value {
    json!({"name": "changed"})
}

fn described() -> Value {
    json!({"description": "changed"})
}

fn copied() -> Value {
    json!({"name": "copy", "lookup_key": "copy"})
}

/// A row with nothing but its path and how one is made.
const fn entity(path: &'static str, made: Made) -> Entity {
    Entity { path, made, names: &[], change: None, archived: false, listed: false, search: None, actions: &[] }
}

const fn search(ids: &'static str, expand: Option<&'static str>) -> Option<Search> {
    Some(Search { ids, expand, everything: nothing })
}

/// Under two paths, so the second finds what the first made.
const SCHEDULED: Made =
    Made::By("subscriptions", ("cancel", || json!({"cancellation_type": "end_of_period"})), ("schedules", "/schedules/0/id"));

/// Every entity, after those that it is made of.
pub const ENTITIES: &[Entity] = &[
    Entity {
        names: &["external_id", "key"],
        change: Some(renamed),
        archived: true,
        listed: true,
        search: search("customer_ids", Some("integrations")),
        ..entity("customers", Made::Posted(|_, name| json!({"external_id": name, "name": name, "metadata": {"a": "b"}}), "/id"))
    },
    Entity {
        change: Some(|| json!({"filters": [{"key": "k", "values": ["v"]}]})),
        archived: true,
        listed: true,
        actions: &[("backfill", nothing), ("disable", nothing)],
        ..entity("meters", Made::Posted(|_, name| meter(name), "/id"))
    },
    Entity {
        change: Some(described),
        archived: true,
        listed: true,
        search: search("feature_ids", Some("meters")),
        actions: &[("clone", copied)],
        ..entity(
            "features",
            Made::Posted(|_, name| json!({"name": name, "lookup_key": name, "type": "metered", "meter": meter(name)}), "/id"),
        )
    },
    Entity {
        archived: true,
        search: search("group_ids", None),
        ..entity("groups", Made::Posted(|_, name| json!({"name": name, "lookup_key": name, "entity_type": "price"}), "/id"))
    },
    Entity {
        change: Some(renamed),
        archived: true,
        listed: true,
        search: search("plan_ids", Some("prices.meters")),
        actions: &[("clone", copied)],
        ..entity("plans", Made::Posted(|_, name| json!({"name": name, "lookup_key": name}), "/id"))
    },
    Entity {
        change: Some(|| json!({"usage_limit": 7})),
        archived: true,
        listed: true,
        search: search("entitlement_ids", Some("features.meters,plans")),
        ..entity("entitlements", Made::Posted(entitlement, "/id"))
    },
    Entity {
        names: &["lookup_key"],
        change: Some(described),
        archived: true,
        listed: true,
        search: Some(Search { ids: "price_ids", expand: Some("meters,groups"), everything: || json!({"allow_expired_prices": true}) }),
        ..entity("prices", Made::Posted(|world, name| fixed_price(world.id("plans"), "10", "ADVANCE", json!({"lookup_key": name})), "/id"))
    },
    Entity {
        listed: true,
        search: Some(Search {
            ids: "subscription_ids",
            expand: Some("customer,subscription_line_items.prices.meters"),
            everything: || {
                let statuses = ["active", "cancelled", "incomplete", "trialing", "draft", "paused"];
                json!({"subscription_status": statuses, "expand": "subscription_line_items"})
            },
        }),
        actions: &[("cancel", || json!({"cancellation_type": "immediate"}))],
        ..entity("subscriptions", Made::Posted(subscription, "/id"))
    },
    entity("subscription-schedules", SCHEDULED),
    Entity { actions: &[("cancel", nothing)], ..entity("subscriptions/schedules", SCHEDULED) },
    Entity {
        listed: true,
        search: Some(Search {
            ids: "invoice_ids",
            expand: Some("subscription.plan"),
            everything: || json!({"invoice_status": ["DRAFT", "FINALIZED", "VOIDED", "SKIPPED"]}),
        }),
        actions: &[("compute", nothing), ("finalize", nothing)],
        ..entity("invoices", Made::With("subscriptions", "/latest_invoice/id"))
    },
    Entity {
        change: Some(renamed),
        archived: true,
        search: search("costsheet_ids", Some("prices.meters")),
        ..entity("costs", Made::Posted(|_, name| json!({"name": name, "lookup_key": name}), "/costsheet/id"))
    },
    Entity {
        change: Some(renamed),
        actions: &[("clock", || json!({"time": "2025-01-01T00:00:00Z"})), ("clock/advance", || json!({"to": "2025-01-01T00:00:00Z"}))],
        ..entity("environments", Made::There("/environments/0/id"))
    },
    Entity {
        archived: true,
        listed: true,
        ..entity("secrets/api/keys", Made::Posted(|_, name| json!({"name": name, "type": "private_key"}), "/secret/id"))
    },
];

/// Paths whose parameter names one of a fixed set instead of an entity: every environment has each of them. With one of the names.
pub const NAMED: &[(&str, &str)] = &[("settings", "invoice_config")];

fn meter(name: &str) -> Value {
    json!({"name": name, "event_name": name, "aggregation": {"type": "COUNT"}, "reset_usage": "BILLING_PERIOD"})
}

/// With an end: of those without, a plan has one of a feature.
fn entitlement(world: &World, _: &str) -> Value {
    json!({
        "plan_id": world.id("plans"), "feature_id": world.id("features"), "feature_type": "metered", "usage_limit": 100,
        "usage_reset_period": "MONTHLY", "end_date": "2099-01-01T00:00:00Z",
    })
}

fn subscription(world: &World, _: &str) -> Value {
    json!({
        "customer_id": world.id("customers"), "plan_id": world.id("plans"), "currency": "usd", "billing_period": "MONTHLY",
        "start_date": "2025-01-01T00:00:00Z",
    })
}

impl Entity {
    /// The entity of a path after `/v1/`.
    pub fn at(path: &str) -> &'static Self {
        ENTITIES.iter().find(|entity| entity.path == path).unwrap_or_else(|| panic!("{path} has no row in testkit's ENTITIES"))
    }

    /// The entity whose route this is: its own path, or one below it.
    pub(crate) fn of_route(path: &str) -> Option<&'static Self> {
        let is_below = |entity: &&Self| path.strip_prefix(entity.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        ENTITIES.iter().filter(is_below).max_by_key(|entity| entity.path.len())
    }
}
