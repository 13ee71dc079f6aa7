//! Gauges that cost something to read: they are gathered when somebody scrapes, and not too often.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use app::App;
use app::due_work::Kind;
use app::platform::Backlog;
use storage::Database;

use super::embedded::{database_file, events_dir};
use crate::config::Config;
use crate::metrics::Metrics;

/// How long a scrape waits for them; what comes later is in the next.
const PATIENCE: Duration = Duration::from_secs(1);
/// Gathering rests so many times as long as it took.
const REST: u32 = 20;

/// Everything that a scrape shows.
#[derive(Clone)]
pub(super) struct Gauges {
    inner: Arc<Inner>,
}

struct Inner {
    metrics: Metrics,
    app: App,
    database: Database,
    config: Config,
    /// When gathering may begin again; nothing while it is under way.
    next: Mutex<Option<Instant>>,
}

impl Gauges {
    pub(super) fn new(metrics: Metrics, app: App, database: Database, config: &Config) -> Self {
        Self { inner: Arc::new(Inner { metrics, app, database, config: config.clone(), next: Mutex::new(Some(Instant::now())) }) }
    }

    /// The page that Prometheus reads.
    pub(super) async fn render(self) -> String {
        if self.inner.begin() {
            // A task of its own: a scrape that waits no longer does not end it.
            let gathering = tokio::spawn(gather(self.inner.clone()));
            let _late = tokio::time::timeout(PATIENCE, gathering).await;
        }
        record_pools(&self.inner.database);
        self.inner.metrics.render()
    }
}

impl Inner {
    fn begin(&self) -> bool {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        next.take_if(|next| *next <= Instant::now()).is_some()
    }

    fn end(&self, began: Instant) {
        let rest = (began.elapsed() * REST).max(self.config.server.metrics_every);
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + rest);
    }
}

async fn gather(inner: Arc<Inner>) {
    let began = Instant::now();
    if let Err(error) = gather_operations(&inner.app).await {
        tracing::warn!(%error, "the database gives no numbers for /metrics");
    }
    let files = inner.clone();
    if tokio::task::spawn_blocking(move || measure_files(&files.config)).await.is_err() {
        tracing::warn!("the sizes of files for /metrics could not be read");
    }
    inner.end(began);
}

async fn gather_operations(app: &App) -> app::Result<()> {
    use domain::invoice::InvoiceStatus;
    let operations = app.operations().await?;
    for status in [InvoiceStatus::Draft, InvoiceStatus::Finalized, InvoiceStatus::Voided, InvoiceStatus::Skipped] {
        let found = operations.invoices.iter().find(|(found, _)| *found == status).map_or(0, |(_, invoices)| *invoices);
        metrics::gauge!("flexprice_invoices", "status" => status.as_str()).set(float(found));
    }
    let kinds = Kind::ALL.into_iter().map(Some).chain([None]);
    for kind in kinds {
        let of_kind = operations.overdue.iter().filter(|(found, _)| *found == kind).map(|(_, backlog)| *backlog);
        let backlog = of_kind.fold(Backlog::default(), |all, one| Backlog {
            pieces: all.pieces + one.pieces,
            oldest_seconds: all.oldest_seconds.max(one.oldest_seconds),
        });
        let kind = kind.map_or("other", Kind::name);
        metrics::gauge!("flexprice_due_work_overdue", "kind" => kind).set(float(backlog.pieces));
        metrics::gauge!("flexprice_due_work_overdue_seconds", "kind" => kind).set(float(backlog.oldest_seconds));
    }
    metrics::gauge!("flexprice_outbox_events").set(float(operations.outbox.pieces));
    metrics::gauge!("flexprice_outbox_oldest_seconds").set(float(operations.outbox.oldest_seconds));
    Ok(())
}

fn measure_files(config: &Config) {
    let (has_database, has_events) = (config.postgres.host.is_empty(), config.clickhouse.address.is_empty());
    if has_database {
        let file = database_file(config);
        let with_logs = ["", "-wal", "-shm"].map(|end| size(Path::new(&format!("{}{end}", file.display()))));
        metrics::gauge!("flexprice_store_bytes", "store" => "database").set(unsigned(with_logs.into_iter().sum()));
    }
    if has_events {
        metrics::gauge!("flexprice_store_bytes", "store" => "events").set(unsigned(size(&events_dir(config))));
    }
    if let Ok(disk) = rustix::fs::statvfs(&config.data.dir)
        && (has_database || has_events)
    {
        metrics::gauge!("flexprice_disk_free_bytes").set(unsigned(disk.f_bavail.saturating_mul(disk.f_frsize)));
        metrics::gauge!("flexprice_disk_size_bytes").set(unsigned(disk.f_blocks.saturating_mul(disk.f_frsize)));
    }
}

/// Of a file, or of all below a directory; what is gone meanwhile has none.
fn size(path: &Path) -> u64 {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return 0 };
    if !metadata.is_dir() {
        return metadata.len();
    }
    std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| size(&entry.path())).sum()
}

/// How full the pools are, at the moment of a scrape.
fn record_pools(database: &Database) {
    for pool in database.embedded_pools().into_iter().flatten() {
        for (state, connections) in pool.states() {
            metrics::gauge!("flexprice_sqlite_pool_connections", "pool" => pool.pool, "state" => state).set(connections);
        }
    }
    #[cfg(feature = "cluster")]
    if let Some(usage) = database.usage() {
        for pool in &usage.pools {
            for (state, connections) in pool.states() {
                metrics::gauge!("flexprice_postgres_pool_connections", "pool" => pool.pool, "state" => state).set(connections);
            }
        }
        for (answered_by, lists) in [("reader", usage.lists_by_reader), ("writer", usage.lists_by_writer)] {
            metrics::counter!("flexprice_postgres_lists_total", "answered_by" => answered_by).absolute(lists);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge: beyond 2^53 nobody counts by one")]
fn float(number: i64) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "a gauge: beyond 2^53 nobody counts by one")]
fn unsigned(number: u64) -> f64 {
    number as f64
}
