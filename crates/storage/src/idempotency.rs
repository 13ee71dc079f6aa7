//! Answers of requests that carried an idempotency key: written with the state they changed, replayed to a repetition.

use domain::scope::Scope;
use domain::time::Timestamp;

use crate::{Source, Sql, StoreError, UnitOfWork, Value};

/// The answer to a request with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// The client's key.
    pub key: String,
    /// SHA-256 over method, path and body: the same key with another request is refused.
    pub fingerprint: String,
    /// The HTTP status of the answer.
    pub response_status: i64,
    /// The body of the answer.
    pub response_body: String,
    /// When it was given, by the system's clock.
    pub created_at: Timestamp,
}

/// Keeps an answer. A conflict means that a concurrent request with the same key was first.
pub async fn remember(work: &mut UnitOfWork, scope: &Scope, record: &IdempotencyRecord) -> Result<(), StoreError> {
    let sql = Sql::new(
        "INSERT INTO idempotency_records (tenant_id, environment_id, idempotency_key, fingerprint, response_status, response_body, \
         created_at) VALUES ",
    );
    let values = [
        Value::Text(scope.tenant_id.to_string()),
        Value::Text(scope.environment_id.to_string()),
        Value::Text(record.key.clone()),
        Value::Text(record.fingerprint.clone()),
        Value::Int(record.response_status),
        Value::Text(record.response_body.clone()),
        Value::Time(record.created_at),
    ];
    work.execute(sql.bind_list(values)).await.map(|_| ())
}

/// The answer that was given under a key.
pub async fn recall(source: &mut impl Source, scope: &Scope, key: &str) -> Result<Option<IdempotencyRecord>, StoreError> {
    let sql = Sql::new("SELECT idempotency_key, fingerprint, response_status, response_body, created_at FROM idempotency_records WHERE ");
    let rows = source.fetch(sql.scoped(scope).push(" AND idempotency_key = ").bind(&key.to_owned())).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(IdempotencyRecord {
        key: row.get("idempotency_key")?,
        fingerprint: row.get("fingerprint")?,
        response_status: row.get("response_status")?,
        response_body: row.get("response_body")?,
        created_at: row.get("created_at")?,
    }))
}

/// Forgets answers given before an instant, and returns how many.
pub async fn forget_before(work: &mut UnitOfWork, before: Timestamp) -> Result<u64, StoreError> {
    work.execute(Sql::new("DELETE FROM idempotency_records WHERE created_at < ").bind(&before)).await
}
