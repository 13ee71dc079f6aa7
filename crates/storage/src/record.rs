//! Things of the domain as rows: declared once, read and written by one set of functions.

use domain::scope::{Audit, Scope, Status};

use crate::cell::{Cell, Kind};
use crate::list::{Condition, ListQuery, Page, ordered};
use crate::sql::Keeps;
use crate::{Row, Source, Sql, StoreError, UnitOfWork, Value};

/// A column: its name and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// The database's name of it.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

impl Column {
    /// The column that a field is kept in.
    pub(crate) const fn of<R, T: Cell>(name: &'static str, _field: fn(&R) -> &T) -> Self {
        Self { name, kind: T::KIND }
    }
}

/// A thing of the domain with a table of its own. Every table has id, scope, status and audit columns.
pub trait Record: Sized + Send {
    /// The table.
    const TABLE: &'static str;
    /// Its own columns, `id` first.
    const COLUMNS: &'static [Column];

    /// The values of its own columns, in their order.
    fn values(&self) -> Vec<Value>;
    /// Scope, status, dates.
    fn audit(&self) -> &Audit;
    /// Scope, status, dates, to be changed.
    fn audit_mut(&mut self) -> &mut Audit;
    /// From a row that holds all columns.
    fn from_row(row: &Row) -> Result<Self, StoreError>;
}

/// Columns of the audit, which every table has after its own.
pub const AUDIT_COLUMNS: &[Column] = &[
    Column::of("tenant_id", |audit: &Audit| &audit.scope.tenant_id),
    Column::of("environment_id", |audit: &Audit| &audit.scope.environment_id),
    Column::of("status", |audit: &Audit| &audit.status),
    Column::of("created_at", |audit: &Audit| &audit.created_at),
    Column::of("updated_at", |audit: &Audit| &audit.updated_at),
    Column::of("created_by", |audit: &Audit| &audit.created_by),
    Column::of("updated_by", |audit: &Audit| &audit.updated_by),
];

/// Declares the table and columns of a record. A column bears the name of its field and holds what the field's type does; the fields of
/// a nested struct stand after `;`.
macro_rules! record {
    ($type:ident in $table:literal { $($field:ident),+ $(,)? } $(; $nest:ident: $nest_type:ident { $($inner:ident),+ $(,)? })?) => {
        impl $crate::Record for $type {
            const TABLE: &'static str = $table;
            const COLUMNS: &'static [$crate::Column] = &[
                $($crate::Column::of(stringify!($field), |record: &Self| &record.$field)),+
                $(, $($crate::Column::of(stringify!($inner), |record: &Self| &record.$nest.$inner)),+)?
            ];

            fn values(&self) -> Vec<$crate::Value> {
                use $crate::Cell as _;
                vec![$(self.$field.to_value()),+ $(, $(self.$nest.$inner.to_value()),+)?]
            }
            fn audit(&self) -> &domain::scope::Audit {
                &self.audit
            }
            fn audit_mut(&mut self) -> &mut domain::scope::Audit {
                &mut self.audit
            }
            fn from_row(row: &$crate::Row) -> Result<Self, $crate::StoreError> {
                Ok(Self {
                    $($field: row.get(stringify!($field))?,)+
                    $($nest: $nest_type { $($inner: row.get(stringify!($inner))?),+ },)?
                    audit: row.audit()?,
                })
            }
        }
    };
}
pub(crate) use record;

/// A record as a JSON object, column by column, with its status: what the activity log and the outbox keep of it.
pub fn snapshot<R: Record>(record: &R) -> serde_json::Map<String, serde_json::Value> {
    let status = record.audit().status.as_str().to_owned();
    let columns = R::COLUMNS.iter().zip(record.values()).map(|(column, value)| (column.name.to_owned(), value.into_json()));
    columns.chain([("status".to_owned(), status.into())]).collect()
}

pub(crate) fn all_columns<R: Record>() -> String {
    R::COLUMNS.iter().chain(AUDIT_COLUMNS).map(|column| column.name).collect::<Vec<_>>().join(", ")
}

