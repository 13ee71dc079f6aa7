//! Tables and columns of the domain's things, and of the platform's own.

mod environment;
mod secret;
mod setting;

pub use environment::{Environment, EnvironmentType, all_environments};
pub use secret::{Secret, SecretType, secret_by_hash};
pub use setting::StoredSetting;

use domain::catalog::{Feature, Group, Plan};
use domain::cost::Costsheet;
use domain::customer::Customer;
use domain::entitlement::Entitlement;
use domain::event::RawReprocess;
use domain::invoice::{Invoice, InvoiceLineItem, Totals};
use domain::meter::{Meter, MeterBackfill};
use domain::rating::Price;
use domain::subscription::{Subscription, SubscriptionLineItem, SubscriptionSchedule};

use crate::record::record;

record!(Customer in "customers" {
    id, external_id, former_external_ids, name, email, contact, address_line1, address_line2, address_city, address_state, address_postal_code,
    address_country, timezone, metadata,
});

record!(Meter in "meters" { id, name, event_name, aggregation, filters, reset_usage });

record!(MeterBackfill in "meter_backfills" {
    id, meter_id, start_time, end_time, backfill_status, events_read, entries_added, events_failed, last_failure, cursor_time, cursor_id,
    finished_at,
});

record!(RawReprocess in "raw_reprocesses" {
    id, reprocess_mode, start_time, end_time, batch_size, external_customer_ids, event_names, event_ids, reprocess_status, events_read,
    events_ingested, cursor_time, cursor_id, finished_at,
});

record!(Feature in "features" {
    id, name, lookup_key, description, kind, meter_id, unit_singular, unit_plural, reporting_unit, alert_settings, group_id, metadata,
});

record!(Group in "groups" { id, name, lookup_key, entity_type, metadata });

record!(Entitlement in "entitlements" {
    id, entity_type, entity_id, feature_id, feature_type, is_enabled, usage_limit, usage_reset_period, is_soft_limit, static_value,
    config_value, display_order, parent_entitlement_id, start_date, end_date,
});

record!(Plan in "plans" { id, name, lookup_key, description, display_order, metadata });

record!(Costsheet in "costsheets" { id, name, lookup_key, description, metadata });

record!(Price in "prices" {
    id, display_name, description, lookup_key, entity_type, entity_id, kind, currency, price_unit_type, billing_model, amount, tier_mode,
    tiers, transform_quantity, billing_period, billing_period_count, invoice_cadence, meter_id, trial_period_days, min_quantity,
    start_date, end_date, parent_price_id, group_id, metadata, sequence,
});

record!(Subscription in "subscriptions" {
    id, lookup_key, customer_id, invoicing_customer_id, plan_id, subscription_status, subscription_type, currency, billing_anchor,
    billing_cycle, billing_period, billing_period_count, start_date, end_date, current_period_start, current_period_end, cancelled_at,
    cancel_at, cancel_at_period_end, timezone, collection_method, payment_behavior, payment_terms, proration_behavior,
    synced_price_sequence, metadata, version,
});

record!(SubscriptionLineItem in "subscription_line_items" {
    id, subscription_id, customer_id, entity_type, entity_id, plan_display_name, price_id, price_type, meter_id, meter_display_name,
    display_name, quantity, currency, billing_period, billing_period_count, invoice_cadence, start_date, end_date, metadata,
});

record!(SubscriptionSchedule in "subscription_schedules" {
    id, subscription_id, schedule_type, schedule_status, scheduled_at, executed_at, cancelled_at, configuration,
});

record!(Invoice in "invoices" {
    id, customer_id, subscription_customer_id, subscription_id, invoice_type, invoice_status, payment_status, billing_reason, currency,
    invoice_number, billing_sequence, description, billing_period, period_start, period_end, due_date, issue_date, last_computed_at,
    finalized_at, voided_at, paid_at, idempotency_key, metadata, version,
}; totals: Totals {
    subtotal, total_discount, total_prepaid_credits_applied, total_tax, total, adjustment_amount, amount_due, amount_paid,
    amount_remaining, refunded_amount,
});

record!(InvoiceLineItem in "invoice_line_items" {
    id, invoice_id, customer_id, subscription_id, subscription_line_item_id, entity_type, entity_id, plan_display_name, price_id,
    price_type, meter_id, meter_display_name, display_name, amount, quantity, currency, period_start, period_end, explanation, metadata,
});
