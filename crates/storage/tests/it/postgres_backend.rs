//! A migrated database on a real PostgreSQL server for each test, cloned from a template and dropped in the end.

use std::collections::hash_map::RandomState;
use std::env;
use std::hash::{BuildHasher, Hasher};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection};
use storage::{Database, PostgresOptions, SslMode};
use tokio::sync::OnceCell;

/// A database of one test, dropped with the value.
pub(crate) struct Fresh {
    pub(crate) database: Database,
    pub(crate) options: PostgresOptions,
    _dropped: Dropped,
}

/// Where the tests' server is.
pub(crate) fn options(dbname: &str) -> PostgresOptions {
    let text = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let port = text("FLEXPRICE_TEST_POSTGRES_PORT", "5432");
    PostgresOptions {
        host: text("FLEXPRICE_TEST_POSTGRES_HOST", "127.0.0.1"),
        port: port.parse().expect("FLEXPRICE_TEST_POSTGRES_PORT is a port"),
        user: text("FLEXPRICE_TEST_POSTGRES_USER", "flexprice"),
        password: text("FLEXPRICE_TEST_POSTGRES_PASSWORD", "flexprice123"),
        dbname: dbname.to_owned(),
        ssl_mode: SslMode::Prefer,
        max_idle_conns: 0,
        application_name: dbname.to_owned(),
        ..PostgresOptions::default()
    }
}

/// A connection past the pools of the crate.
pub(crate) async fn plain(options: &PostgresOptions) -> PgConnection {
    let connect = PgConnectOptions::new_without_pgpass()
        .host(&options.host)
        .port(options.port)
        .username(&options.user)
        .password(&options.password)
        .database(&options.dbname);
    PgConnection::connect_with(&connect).await.expect("PostgreSQL does not answer: run dev/services up")
}

/// Runs statements of the tests' own.
pub(crate) async fn run(connection: &mut PgConnection, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.expect("runs");
}

pub(crate) fn random_name(what: &str) -> String {
    // A new RandomState has random keys.
    format!("flexprice_{what}_{:016x}", RandomState::new().build_hasher().finish())
}

/// The maintenance database.
async fn server() -> PgConnection {
    plain(&options("postgres")).await
}

/// The template has the name of the migrations' checksum: made once, by whichever test comes first, and kept for the next run.
async fn template() -> &'static str {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(async || {
            let mut schema = std::hash::DefaultHasher::new();
            let mut files: Vec<_> =
                std::fs::read_dir("migrations/postgres").expect("the migrations").map(|file| file.expect("a migration").path()).collect();
            files.sort();
            for file in files {
                schema.write(&std::fs::read(file).expect("a migration"));
            }
            let name = format!("flexprice_template_{:016x}", schema.finish());
            let mut server = server().await;
            run(&mut server, "SELECT pg_advisory_lock(4242)".into()).await;
            let there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1 AND datistemplate)")
                .bind(&name)
                .fetch_one(&mut server)
                .await
                .expect("read");
            if !there {
                // One that is not marked is half made.
                run(&mut server, format!("DROP DATABASE IF EXISTS {name}")).await;
                run(&mut server, format!("CREATE DATABASE {name}")).await;
                let database = Database::connect(&options(&name)).await.expect("connects");
                database.migrate().await.expect("migrates");
                database.close().await;
                run(&mut server, format!("ALTER DATABASE {name} IS_TEMPLATE true")).await;
            }
            server.close().await.expect("closes");
            name
        })
        .await
}

/// An empty database, dropped with the value. Also for a migrated one.
pub(crate) struct Dropped(pub(crate) String);

impl Dropped {
    pub(crate) async fn create(template: &str) -> Self {
        let name = random_name("test");
        let mut server = server().await;
        run(&mut server, format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        server.close().await.expect("closes");
        Self(name)
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        let name = self.0.clone();
        let drop_it = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async { run(&mut server().await, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await });
        };
        // A test that fails drops its database, too.
        let _ = std::thread::spawn(drop_it).join();
    }
}

/// A migrated database.
pub(crate) async fn fresh() -> Fresh {
    fresh_with(|_| ()).await
}

/// A migrated database, with other options.
pub(crate) async fn fresh_with(change: impl FnOnce(&mut PostgresOptions)) -> Fresh {
    let dropped = Dropped::create(template().await).await;
    let mut options = options(&dropped.0);
    change(&mut options);
    let database = Database::connect(&options).await.expect("connects");
    Fresh { database, options, _dropped: dropped }
}