fn audit_values(audit: &Audit) -> Vec<Value> {
    vec![
        audit.scope.tenant_id.to_value(),
        audit.scope.environment_id.to_value(),
        audit.status.to_value(),
        audit.created_at.to_value(),
        audit.updated_at.to_value(),
        audit.created_by.to_value(),
        audit.updated_by.to_value(),
    ]
}

/// Rows in one statement: SQLite takes at most 32,766 values.
pub(crate) const ROWS_PER_INSERT: usize = 500;

/// Writes a new row. A broken uniqueness rule is a conflict.
pub async fn insert<R: Record + Sync>(work: &mut UnitOfWork, record: &R) -> Result<(), StoreError> {
    insert_all(work, std::slice::from_ref(record)).await
}

/// Writes a new row unless a uniqueness rule refuses it; tells whether it was written. Unlike a conflict, that spoils nothing.
pub async fn insert_if_absent<R: Record + Sync>(work: &mut UnitOfWork, record: &R) -> Result<bool, StoreError> {
    work.writes_to(&record.audit().scope);
    Ok(work.execute(insertion(std::slice::from_ref(record)).push(" ON CONFLICT DO NOTHING")).await? == 1)
}

/// Writes new rows, many in one statement.
pub async fn insert_all<R: Record + Sync>(work: &mut UnitOfWork, records: &[R]) -> Result<(), StoreError> {
    for chunk in records.chunks(ROWS_PER_INSERT) {
        for record in chunk {
            work.writes_to(&record.audit().scope);
        }
        work.execute(insertion(chunk)).await?;
    }
    Ok(())
}

fn insertion<R: Record>(records: &[R]) -> Sql {
    let sql = Sql::new("INSERT INTO ").push(R::TABLE).push(" (").push(&all_columns::<R>()).push(") VALUES ");
    records.iter().enumerate().fold(sql, |sql, (index, record)| {
        let values = record.values().into_iter().chain(audit_values(record.audit()));
        sql.push(if index > 0 { ", " } else { "" }).bind_list(values)
    })
}

/// Writes all columns of a row that was read in the same unit of work.
pub async fn update<R: Record + Sync>(work: &mut UnitOfWork, record: &R) -> Result<(), StoreError> {
    let values = record.values();
    let id = values[0].clone();
    let mut sql = Sql::new("UPDATE ").push(R::TABLE).push(" SET ");
    let columns = R::COLUMNS.iter().chain(AUDIT_COLUMNS).zip(values.into_iter().chain(audit_values(record.audit())));
    for (index, (column, value)) in columns.enumerate() {
        sql = sql.push(if index > 0 { ", " } else { "" }).push(column.name).push(" = ").bind_value(value);
    }
    let sql = sql.push(" WHERE ").scoped(&record.audit().scope).push(" AND id = ").bind_value(id);
    work.writes_to(&record.audit().scope);
    match work.execute(sql).await? {
        1 => Ok(()),
        rows => Err(StoreError::Corrupt(format!("an update of {} touched {rows} rows", R::TABLE))),
    }
}

fn select<R: Record>(scope: &Scope) -> Sql {
    Sql::new("SELECT ").push(&all_columns::<R>()).push(" FROM ").push(R::TABLE).push(" WHERE ").scoped(scope)
}

pub(crate) fn records<R: Record>(rows: &[Row]) -> Result<Vec<R>, StoreError> {
    rows.iter().map(R::from_row).collect()
}

/// A row by its id, whatever its status. In a unit of work it stays as it was read until that ends.
pub async fn get<R: Record>(source: &mut impl Source, scope: &Scope, id: &str) -> Result<Option<R>, StoreError> {
    find(source, scope, &[Condition::eq("id", &id.to_owned())]).await
}

/// Rows by their ids, whatever their status, in no order; unknown ids are left out. In a unit of work they stay as they were read.
pub async fn get_many<R: Record>(source: &mut impl Source, scope: &Scope, ids: &[String]) -> Result<Vec<R>, StoreError> {
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(ROWS_PER_INSERT) {
        let sql = select::<R>(scope).push(" AND id IN ").bind_list(chunk.iter().map(|id| Value::Text(id.clone())));
        // In the order of ids, so that two units of work wait for each other and never both.
        let sql = sql.push(" ORDER BY id").keeping(Keeps::ForUpdate);
        found.extend(records::<R>(&source.fetch(sql).await?)?);
    }
    Ok(found)
}

