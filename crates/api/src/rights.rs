//! Which right each operation needs (spec 60 §2.4): one table, enforced in one place over the matched route. A mutating route without a
//! row is refused to everybody, so that a new one cannot be open by mistake.

use std::collections::HashMap;
use std::sync::LazyLock;

use app::{Context, Error};
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::platform::{Action, EntityType};
use http::Method;

use crate::error::ApiError;

/// What a caller must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Right {
    /// To make, change or remove such things.
    Write(EntityType),
    /// To look at such things; refused without.
    Read(EntityType),
    /// To look at such things; open to every caller of the tenant as long as reads are not restricted.
    Look(EntityType),
    /// To be a person with the role super_admin, and to write such things.
    Administer(EntityType),
}

use EntityType::{
    Costsheet, Customer, Entitlement, Environment, Event, Feature, Group, Invoice, Meter, Plan, Price, Secret, Setting, Subscription,
};
use Right::{Administer, Look, Read, Write};

/// Method, path as it is routed, and what it needs.
const TABLE: &[(&str, &str, Right)] = &[
    ("GET", "/v1/events", Look(Event)),
    ("POST", "/v1/events", Write(Event)),
    ("POST", "/v1/events/bulk", Write(Event)),
    ("POST", "/v1/events/analytics", Look(Event)),
    ("POST", "/v1/events/huggingface-billing", Look(Event)),
    ("POST", "/v1/events/huggingface-inference", Look(Event)),
    ("GET", "/v1/events/lookup", Look(Event)),
    ("GET", "/v1/events/monitoring", Look(Event)),
    ("POST", "/v1/events/query", Look(Event)),
    ("POST", "/v1/events/raw/bulk", Write(Event)),
    ("POST", "/v1/events/raw/reprocess/all", Write(Event)),
    ("POST", "/v1/events/raw/reprocess/pending", Write(Event)),
    ("POST", "/v1/events/usage", Look(Event)),
    ("POST", "/v1/events/usage/meter", Look(Event)),
    ("POST", "/v1/meter-usage/analytics", Look(Event)),
    ("POST", "/v1/meter-usage/detailed-analytics", Look(Event)),
    ("POST", "/v1/meter-usage/query", Look(Event)),
    ("GET", "/v1/customers", Look(Customer)),
    ("POST", "/v1/customers", Write(Customer)),
    ("PUT", "/v1/customers", Write(Customer)),
    ("POST", "/v1/customers/search", Look(Customer)),
    ("GET", "/v1/customers/lookup/{key}", Look(Customer)),
    ("GET", "/v1/customers/external/{external_id}", Look(Customer)),
    ("GET", "/v1/customers/external/{external_id}/subscriptions", Look(Subscription)),
    ("GET", "/v1/customers/{id}", Look(Customer)),
    ("PUT", "/v1/customers/{id}", Write(Customer)),
    ("DELETE", "/v1/customers/{id}", Write(Customer)),
    ("GET", "/v1/meters", Look(Meter)),
    ("POST", "/v1/meters", Write(Meter)),
    ("GET", "/v1/meters/{id}", Look(Meter)),
    ("PUT", "/v1/meters/{id}", Write(Meter)),
    ("DELETE", "/v1/meters/{id}", Write(Meter)),
    ("POST", "/v1/meters/{id}/disable", Write(Meter)),
    ("GET", "/v1/meters/{id}/backfill", Look(Meter)),
    ("POST", "/v1/meters/{id}/backfill", Write(Meter)),
    ("GET", "/v1/features", Look(Feature)),
    ("POST", "/v1/features", Write(Feature)),
    ("POST", "/v1/features/search", Look(Feature)),
    ("GET", "/v1/features/{id}", Look(Feature)),
    ("PUT", "/v1/features/{id}", Write(Feature)),
    ("DELETE", "/v1/features/{id}", Write(Feature)),
    ("POST", "/v1/features/{id}/clone", Write(Feature)),
    ("GET", "/v1/entitlements", Look(Entitlement)),
    ("POST", "/v1/entitlements", Write(Entitlement)),
    ("POST", "/v1/entitlements/bulk", Write(Entitlement)),
    ("POST", "/v1/entitlements/search", Look(Entitlement)),
    ("GET", "/v1/entitlements/{id}", Look(Entitlement)),
    ("PUT", "/v1/entitlements/{id}", Write(Entitlement)),
    ("DELETE", "/v1/entitlements/{id}", Write(Entitlement)),
    ("GET", "/v1/plans/{id}/entitlements", Look(Entitlement)),
    ("GET", "/v1/subscriptions/{id}/entitlements", Look(Entitlement)),
    ("GET", "/v1/customers/{id}/entitlements", Look(Entitlement)),
    ("GET", "/v1/customers/external/{external_id}/entitlements", Look(Entitlement)),
    ("GET", "/v1/customers/usage", Look(Entitlement)),
    ("GET", "/v1/customers/{id}/usage", Look(Entitlement)),
    ("POST", "/v1/groups", Write(Group)),
    ("POST", "/v1/groups/search", Look(Group)),
    ("GET", "/v1/groups/{id}", Look(Group)),
    ("DELETE", "/v1/groups/{id}", Write(Group)),
    ("GET", "/v1/plans", Look(Plan)),
    ("POST", "/v1/plans", Write(Plan)),
    ("POST", "/v1/plans/search", Look(Plan)),
    ("GET", "/v1/plans/{id}", Look(Plan)),
    ("PUT", "/v1/plans/{id}", Write(Plan)),
    ("DELETE", "/v1/plans/{id}", Write(Plan)),
    ("POST", "/v1/plans/{id}/clone", Write(Plan)),
    ("GET", "/v1/prices", Look(Price)),
    ("POST", "/v1/prices", Write(Price)),
    ("POST", "/v1/prices/bulk", Write(Price)),
    ("POST", "/v1/prices/preview", Look(Price)),
    ("POST", "/v1/prices/search", Look(Price)),
    ("GET", "/v1/prices/lookup/{lookup_key}", Look(Price)),
    ("GET", "/v1/prices/{id}", Look(Price)),
    ("PUT", "/v1/prices/{id}", Write(Price)),
    ("DELETE", "/v1/prices/{id}", Write(Price)),
    ("POST", "/v1/costs", Write(Costsheet)),
    ("POST", "/v1/costs/search", Look(Costsheet)),
    ("POST", "/v1/costs/analytics", Look(Costsheet)),
    ("GET", "/v1/costs/active", Look(Costsheet)),
    ("GET", "/v1/costs/{id}", Look(Costsheet)),
    ("PUT", "/v1/costs/{id}", Write(Costsheet)),
    ("DELETE", "/v1/costs/{id}", Write(Costsheet)),
    ("GET", "/v1/subscriptions", Look(Subscription)),
    ("POST", "/v1/subscriptions", Write(Subscription)),
    ("POST", "/v1/subscriptions/search", Look(Subscription)),
    ("POST", "/v1/subscriptions/usage", Look(Subscription)),
    ("GET", "/v1/subscriptions/{id}", Look(Subscription)),
    ("GET", "/v1/subscriptions/{id}/v2", Look(Subscription)),
    ("POST", "/v1/subscriptions/{id}/cancel", Write(Subscription)),
    ("GET", "/v1/subscriptions/{id}/schedules", Look(Subscription)),
    ("GET", "/v1/subscriptions/schedules", Look(Subscription)),
    ("GET", "/v1/subscriptions/schedules/{id}", Look(Subscription)),
    ("POST", "/v1/subscriptions/schedules/cancel", Write(Subscription)),
    ("POST", "/v1/subscriptions/schedules/{id}/cancel", Write(Subscription)),
    ("GET", "/v1/subscription-schedules", Look(Subscription)),
    ("GET", "/v1/subscription-schedules/{id}", Look(Subscription)),
    ("GET", "/v1/invoices", Look(Invoice)),
    ("POST", "/v1/invoices/search", Look(Invoice)),
    ("POST", "/v1/invoices/preview", Look(Invoice)),
    ("GET", "/v1/invoices/{id}", Look(Invoice)),
    ("GET", "/v1/invoices/{id}/explanation", Look(Invoice)),
    ("POST", "/v1/invoices/{id}/compute", Write(Invoice)),
    ("POST", "/v1/invoices/{id}/finalize", Write(Invoice)),
    ("GET", "/v1/environments", Read(Environment)),
    ("POST", "/v1/environments", Write(Environment)),
    ("GET", "/v1/environments/{id}", Read(Environment)),
    ("PUT", "/v1/environments/{id}", Write(Environment)),
    ("GET", "/v1/environments/{id}/clock", Read(Environment)),
    ("PUT", "/v1/environments/{id}/clock", Write(Environment)),
    ("DELETE", "/v1/environments/{id}/clock", Write(Environment)),
    ("POST", "/v1/environments/{id}/clock/advance", Write(Environment)),
    ("DELETE", "/v1/environments/{id}/clock/advance", Write(Environment)),
    ("GET", "/v1/secrets/api/keys", Read(Secret)),
    ("POST", "/v1/secrets/api/keys", Write(Secret)),
    ("DELETE", "/v1/secrets/api/keys/{id}", Write(Secret)),
    ("GET", "/v1/settings/{key}", Read(Setting)),
    ("PUT", "/v1/settings/{key}", Administer(Setting)),
    ("DELETE", "/v1/settings/{key}", Administer(Setting)),
];

