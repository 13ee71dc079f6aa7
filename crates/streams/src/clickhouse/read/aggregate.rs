//! The six aggregates of ledger rows in SQL, from hour cells or from rows, and their way back into the domain.

use clickhouse::Row;
use clickhouse::types::Int256;
use domain::meter::{Aggregate, Latest, Moment};
use domain::money::Quantity;
use domain::scope::Scope;
use domain::time::Timestamp;
use serde::Deserialize;

use crate::EventStoreError;
use crate::clickhouse::sql;

/// What a part of the ledger adds up to, word for word as the projection `hours` keeps it: else it is not used. Both sums are kept
/// in 256 bits, which no number of rows leaves: a quantity has 128, an instant 53.
///
/// The newest is one text that sorts by time and then event id: the instant in 8 bytes from the highest on (not negative: no event is dated
/// before 1970), the id, two zero bytes, the quantity in 16 bytes from the lowest on. A zero byte within the id has a dot after it, so that
/// an id sorts before all that it begins.
pub(super) const PARTS: &str = "count() AS events, sum(toInt256(quantity)) AS total, \
     sum(toInt256(quantity) * (weighted * toUnixTimestamp64Micro(timestamp))) AS weights, max(quantity) AS greatest, \
     max(concat(reverse(reinterpretAsFixedString(toUnixTimestamp64Micro(timestamp))), replaceAll(event_id, '\\0', '\\0.'), '\\0\\0', \
     reinterpretAsFixedString(quantity))) AS newest, uniqExactState(unique_hash) AS hashes";

/// The same over several parts, in the order of the fields of [`AggregateRow`] after its key.
pub(super) const UNITED: &str = "sum(events) AS events_sum, sum(total) AS total_sum, sum(weights) AS weights_sum, max(greatest) AS greatest_max, \
     reinterpretAsInt64(reverse(substring(max(newest), 1, 8))) AS newest_time, \
     replaceAll(substring(max(newest), 9, length(max(newest)) - 26), '\\0.', '\\0') AS newest_id, \
     reinterpretAsInt128(substring(max(newest), length(max(newest)) - 15)) AS newest_quantity, uniqExactMerge(hashes) AS unique_count";

/// An answer under a key of its query.
#[derive(Row, Deserialize)]
pub(super) struct AggregateRow {
    /// The number of the question, or the beginning of the window.
    pub(super) key: u64,
    /// The meter, or the values of a group.
    pub(super) names: Vec<String>,
    events_sum: u64,
    total_sum: Int256,
    weights_sum: Int256,
    greatest_max: i128,
    newest_time: i64,
    newest_id: String,
    newest_quantity: i128,
    unique_count: u64,
}

impl AggregateRow {
    /// Refuses a sum beyond 128 bits.
    pub(super) fn aggregate(self) -> Result<Aggregate, EventStoreError> {
        let latest = Latest {
            timestamp: Timestamp::from_micros(self.newest_time),
            event_id: self.newest_id,
            quantity: Quantity::from_units(self.newest_quantity),
        };
        Ok(Aggregate {
            events: self.events_sum,
            sum: Quantity::from_units(narrowed(&self.total_sum)?),
            max: Some(Quantity::from_units(self.greatest_max)),
            latest: Some(latest),
            unique: self.unique_count,
            moment: Moment::from_bytes(&self.weights_sum.to_le_bytes()),
        })
    }
}

/// The number in 128 bits, where its upper half says nothing but the sign.
fn narrowed(sum: &Int256) -> Result<i128, EventStoreError> {
    let bytes = sum.to_le_bytes();
    let (mut low, mut high) = ([0; 16], [0; 16]);
    low.copy_from_slice(&bytes[..16]);
    high.copy_from_slice(&bytes[16..]);
    let (low, high) = (i128::from_le_bytes(low), i128::from_le_bytes(high));
    if high == low >> 127 { Ok(low) } else { Err(EventStoreError::Overflow) }
}

/// The condition on scope and customers; no customers means all.
pub(in crate::clickhouse) fn belongs(scope: &Scope, customers: &[String]) -> String {
    let tenant = sql::text(scope.tenant_id.as_str());
    let environment = sql::text(scope.environment_id.as_str());
    let mut condition = format!("tenant_id = {tenant} AND environment_id = {environment}");
    if !customers.is_empty() {
        condition.push_str(&format!(" AND external_customer_id IN ({})", sql::texts(customers.iter().map(String::as_str))));
    }
    condition
}

/// Microseconds of an hour.
pub(super) const HOUR_MICROS: i64 = 3_600_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_narrowed_or_refused() {
        let wide = |low: i128, high: i128| {
            let mut bytes = [0; 32];
            bytes[..16].copy_from_slice(&low.to_le_bytes());
            bytes[16..].copy_from_slice(&high.to_le_bytes());
            narrowed(&Int256::from_le_bytes(bytes)).ok()
        };
        assert_eq!(wide(5, 0), Some(5));
        assert_eq!(wide(-5, -1), Some(-5));
        assert_eq!(wide(i128::MAX, 0), Some(i128::MAX));
        assert_eq!(wide(i128::MIN, -1), Some(i128::MIN));
        assert_eq!(wide(i128::MIN, 0), None);
        assert_eq!(wide(i128::MAX, -1), None);
        assert_eq!(wide(0, 1), None);
    }
}
