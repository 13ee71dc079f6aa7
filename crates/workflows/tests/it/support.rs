//! A corner of the server for each test, a table of due work in memory, and waiting with a deadline.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use app::due_work::{Again, DuePosition, DueWork, Kind, Outcome};
use app::platform::{ConfiguredKey, DEFAULT_TENANT, DEFAULT_USER, key_hash};
use app::{App, Error, Foundation, Settings, UlidIds};
use async_trait::async_trait;
use domain::ids::IdGen as _;
use domain::scope::Scope;
use domain::time::Timestamp;
use serde_json::Value;
use storage::{Database, DatabaseOptions};
use streams::{EmbeddedEventStore, EmbeddedOptions};
use testkit::{Client, TEST_KEY};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use workflows::temporal::{ClientOptions, ScheduleOptions, TemporalClient, Work, WorkerOptions, Workers};

/// How long anything may take to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Where the server is.
pub(crate) fn address() -> String {
    std::env::var("FLEXPRICE_TEST_TEMPORAL_ADDRESS").unwrap_or_else(|_| "127.0.0.1:7233".to_owned())
}

/// Names that no other test has.
pub(crate) fn fresh_prefix() -> String {
    format!("test-{}-", UlidIds::default().ulid().to_lowercase())
}

pub(crate) fn client_options(prefix: &str) -> ClientOptions {
    ClientOptions {
        address: address(),
        prefix: prefix.to_owned(),
        identity: "test".to_owned(),
        connect_timeout: Duration::from_secs(10),
        ..ClientOptions::default()
    }
}

/// Connects, or says how to get a server.
pub(crate) async fn connect(prefix: &str) -> TemporalClient {
    match TemporalClient::connect(client_options(prefix)).await {
        Ok(client) => client,
        Err(error) => panic!("{error}: run dev/services up"),
    }
}

/// Small, and with schedules that look every second.
pub(crate) fn eager() -> WorkerOptions {
    let second = Duration::from_secs(1);
    let schedules = ScheduleOptions { subscription_billing_every: second, draft_finalization_every: second, ..ScheduleOptions::default() };
    WorkerOptions { schedules, stop_timeout: Duration::from_secs(5), ..WorkerOptions::default() }
}

/// Small, and with schedules that do not look during the test.
pub(crate) fn patient() -> WorkerOptions {
    let day = Duration::from_secs(86_400);
    let schedules = ScheduleOptions {
        subscription_billing_every: day,
        draft_finalization_every: day,
        housekeeping_every: day,
        ..ScheduleOptions::default()
    };
    WorkerOptions { schedules, stop_timeout: Duration::from_secs(5), ..WorkerOptions::default() }
}

pub(crate) async fn serve(client: &TemporalClient, work: Arc<dyn Work>, options: WorkerOptions) -> Workers {
    Workers::start(client.clone(), work, options).await.expect("workers")
}

/// Waits until a question has an answer; fails after [`PATIENCE`].
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// A piece of a kind, due long ago, with an entity that no other test has.
pub(crate) fn piece(kind: Kind, entity: &str) -> DueWork {
    let entity_id = format!("{entity}_{}", UlidIds::default().ulid());
    DueWork {
        scope: Scope { tenant_id: "tenant_of_test".into(), environment_id: "env_of_test".into() },
        id: kind.work_id(&entity_id),
        kind: kind.name().to_owned(),
        entity_id,
        due_at: Timestamp::from_micros(1_735_689_600_000_000),
        attempts: 0,
        last_error: String::new(),
    }
}

/// How a run of a piece ends in a [`Table`].
pub(crate) type Ending = Box<dyn Fn(&DueWork) -> Result<Outcome, Error> + Send + Sync>;

/// A table of due work in memory that remembers what was done.
pub(crate) struct Table {
    rows: Mutex<BTreeMap<String, DueWork>>,
    runs: Mutex<Vec<String>>,
    failures: Mutex<Vec<(String, String, Again)>>,
    ending: Ending,
    /// Runs wait for a permit each, when there is one.
    gate: Option<Arc<Semaphore>>,
}

impl Table {
    pub(crate) fn new(rows: &[DueWork]) -> Arc<Self> {
        Self::ending(rows, Box::new(|_| Ok(Outcome::Done)))
    }

    pub(crate) fn ending(rows: &[DueWork], ending: Ending) -> Arc<Self> {
        Arc::new(Self::of(rows, ending, None))
    }

    pub(crate) fn gated(rows: &[DueWork], gate: Arc<Semaphore>) -> Arc<Self> {
        Arc::new(Self::of(rows, Box::new(|_| Ok(Outcome::Done)), Some(gate)))
    }

    fn of(rows: &[DueWork], ending: Ending, gate: Option<Arc<Semaphore>>) -> Self {
        let rows = rows.iter().map(|row| (row.id.clone(), row.clone())).collect();
        Self { rows: Mutex::new(rows), runs: Mutex::default(), failures: Mutex::default(), ending, gate }
    }

    /// Ids in the order in which their runs began.
    pub(crate) fn runs(&self) -> Vec<String> {
        self.runs.lock().unwrap().clone()
    }

    /// Ids that are still planned.
    pub(crate) fn planned(&self) -> Vec<String> {
        self.rows.lock().unwrap().keys().cloned().collect()
    }

