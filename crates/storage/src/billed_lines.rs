//! What the invoices of a subscription charge already, and how many invoices there are.

use domain::ids::{InvoiceId, SubscriptionId};
use domain::invoice::{BilledLine, InvoiceStatus};
use domain::scope::Scope;
use domain::time::{Period, Timestamp};

use crate::{Source, Sql, StoreError};

const SELECT: &str = "SELECT line.price_id, line.period_start, line.period_end, invoice.period_start AS invoice_start, \
                      invoice.period_end AS invoice_end FROM invoices AS invoice JOIN invoice_line_items AS line \
                      ON line.tenant_id = invoice.tenant_id AND line.environment_id = invoice.environment_id AND line.invoice_id = invoice.id \
                      WHERE invoice.tenant_id = ";

const CONDITIONS: &str = " AND invoice.invoice_type = 'SUBSCRIPTION' AND invoice.invoice_status IN ('DRAFT', 'FINALIZED') \
                          AND invoice.status = 'published' AND line.status = 'published' AND line.price_id IS NOT NULL \
                          AND line.period_start IS NOT NULL AND line.period_end IS NOT NULL AND invoice.period_start IS NOT NULL \
                          AND invoice.period_end IS NOT NULL AND invoice.id <> ";

/// Lines on draft and final invoices of a subscription, other than `except`, whose own period or whose invoice's period ends after `from`.
pub async fn of_subscription(
    source: &mut impl Source,
    scope: &Scope,
    subscription: &SubscriptionId,
    except: Option<&InvoiceId>,
    from: Timestamp,
) -> Result<Vec<BilledLine>, StoreError> {
    let rows = source.fetch(statement(scope, subscription, except, from)).await?;
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

fn statement(scope: &Scope, subscription: &SubscriptionId, except: Option<&InvoiceId>, from: Timestamp) -> Sql {
    // Two questions, each answered by an index from the instant on: what an invoice or a line may end behind it is little, however long the
    // contract has run. The first takes invoices, the second lines that reach further than their invoice; what both find is one row.
    let sql = Sql::new(SELECT).bind(&scope.tenant_id).push(" AND invoice.environment_id = ").bind(&scope.environment_id);
    let sql = sql.push(" AND invoice.subscription_id = ").bind(subscription).push(" AND invoice.period_end >= ").bind(&from);
    let sql = sql.push(CONDITIONS).bind(&except.cloned().unwrap_or_default()).push(" UNION ");
    let sql = sql.push(SELECT).bind(&scope.tenant_id).push(" AND invoice.environment_id = ").bind(&scope.environment_id);
    let sql = sql.push(" AND line.tenant_id = ").bind(&scope.tenant_id).push(" AND line.environment_id = ").bind(&scope.environment_id);
    let sql = sql.push(" AND line.subscription_id = ").bind(subscription).push(" AND line.period_end >= ").bind(&from);
    sql.push(CONDITIONS).bind(&except.cloned().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Database, DatabaseOptions};

    /// The time for a period's invoice must not grow with the number of those before: neither question reads what ended before the instant.
    #[tokio::test]
    async fn invoices_that_ended_before_are_not_read() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut database = Database::open(&dir.path().join("test.db"), &DatabaseOptions::default()).await.expect("a database");
        database.migrate().await.expect("a schema");
        let scope = Scope { tenant_id: "t".into(), environment_id: "e".into() };
        let asked = statement(&scope, &"subs".into(), None, Timestamp::from_micros(1));
        let explained = Sql { text: format!("EXPLAIN QUERY PLAN {}", asked.text), ..asked };
        let rows = database.fetch(explained).await.expect("a plan");
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail").expect("text")).collect();
        let plan = plan.join("\n");
        for by_end in ["invoices_by_subscription_end", "invoice_line_items_by_subscription_end"] {
            let bounded = format!("USING INDEX {by_end} (tenant_id=? AND environment_id=? AND subscription_id=? AND period_end>?)");
            assert!(plan.contains(&bounded), "{bounded} is missing from\n{plan}");
        }
        assert!(!plan.contains("SCAN invoice") && !plan.contains("SCAN line"), "{plan}");
    }
}
