//! Records to store: the smallest that say something.

use std::collections::BTreeMap;

use domain::catalog::{Group, GroupEntityType, Plan};
use domain::customer::Customer;
use domain::invoice::{BillingReason, Invoice, InvoiceStatus, InvoiceType, PaymentStatus, Totals};
use domain::money::Currency;
use domain::scope::{Audit, Scope, Status};
use domain::time::Timestamp;
use storage::{Condition, Database, ListQuery, Record, UnitOfWork};

pub(crate) fn scope() -> Scope {
    Scope { tenant_id: "tenant".into(), environment_id: "sandbox".into() }
}

/// Neighbours that must never be seen: another environment of the tenant, and another tenant with an environment of the same name.
pub(crate) fn neighbours() -> [Scope; 2] {
    [
        Scope { tenant_id: "tenant".into(), environment_id: "production".into() },
        Scope { tenant_id: "other".into(), environment_id: "sandbox".into() },
    ]
}

/// A second of the day on which all tests happen.
pub(crate) fn at(seconds: i64) -> Timestamp {
    "2024-06-01T00:00:00Z".parse::<Timestamp>().expect("a time").plus_seconds(seconds)
}

pub(crate) fn audit_in(scope: &Scope, created: i64) -> Audit {
    Audit {
        scope: scope.clone(),
        status: Status::Published,
        created_at: at(created),
        updated_at: at(created),
        created_by: "user".into(),
        updated_by: String::new(),
    }
}

pub(crate) fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

pub(crate) fn customer(id: &str) -> Customer {
    customer_in(&scope(), id)
}

pub(crate) fn customer_in(scope: &Scope, id: &str) -> Customer {
    Customer {
        id: id.into(),
        external_id: format!("external-{id}"),
        former_external_ids: Vec::new(),
        name: format!("Customer {id}"),
        email: String::new(),
        contact: String::new(),
        address_line1: String::new(),
        address_line2: String::new(),
        address_city: String::new(),
        address_state: String::new(),
        address_postal_code: String::new(),
        address_country: String::new(),
        timezone: "UTC".into(),
        metadata: BTreeMap::new(),
        audit: audit_in(scope, 0),
    }
}

pub(crate) fn plan(id: &str, lookup_key: &str) -> Plan {
    Plan {
        id: id.into(),
        name: format!("Plan {id}"),
        lookup_key: lookup_key.into(),
        description: String::new(),
        display_order: 0,
        metadata: BTreeMap::new(),
        audit: audit_in(&scope(), 0),
    }
}

pub(crate) fn group(id: &str) -> Group {
    Group {
        id: id.into(),
        name: String::new(),
        lookup_key: String::new(),
        entity_type: GroupEntityType::Price,
        metadata: BTreeMap::new(),
        audit: audit_in(&scope(), 0),
    }
}

pub(crate) fn invoice(id: &str) -> Invoice {
    Invoice {
        id: id.into(),
        customer_id: "cust_1".into(),
        subscription_customer_id: None,
        subscription_id: None,
        invoice_type: InvoiceType::Subscription,
        invoice_status: InvoiceStatus::Draft,
        payment_status: PaymentStatus::Pending,
        billing_reason: BillingReason::SubscriptionCycle,
        currency: Currency::parse("usd").expect("a currency"),
        totals: Totals::default(),
        invoice_number: String::new(),
        billing_sequence: 0,
        description: String::new(),
        billing_period: "MONTHLY".into(),
        period_start: None,
        period_end: None,
        due_date: None,
        issue_date: at(0),
        last_computed_at: None,
        finalized_at: None,
        voided_at: None,
        paid_at: None,
        idempotency_key: String::new(),
        metadata: BTreeMap::new(),
        version: 1,
        audit: audit_in(&scope(), 0),
    }
}

/// Opens a unit of work.
pub(crate) async fn begin(database: &Database) -> UnitOfWork {
    database.begin().await.expect("a unit of work")
}

/// Stores records and commits.
pub(crate) async fn store<R: Record + Sync>(database: &Database, records: &[R]) {
    let mut work = begin(database).await;
    storage::insert_all(&mut work, records).await.expect("inserted");
    work.commit().await.expect("committed");
}

/// A record as others see it.
pub(crate) async fn seen<R: Record>(database: &Database, id: &str) -> Option<R> {
    storage::get(&mut database.clone(), &scope(), id).await.expect("read")
}

/// Everything that meets some conditions, by id; no more than a page.
pub(crate) fn everything(conditions: Vec<Condition>) -> ListQuery {
    ListQuery { conditions, sort: vec![], limit: 1_000, offset: 0 }
}