/// Every operation that is routed, with its right; without one where the table has no row.
static OPERATIONS: LazyLock<HashMap<(Method, String), Option<Right>>> = LazyLock::new(|| {
    let rows: HashMap<(&str, &str), Right> = TABLE.iter().map(|(method, path, right)| ((*method, *path), *right)).collect();
    let routed = crate::contract::routed().into_iter();
    routed
        .map(|(method, path)| {
            let right = rows.get(&(method.as_str(), path.as_str())).copied();
            ((method, path), right)
        })
        .collect()
});

/// Refuses a caller who lacks the right that the matched route needs.
pub(crate) async fn authorize(request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<Context>();
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let refusal = match caller {
        Some(caller) => refusal(caller, request.method(), route),
        None => Some("the caller is unknown".to_owned()),
    };
    match refusal {
        None => next.run(request).await,
        Some(reason) => ApiError(Error::PermissionDenied(format!("insufficient permissions: {reason}"))).into_response(),
    }
}

/// Why a caller may not, in words; `None` when it may.
fn refusal(caller: &Context, method: &Method, route: &str) -> Option<String> {
    let actor = &caller.actor;
    let needs = |entity: EntityType, action: Action| {
        (!actor.may(entity, action)).then(|| format!("this needs {entity}:{action}, which none of the caller's roles grants"))
    };
    let asked = if method == Method::HEAD { Method::GET } else { method.clone() };
    // What is no operation is answered by whoever says so: 404, 405 or 501.
    let operation = OPERATIONS.get(&(asked, route.to_owned()))?;
    match operation {
        Some(Right::Write(entity)) => needs(*entity, Action::Write),
        Some(Right::Read(entity)) => needs(*entity, Action::Read),
        Some(Right::Administer(_)) if !actor.is_super_admin_user() => {
            Some("this needs a user with the role super_admin; a service account will not do".to_owned())
        }
        Some(Right::Administer(entity)) => needs(*entity, Action::Write),
        Some(Right::Look(_)) => None,
        None if method == Method::GET => None,
        None => Some(format!("no right is known for {method} {route}")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A route without a row is refused to all; a row without a route is a slip.
    #[test]
    fn every_routed_operation_has_a_row_and_every_row_a_route() {
        let routed: BTreeSet<String> = crate::contract::routed().into_iter().map(|(method, path)| format!("{method} {path}")).collect();
        let rows: BTreeSet<String> = TABLE.iter().map(|(method, path, _)| format!("{method} {path}")).collect();
        assert_eq!(rows.len(), TABLE.len(), "a route stands in the table twice");
        assert_eq!(rows, routed);
    }

    /// What changes something is never open to those who may only look.
    #[test]
    fn only_questions_are_open() {
        let questions = ["/search", "/query", "/usage", "/usage/meter", "/analytics", "/detailed-analytics", "/preview"];
        for (method, path, right) in TABLE {
            let asks = *method == "GET" || questions.iter().any(|end| path.ends_with(end)) || path.contains("/huggingface-");
            assert_eq!(asks, matches!(right, Look(_) | Read(_)), "{method} {path}");
        }
    }
}
