//! The embedded store behind the trait: queues appends, runs reads beside the async runtime.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use domain::event::Event;
use domain::meter::{Aggregate, Window};
use domain::scope::Scope;
use domain::time::{Period, Timestamp};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::damage::Damage;
use super::disk;
use super::engine::Engine;
use super::options::EmbeddedOptions;
use super::read::{self, View};
use super::shared::Shared;
use super::write::{Answer, Load, Queue, Request, Writer, closed};
use crate::{
    Appended, CountedEvent, EventFilter, EventOrder, EventStore, EventStoreError, GroupUsage, GroupedQuery, LateEntry, MeteredEvent,
    RefusedCopy, ScanReceiver, UsageQuery,
};

/// The event store in one directory. One process may have it open.
pub struct EmbeddedEventStore {
    shared: Arc<Shared>,
    reads: Semaphore,
    unique_hashes_max: usize,
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl EmbeddedEventStore {
    /// Opens the store, or makes it. Blocks while it replays what a crash left behind.
    ///
    /// # Errors
    /// `Unavailable` when the directory cannot be used or another process has it open; `Damaged` when so much is damaged that nothing can be
    /// read; `Corrupt` when it holds something else.
    pub fn open(dir: impl AsRef<Path>, options: EmbeddedOptions) -> Result<Self, EventStoreError> {
        let dir = dir.as_ref().to_path_buf();
        let unavailable = |error: std::io::Error| EventStoreError::Unavailable(error.to_string());
        std::fs::create_dir_all(&dir).map_err(|error| disk::io_error(&error))?;
        let engine = Arc::new(Engine::open(&dir, &options)?);
        let queue = Queue::new(Load { events: options.queue_events_max, bytes: options.queue_bytes_max });
        let damage = Arc::new(Damage::of(&dir));
        if let Err(lost) = damage.look_at(engine.require_all_commits()) {
            // What is left of it can be read.
            tracing::debug!(%lost, "the event store opens for reading alone");
        }
        let shared = Arc::new(Shared::new(queue, damage, engine.clone()));
        let (reads, unique_hashes_max) = (Semaphore::new(options.concurrent_reads_max), options.unique_hashes_max);
        let writer = Writer::new(dir, options, shared.clone(), engine)?;
        let thread = std::thread::Builder::new().name("event-write".to_owned()).spawn(move || writer.run()).map_err(unavailable)?;
        Ok(Self { shared, reads, unique_hashes_max, writer: Arc::new(Mutex::new(Some(thread))) })
    }

    async fn submit(&self, (request, answer): (Request, oneshot::Receiver<Answer>)) -> Answer {
        self.shared.queue.push(request)?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&View) -> Result<T, EventStoreError> + Send + 'static,
    ) -> Result<T, EventStoreError> {
        let _permit = self.reads.acquire().await.map_err(|_| closed())?;
        let shared = self.shared.clone();
        tokio::task::spawn_blocking(move || shared.damage.look_at(read(&View::new(shared.engine()?))))
            .await
            .unwrap_or_else(|error| Err(EventStoreError::Unavailable(format!("a read ended early: {error}"))))
    }
}

#[async_trait]
impl EventStore for EmbeddedEventStore {
    async fn append(&self, scope: &Scope, events: Vec<MeteredEvent>) -> Result<Vec<Appended>, EventStoreError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        self.submit(Request::append(scope.clone(), events)).await
    }

    async fn usage(&self, scope: &Scope, queries: Vec<UsageQuery>) -> Result<Vec<Aggregate>, EventStoreError> {
        let (scope, hashes_max) = (scope.clone(), self.unique_hashes_max);
        self.read(move |view| read::usage(view, &scope, &queries, hashes_max)).await
    }

    async fn usage_by_group(&self, scope: &Scope, query: GroupedQuery) -> Result<Vec<Vec<GroupUsage>>, EventStoreError> {
        let (scope, hashes_max) = (scope.clone(), self.unique_hashes_max);
        self.read(move |view| read::usage_by_group(view, &scope, &query, hashes_max)).await
    }

    async fn counted(&self, scope: &Scope, event_ids: &[String]) -> Result<HashMap<String, CountedEvent>, EventStoreError> {
        let (scope, event_ids) = (scope.clone(), event_ids.to_vec());
        self.read(move |view| read::counted(view, &scope, &event_ids)).await
    }

    async fn add_entries(&self, scope: &Scope, entries: Vec<LateEntry>) -> Result<u64, EventStoreError> {
        if entries.is_empty() {
            return Ok(0);
        }
        let outcomes = self.submit(Request::late(scope.clone(), entries)).await?;
        Ok(outcomes.into_iter().map(|outcome| u64::from(outcome == Appended::New)).sum())
    }

    async fn copies(&self, scope: &Scope, event_id: &str) -> Result<Vec<RefusedCopy>, EventStoreError> {
        let (scope, event_id) = (scope.clone(), event_id.to_owned());
        self.read(move |view| read::copies(view, &scope, &event_id)).await
    }

    async fn count_events_by_window(
        &self,
        scope: &Scope,
        period: Period,
        window: Window,
        windows_max: usize,
    ) -> Result<Vec<(Period, u64)>, EventStoreError> {
        let scope = scope.clone();
        self.read(move |view| read::count_events_by_window(view, &scope, period, window, windows_max)).await
    }

    async fn event(&self, scope: &Scope, event_id: &str) -> Result<Option<Event>, EventStoreError> {
        let (scope, event_id) = (scope.clone(), event_id.to_owned());
        self.read(move |view| read::event(view, &scope, &event_id)).await
    }

    async fn events(
        &self,
        scope: &Scope,
        filter: EventFilter,
        order: EventOrder,
        after: Option<(Timestamp, String)>,
        limit: usize,
    ) -> Result<Vec<Event>, EventStoreError> {
        let scope = scope.clone();
        self.read(move |view| read::events(view, &scope, &filter, order, after, limit)).await
    }

    async fn scan(&self, scope: &Scope, filter: EventFilter, receive: ScanReceiver<'_>) -> Result<(), EventStoreError> {
        let scope = scope.clone();
        // One chunk waits while another is taken in.
        let (sender, mut chunks) = mpsc::channel(1);
        let reading = self.read(move |view| {
            read::scan(view, &scope, &filter, &mut |chunk| match sender.blocking_send(chunk) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            })
        });
        // Ends the reading when it wants no more, or is dropped: it owns the receiving end.
        let handing_out = async move {
            while let Some(chunk) = chunks.recv().await {
                if receive(chunk).is_break() {
                    break;
                }
            }
        };
        tokio::join!(reading, handing_out).0
    }

    async fn count_events(&self, scope: &Scope, filter: EventFilter) -> Result<u64, EventStoreError> {
        let scope = scope.clone();
        self.read(move |view| read::count_events(view, &scope, &filter)).await
    }

    async fn check(&self) -> Result<(), EventStoreError> {
        self.submit(Request::check()).await.map(drop)
    }

    async fn close(&self) {
        self.shared.queue.close();
        let writer = self.writer.clone();
        if tokio::task::spawn_blocking(move || join(&writer)).await.is_err() {
            tracing::error!("the event store did not close in good order");
        }
    }
}

impl Drop for EmbeddedEventStore {
    fn drop(&mut self) {
        self.shared.queue.close();
        join(&self.writer);
    }
}

/// Waits until the writer has written what was queued and has released the directory.
fn join(writer: &Mutex<Option<JoinHandle<()>>>) {
    let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(thread) = writer.take()
        && thread.join().is_err()
    {
        tracing::error!("the writing thread of the event store panicked");
    }
}
