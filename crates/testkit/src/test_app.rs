//! The system over temporary stores, and clients that speak to its router.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use api::ApiSettings;
use app::event::{EventChoices, EventLog};
use app::platform::{
    ConfiguredKey, DEFAULT_TENANT, DEFAULT_USER, Environment, EnvironmentType, SANDBOX_ENVIRONMENT, Secret, SecretType, key_hash,
};
use app::{App, Foundation, SequentialIds, Settings, UlidIds};
use axum::Router;
use axum::body::Body;
use domain::ids::IdGen;
use domain::scope::{Audit, Scope, Status};
use http::{Method, Request};
use http_body_util::BodyExt as _;
use serde_json::Value;
use storage::{Database, DatabaseOptions};
use streams::{EmbeddedEventStore, EmbeddedOptions};
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::{Answer, SystemClock};

/// The key of the seed tenant.
pub const TEST_KEY: &str = "sk_local_flexprice_test_key";
/// The key of another tenant, which has one environment of its own.
pub const OTHER_KEY: &str = "sk_local_other_tenant_key";
/// The seed tenant's sandbox: where [`TestApp::client`] works.
pub const SANDBOX: &str = SANDBOX_ENVIRONMENT;

const OTHER_TENANT: &str = "tenant_other";
const OTHER_ENVIRONMENT: &str = "env_other";

/// The whole system. Nothing runs by itself: due work runs when a sandbox's clock is advanced.
pub struct TestApp {
    /// What the router stands on.
    pub app: App,
    /// The system's clock.
    pub clock: SystemClock,
    router: Router,
    database: Database,
    /// Removed with its files at the end.
    dir: TempDir,
}

/// A caller with a key.
#[derive(Clone)]
pub struct Client {
    router: Router,
    headers: Vec<(String, String)>,
}

impl TestApp {
    /// Starts on empty stores, at 2025-01-01T00:00:00Z.
    pub async fn start() -> Self {
        Self::start_with(ApiSettings::default()).await
    }

    /// Starts likewise, where the deployment chose how events are taken in and counted.
    pub async fn start_choosing(events: EventChoices) -> Self {
        Self::start_set_up(ApiSettings::default(), Settings { events, ..settings() }, None).await
    }

    /// Starts likewise, where an event log takes events in. Nothing reads it: what it took is not counted.
    pub async fn start_logging(log: Arc<dyn EventLog>) -> Self {
        Self::start_set_up(ApiSettings::default(), settings(), Some(log)).await
    }

    /// Starts likewise, where copies of a request under way are told so after this time.
    pub async fn start_waiting(idempotency_wait: Duration) -> Self {
        Self::start_set_up(ApiSettings::default(), Settings { idempotency_wait, ..settings() }, None).await
    }

    /// Starts likewise, with other settings of the API.
    pub async fn start_with(settings_of_api: ApiSettings) -> Self {
        Self::start_set_up(settings_of_api, settings(), None).await
    }

    /// Starts likewise, where identifiers count from 1: the same calls get the same answers.
    pub async fn start_counting_ids() -> Self {
        Self::start_on(ApiSettings::default(), settings(), None, Box::new(SequentialIds::default())).await
    }

    async fn start_set_up(settings_of_api: ApiSettings, settings: Settings, log: Option<Arc<dyn EventLog>>) -> Self {
        Self::start_on(settings_of_api, settings, log, Box::new(UlidIds::default())).await
    }

    async fn start_on(settings_of_api: ApiSettings, settings: Settings, log: Option<Arc<dyn EventLog>>, ids: Box<dyn IdGen>) -> Self {
        let dir = TempDir::new().expect("a directory");
        let clock = SystemClock::new();
        let database = Database::open(&dir.path().join("test.db"), &DatabaseOptions::default()).await.expect("a database");
        database.migrate().await.expect("a schema");
        add_other_tenant(&database, &clock).await;
        // Small, and indifferent to how full the disk of the machine is.
        let options = EmbeddedOptions { cache_bytes: 4 << 20, disk_reserve_bytes: 0, ..EmbeddedOptions::default() };
        let events = EmbeddedEventStore::open(dir.path().join("events"), options).expect("an event store");
        let now = clock.clone();
        let foundation = Foundation { log, ..Foundation::embedded(database.clone(), Arc::new(events)) };
        let app = App::start(foundation, move || now.now(), ids, settings).await.expect("the system starts");
        let router = api::router(app.clone(), settings_of_api);
        Self { app, clock, router, database, dir }
    }