/// A row that meets all conditions. In a unit of work it stays as it was read until that ends.
pub async fn find<R: Record>(source: &mut impl Source, scope: &Scope, conditions: &[Condition]) -> Result<Option<R>, StoreError> {
    let sql = conditions.iter().fold(select::<R>(scope), |sql, condition| condition.append(sql));
    Ok(records(&source.fetch(sql.push(" LIMIT 1").keeping(Keeps::ForUpdate)).await?)?.pop())
}

/// Most rows that a read without paging returns; more is an error, not a silently short answer.
const ROWS_MAX: usize = 20_000;

/// All published rows that meet all conditions, oldest first. For sets that are bounded by their owner, such as a plan's prices. In a
/// unit of work they stay as they were read; that no others join them takes the lock of their owner.
pub async fn find_all<R: Record>(source: &mut impl Source, scope: &Scope, conditions: &[Condition]) -> Result<Vec<R>, StoreError> {
    let published = Condition::eq("status", &Status::Published);
    let sql = conditions.iter().chain([&published]).fold(select::<R>(scope), |sql, condition| condition.append(sql));
    let sql = sql.push(" ORDER BY created_at, id LIMIT ").bind_value(Value::Int(ROWS_MAX as i64 + 1));
    let rows = source.fetch(sql.keeping(Keeps::ForUpdate)).await?;
    if rows.len() > ROWS_MAX {
        return Err(StoreError::Corrupt(format!("more than {ROWS_MAX} rows of {} belong together", R::TABLE)));
    }
    records(&rows)
}

/// One page of rows and the number of all that match. It decides nothing: the reader may answer, a moment behind (ADR 0004).
pub async fn list<R: Record>(source: &mut impl Source, scope: &Scope, query: &ListQuery) -> Result<Page<R>, StoreError> {
    let mut sql = query.conditions.iter().fold(select::<R>(scope), |sql, condition| condition.append(sql)).push(" ORDER BY ");
    for sort in &query.sort {
        let is_decimal = R::COLUMNS.iter().any(|column| column.name == sort.column && column.kind == Kind::Decimal);
        sql = ordered(sql, sort.column, is_decimal).push(sort.direction.sql()).push(", ");
    }
    // The id breaks ties, so that pages neither repeat nor skip rows.
    let sql = sql.push("id DESC LIMIT ").bind_value(Value::Int(query.limit)).push(" OFFSET ").bind_value(Value::Int(query.offset));
    let [page, count] = source.fetch_list(scope, sql, counting::<R>(scope, &query.conditions)).await?;
    Ok(Page { items: records(&page)?, total: counted(&count)? })
}

/// The number of rows that meet all conditions.
pub async fn count<R: Record>(source: &mut impl Source, scope: &Scope, conditions: &[Condition]) -> Result<i64, StoreError> {
    counted(&source.fetch(counting::<R>(scope, conditions)).await?)
}

fn counting<R: Record>(scope: &Scope, conditions: &[Condition]) -> Sql {
    let sql = Sql::new("SELECT COUNT(*) AS total FROM ").push(R::TABLE).push(" WHERE ").scoped(scope);
    conditions.iter().fold(sql, |sql, condition| condition.append(sql))
}

fn counted(rows: &[Row]) -> Result<i64, StoreError> {
    rows.first().map_or(Ok(0), |row| row.get("total"))
}

/// Removes the rows that meet all conditions for good: only for rows that never left a draft.
pub async fn remove<R: Record>(work: &mut UnitOfWork, scope: &Scope, conditions: &[Condition]) -> Result<u64, StoreError> {
    let sql = Sql::new("DELETE FROM ").push(R::TABLE).push(" WHERE ").scoped(scope);
    work.writes_to(scope);
    work.execute(conditions.iter().fold(sql, |sql, condition| condition.append(sql))).await
}
