//! Keeping copies that were refused. They change no total, so a failure here is told and the batch goes on.

use std::collections::HashMap;
use std::time::Duration;

use domain::event::Event;
use domain::scope::Scope;
use tokio::time::timeout;

use super::engine::Engine;
use super::row::CopyRow;
use crate::COPIES_KEPT;

/// Longest time that a batch waits for its copies.
const PATIENCE: Duration = Duration::from_secs(5);

/// A copy as it was sent, and its place in the log.
pub(super) type Refused<'a> = (&'a Scope, &'a Event, i64);

/// Keeps the copies of one batch of a partition, in its order: of each event the newest.
pub(super) async fn keep(engine: &Engine, partition: &str, copies: &[Refused<'_>]) {
    let mut rows = rows(partition, copies);
    let (Some((_, _, first)), Some((_, _, last))) = (copies.first(), copies.last()) else { return };
    rows.reverse();
    let token = format!("{partition}/copies-{first}-{last}");
    let outcome = timeout(PATIENCE, engine.insert_once(&rows, &token)).await;
    let error = match outcome {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it took too long".to_owned(),
    };
    tracing::warn!(partition, copies = rows.len(), error, "copies that were refused are not kept");
    metrics::counter!("flexprice_clickhouse_copies_lost_total").increment(u64::try_from(rows.len()).unwrap_or(u64::MAX));
}

/// The newest first.
fn rows<'a>(partition: &'a str, copies: &[Refused<'a>]) -> Vec<CopyRow<'a>> {
    let mut kept: HashMap<(&Scope, &str), usize> = HashMap::new();
    let newest = copies.iter().rev().filter(|(scope, event, _)| {
        let kept = kept.entry((scope, &event.id)).or_default();
        *kept += 1;
        *kept <= COPIES_KEPT
    });
    newest.map(|(scope, event, offset)| CopyRow::new(scope, event, partition, *offset)).collect()
}