    /// Where the stores keep their files.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A client in the seed tenant's sandbox.
    pub fn client(&self) -> Client {
        self.client_with(TEST_KEY)
    }

    /// A client in another tenant.
    pub fn other_tenant(&self) -> Client {
        self.client_with(OTHER_KEY)
    }

    /// A client in the seed tenant's sandbox whose key was made with these roles, for a `user` or a `service_account`.
    pub async fn client_with_roles(&self, user_type: &str, roles: &[&str]) -> Client {
        let key = format!("sk_{user_type}_{}", roles.join("_"));
        let scope = Scope { tenant_id: DEFAULT_TENANT.into(), environment_id: SANDBOX_ENVIRONMENT.into() };
        let secret = Secret {
            id: format!("secret_{user_type}_{}", roles.join("_")).as_str().into(),
            name: "with roles".into(),
            kind: SecretType::PrivateKey,
            value_hash: key_hash(&key),
            display_id: "sk_wi***th".into(),
            user_id: DEFAULT_USER.into(),
            user_type: user_type.into(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            expires_at: None,
            audit: audit(scope, &self.clock),
        };
        let mut work = self.database.begin().await.expect("a unit of work");
        storage::insert(&mut work, &secret).await.expect("a key");
        work.commit().await.expect("committed");
        self.client_with(&key)
    }

    /// A client with this key.
    pub fn client_with(&self, key: &str) -> Client {
        Client { router: self.router.clone(), headers: Vec::new() }.with("x-api-key", key)
    }
}

impl Client {
    /// A client with the key [`TEST_KEY`] over a system that was set up elsewhere, with the API's default settings.
    pub fn over(app: &App) -> Self {
        let client = Self { router: api::router(app.clone(), ApiSettings::default()), headers: Vec::new() };
        client.with("x-api-key", TEST_KEY)
    }

    /// The same client with one more header.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut headers = self.headers.clone();
        headers.retain(|(known, _)| known != name);
        headers.push((name.to_owned(), value.to_owned()));
        Self { router: self.router.clone(), headers }
    }

    /// The same client without a header.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let headers = self.headers.iter().filter(|(known, _)| known != name).cloned().collect();
        Self { router: self.router.clone(), headers }
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "").await
    }

    /// Sends JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, body.to_string()).await
    }

    /// Sends JSON.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, body.to_string()).await
    }

    /// Deletes.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, "").await
    }

    /// Sends bytes as they are.
    pub async fn send(&self, method: Method, path: &str, body: impl Into<Body>) -> Answer {
        let name = format!("{method} {path}");
        let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        for (header, value) in &self.headers {
            request = request.header(header, value);
        }
        let request = request.body(body.into()).unwrap_or_else(|error| panic!("{name} is no request: {error}"));
        let (parts, body) = self.router.clone().oneshot(request).await.expect("infallible").into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        let body = match serde_json::from_slice(&bytes) {
            Ok(body) => body,
            Err(_) if bytes.is_empty() => Value::Null,
            Err(_) => Value::String(String::from_utf8_lossy(&bytes).into_owned()),
        };
        Answer { status: parts.status.as_u16(), headers: parts.headers, body, request: name }
    }
}

fn settings() -> Settings {
    let owner = |tenant: &str| ConfiguredKey { tenant_id: tenant.into(), user_id: DEFAULT_USER.into() };
    let configured_keys = HashMap::from([(key_hash(TEST_KEY), owner(DEFAULT_TENANT)), (key_hash(OTHER_KEY), owner(OTHER_TENANT))]);
    Settings { configured_keys, ..Settings::default() }
}

fn audit(scope: Scope, clock: &SystemClock) -> Audit {
    let now = clock.now();
    let user = DEFAULT_USER.to_owned();
    Audit { scope, status: Status::Published, created_at: now, updated_at: now, created_by: user.clone(), updated_by: user }
}

async fn add_other_tenant(database: &Database, clock: &SystemClock) {
    let audit = audit(Scope { tenant_id: OTHER_TENANT.into(), environment_id: OTHER_ENVIRONMENT.into() }, clock);
    let environment = Environment { id: OTHER_ENVIRONMENT.into(), name: "Other".into(), kind: EnvironmentType::Development, audit };
    let mut work = database.begin().await.expect("a unit of work");
    storage::insert(&mut work, &environment).await.expect("an environment");
    work.commit().await.expect("committed");
}
