//! What the invoices of a subscription charge already, and how many invoices there are.

use domain::ids::{InvoiceId, SubscriptionId};
use domain::invoice::{BilledLine, InvoiceStatus};
use domain::scope::Scope;
use domain::time::{Period, Timestamp};

use crate::{Source, Sql, StoreError};

/// Lines on draft and final invoices of a subscription, other than `except`, whose own period or whose invoice's period ends after `from`.
pub async fn of_subscription(
    source: &mut impl Source,
    scope: &Scope,
    subscription: &SubscriptionId,
    except: Option<&InvoiceId>,
    from: Timestamp,
) -> Result<Vec<BilledLine>, StoreError> {
    let sql = Sql::new(
        "SELECT line.price_id, line.period_start, line.period_end, invoice.period_start AS invoice_start, \
         invoice.period_end AS invoice_end FROM invoices AS invoice JOIN invoice_line_items AS line \
         ON line.tenant_id = invoice.tenant_id AND line.environment_id = invoice.environment_id AND line.invoice_id = invoice.id \
         WHERE invoice.tenant_id = ",
    );
    let sql = sql.bind(&scope.tenant_id).push(" AND invoice.environment_id = ").bind(&scope.environment_id);
    let sql = sql.push(" AND invoice.subscription_id = ").bind(subscription);
    let sql = sql.push(
        " AND invoice.invoice_type = 'SUBSCRIPTION' AND invoice.invoice_status IN ('DRAFT', 'FINALIZED') \
         AND invoice.status = 'published' AND line.status = 'published' AND line.price_id IS NOT NULL \
         AND line.period_start IS NOT NULL AND line.period_end IS NOT NULL AND invoice.period_start IS NOT NULL \
         AND invoice.period_end IS NOT NULL AND invoice.id <> ",
    );
    let sql = sql.bind(&except.cloned().unwrap_or_default()).push(" AND (line.period_end >= ").bind(&from);
    let sql = sql.push(" OR invoice.period_end >= ").bind(&from).push(")");
    let rows = source.fetch(sql).await?;
    rows.iter()
        .map(|row| {
            Ok(BilledLine {
                price_id: row.get("price_id")?,
                period: Period::new(row.get("period_start")?, row.get("period_end")?),
                invoice_period: Period::new(row.get("invoice_start")?, row.get("invoice_end")?),
            })
        })
        .collect()
}

/// How many invoices there are in each status, over all scopes. The time this takes grows with their number.
pub async fn invoices_by_status(source: &mut impl Source) -> Result<Vec<(InvoiceStatus, i64)>, StoreError> {
    let sql = "SELECT invoice_status, COUNT(*) AS total FROM invoices WHERE status = 'published' GROUP BY invoice_status";
    source.fetch(Sql::new(sql)).await?.iter().map(|row| Ok((row.get("invoice_status")?, row.get("total")?))).collect()
}