    /// What was noted as failed, why, and when it may be found again.
    pub(crate) fn failures(&self) -> Vec<(String, String, Again)> {
        self.failures.lock().unwrap().clone()
    }
}

#[async_trait]
impl Work for Table {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_767_225_600_000_000)
    }

    async fn due_page(&self, kinds: &[Kind], until: Timestamp, after: Option<&DuePosition>, limit: i64) -> Result<Vec<DueWork>, Error> {
        let rows = self.rows.lock().unwrap();
        let mut due: Vec<_> =
            rows.values().filter(|row| Kind::of(row).is_some_and(|kind| kinds.contains(&kind)) && row.due_at <= until).cloned().collect();
        due.sort_by(|a, b| (a.due_at, &a.id).cmp(&(b.due_at, &b.id)));
        due.retain(|row| after.is_none_or(|after| (row.due_at, &row.id) > (after.due_at, &after.id)));
        due.truncate(usize::try_from(limit).unwrap());
        Ok(due)
    }

    async fn due_in_turns(&self, kinds: &[Kind], until: Timestamp, limit: i64) -> Result<Vec<DueWork>, Error> {
        let mut turns: BTreeMap<Scope, usize> = BTreeMap::new();
        let due = self.due_page(kinds, until, None, i64::MAX).await?.into_iter();
        let mut due: Vec<(usize, DueWork)> = due
            .map(|row| {
                let turn = turns.entry(row.scope.clone()).or_default();
                *turn += 1;
                (*turn, row)
            })
            .collect();
        due.sort_by_key(|(turn, _)| *turn);
        due.truncate(usize::try_from(limit).unwrap());
        Ok(due.into_iter().map(|(_, row)| row).collect())
    }

    async fn run(&self, found: &DueWork) -> Result<Outcome, Error> {
        self.runs.lock().unwrap().push(found.id.clone());
        if let Some(gate) = &self.gate {
            gate.acquire().await.expect("a gate").forget();
        }
        let outcome = (self.ending)(found)?;
        if outcome == Outcome::Done {
            self.rows.lock().unwrap().remove(&found.id);
        }
        Ok(outcome)
    }

    async fn failed(&self, found: &DueWork, error: &Error, again: Again) -> Result<(), Error> {
        self.failures.lock().unwrap().push((found.id.clone(), error.to_string(), again));
        Ok(())
    }

    async fn forget_answers(&self, _: i64) -> Result<u64, Error> {
        Ok(3)
    }
}

/// The whole system over a directory that other processes may have written before.
pub(crate) struct Billing {
    pub(crate) app: App,
    pub(crate) api: Client,
    clock: Arc<AtomicI64>,
}

impl Billing {
    /// Opens the stores; the system's clock stands at `now`, RFC 3339.
    pub(crate) async fn open(dir: &Path, now: &str) -> Self {
        let clock = Arc::new(AtomicI64::new(instant(now).micros()));
        let database = Database::open(&dir.join("test.db"), &DatabaseOptions::default()).await.expect("a database");
        database.migrate().await.expect("a schema");
        let options = EmbeddedOptions { cache_bytes: 4 << 20, disk_reserve_bytes: 0, ..EmbeddedOptions::default() };
        let events = Arc::new(EmbeddedEventStore::open(dir.join("events"), options).expect("an event store"));
        let owner = ConfiguredKey { tenant_id: DEFAULT_TENANT.into(), user_id: DEFAULT_USER.into() };
        let settings = Settings { configured_keys: HashMap::from([(key_hash(TEST_KEY), owner)]), ..Settings::default() };
        let shown = clock.clone();
        let now = move || Timestamp::from_micros(shown.load(Ordering::SeqCst));
        let app = App::start(Foundation::embedded(database, events), now, Box::new(UlidIds::default()), settings)
            .await
            .expect("the system starts");
        Self { api: Client::over(&app), app, clock }
    }

    /// Sets the system's clock.
    pub(crate) fn set_clock(&self, now: &str) {
        self.clock.store(instant(now).micros(), Ordering::SeqCst);
    }

    /// A subscription of 10.00 USD a month in arrear since 2025-01-01; returns its id.
    pub(crate) async fn subscription(&self) -> String {
        self.api.customer("acme").await;
        let plan = self.api.plan("starter").await;
        self.api.price(testkit::fixed_price(&plan, "10", "ARREAR", serde_json::json!({}))).await;
        let subscription = self.api.subscribe("acme", &plan, "2025-01-01T00:00:00Z", serde_json::json!({})).await;
        subscription["id"].as_str().expect("an id").to_owned()
    }

    /// The invoices of a subscription's periods: without the opening invoice, which has nothing to invoice.
    pub(crate) async fn invoices(&self, subscription: &str) -> Vec<Value> {
        let mut invoices = self.api.invoices(subscription).await;
        invoices.retain(|invoice| invoice["billing_reason"] == "SUBSCRIPTION_CYCLE");
        invoices
    }

    /// All due work of these kinds by `until`, RFC 3339.
    pub(crate) async fn due(&self, kinds: &[Kind], until: &str) -> Vec<DueWork> {
        self.app.due_page(kinds, instant(until), None, 100).await.expect("due work")
    }
}

pub(crate) fn instant(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("`{text}` is no instant: {error}"))
}
