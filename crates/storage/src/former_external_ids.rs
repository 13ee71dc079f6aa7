//! External ids that published customers had before. Each belongs to one customer of a scope while it is kept.

use std::collections::HashMap;

use domain::ids::CustomerId;
use domain::scope::Scope;

use crate::{Source, Sql, StoreError, UnitOfWork};

/// Keeps one for a customer. A conflict when another has it.
pub async fn keep(work: &mut UnitOfWork, scope: &Scope, customer: &CustomerId, external_id: &str) -> Result<(), StoreError> {
    let sql = Sql::new("INSERT INTO former_external_ids (tenant_id, environment_id, external_id, customer_id) VALUES (");
    let sql = sql.bind(&scope.tenant_id).push(", ").bind(&scope.environment_id).push(", ").bind(&external_id.to_owned());
    work.execute(sql.push(", ").bind(customer).push(")")).await.map(|_| ())
}

/// Gives one of a customer back.
pub async fn give_back(work: &mut UnitOfWork, scope: &Scope, customer: &CustomerId, external_id: &str) -> Result<(), StoreError> {
    let sql = Sql::new("DELETE FROM former_external_ids WHERE ").scoped(scope).push(" AND customer_id = ").bind(customer);
    work.execute(sql.push(" AND external_id = ").bind(&external_id.to_owned())).await.map(|_| ())
}

/// Gives all of a customer back.
pub async fn give_back_all(work: &mut UnitOfWork, scope: &Scope, customer: &CustomerId) -> Result<(), StoreError> {
    let sql = Sql::new("DELETE FROM former_external_ids WHERE ").scoped(scope).push(" AND customer_id = ").bind(customer);
    work.execute(sql).await.map(|_| ())
}

/// Whose each of these was; those that nobody had are left out.
pub async fn owners(source: &mut impl Source, scope: &Scope, external_ids: &[String]) -> Result<HashMap<String, CustomerId>, StoreError> {
    if external_ids.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = Sql::new("SELECT external_id, customer_id FROM former_external_ids WHERE ").scoped(scope).push(" AND external_id IN ");
    let sql = sql.bind_list(external_ids.iter().map(|id| crate::Value::Text(id.clone())));
    source.fetch(sql).await?.iter().map(|row| Ok((row.get("external_id")?, row.get("customer_id")?))).collect()
}
