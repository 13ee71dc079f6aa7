//! Lists from a reader: the real streaming replica, made to lag.

use std::env;
use std::time::{Duration, Instant};

use domain::customer::Customer;
use domain::scope::Scope;
use sqlx::PgConnection;
use storage::{Database, PostgresOptions, StoreError};
use tokio::sync::Mutex;

use crate::fixtures::{customer, customer_in, everything, neighbours, scope, seen, store};
use crate::postgres_backend::{Fresh, fresh_with, plain, run};

/// One test at a time holds the replica up: it is shared.
static REPLICA: Mutex<()> = Mutex::const_new(());

fn replica_port() -> u16 {
    env::var("FLEXPRICE_TEST_POSTGRES_READER_PORT").map_or(5433, |port| port.parse().expect("a port"))
}

fn on_replica(options: &PostgresOptions) -> PostgresOptions {
    PostgresOptions { port: replica_port(), ..options.clone() }
}

async fn with_reader() -> Fresh {
    fresh_with(|options| {
        options.reader_host = Some(options.host.clone());
        options.reader_port = Some(replica_port());
    })
    .await
}

async fn listed(database: &Database, scope: &Scope) -> Vec<String> {
    let page = storage::list::<Customer>(&mut database.clone(), scope, &everything(vec![])).await.expect("a page");
    assert_eq!(usize::try_from(page.total), Ok(page.items.len()));
    let mut ids: Vec<String> = page.items.into_iter().map(|customer| customer.id.to_string()).collect();
    ids.sort();
    ids
}

/// Lists that the reader and the writer have answered.
fn answered(database: &Database) -> (u64, u64) {
    let usage = database.usage().expect("a server");
    (usage.lists_by_reader, usage.lists_by_writer)
}

/// Lists until the reader has answered one.
async fn poll_until_the_reader_answers(database: &Database, scope: &Scope) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let (before, _) = answered(database);
    while answered(database).0 == before {
        assert!(Instant::now() < deadline, "the reader never answers: is the replica up? run dev/services up replica");
        listed(database, scope).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Replay stands still while this lives; a test that fails lets it go on, too.
struct Paused(PostgresOptions);

impl Paused {
    async fn now(fresh: &Fresh) -> Self {
        // Through the maintenance database: the test's own may not have arrived.
        let replica = on_replica(&PostgresOptions { dbname: "postgres".into(), ..fresh.options.clone() });
        let paused = Self(replica);
        let mut connection = plain(&paused.0).await;
        run(&mut connection, "SELECT pg_wal_replay_pause()".into()).await;
        let deadline = Instant::now() + Duration::from_secs(10);
        while sqlx::query_scalar::<_, String>("SELECT pg_get_wal_replay_pause_state()").fetch_one(&mut connection).await.expect("read")
            != "paused"
        {
            assert!(Instant::now() < deadline, "replay does not pause");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        paused
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        let replica = self.0.clone();
        let resume = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let mut connection: PgConnection = plain(&replica).await;
                run(&mut connection, "SELECT pg_wal_replay_resume()".into()).await;
            });
        };
        std::thread::spawn(resume).join().expect("the replica goes on");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_come_from_the_reader_and_show_ones_own_writes_however_far_it_lags() {
    let _alone = REPLICA.lock().await;
    let fresh = with_reader().await;
    let [_, other] = neighbours();
    store(&fresh.database, &[customer("before"), customer_in(&other, "before")]).await;
    poll_until_the_reader_answers(&fresh.database, &scope()).await;
    let paused = Paused::now(&fresh).await;
    for round in 0..5 {
        store(&fresh.database, &[customer(&format!("during_{round}"))]).await;
        let (by_reader, by_writer) = answered(&fresh.database);
        assert_eq!(listed(&fresh.database, &scope()).await.len(), 2 + round, "one's own write is there");
        assert_eq!(answered(&fresh.database), (by_reader, by_writer + 1));
        assert!(seen::<Customer>(&fresh.database, &format!("during_{round}")).await.is_some(), "a read of one row never lags");
    }
    let in_replica = on_replica(&fresh.options);
    let there: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM customers").fetch_one(&mut plain(&in_replica).await).await.expect("read");
    assert_eq!(there, 2, "the replica did lag");
    drop(paused);
    poll_until_the_reader_answers(&fresh.database, &scope()).await;
    assert_eq!(listed(&fresh.database, &scope()).await.len(), 6);
    fresh.database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_lags_for_long_answers_nothing() {
    let _alone = REPLICA.lock().await;
    let fresh = with_reader().await;
    let [_, other] = neighbours();
    store(&fresh.database, &[customer_in(&other, "before")]).await;
    poll_until_the_reader_answers(&fresh.database, &other).await;
    let another = Database::connect(&fresh.options).await.expect("connects");
    let paused = Paused::now(&fresh).await;
    let written = Instant::now();
    store(&another, &[customer_in(&other, "by another process")]).await;
    // This process has not written there: it may be behind, but for two seconds alone.
    while listed(&fresh.database, &other).await.len() < 2 {
        assert!(written.elapsed() < Duration::from_millis(2_500), "still an old state after {:?}", written.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (by_reader, _) = answered(&fresh.database);
    listed(&fresh.database, &other).await;
    assert_eq!(answered(&fresh.database).0, by_reader);
    drop(paused);
    poll_until_the_reader_answers(&fresh.database, &other).await;
    another.close().await;
    fresh.database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_fall_back_to_the_writer_while_the_reader_is_gone() {
    let _alone = REPLICA.lock().await;
    let fresh = with_reader().await;
    store(&fresh.database, &[customer("cust_1")]).await;
    poll_until_the_reader_answers(&fresh.database, &scope()).await;
    // Connections to the reader are cut again and again while lists go on.
    let mut replica = plain(&on_replica(&PostgresOptions { dbname: "postgres".into(), ..fresh.options.clone() })).await;
    let cut = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'", fresh.options.dbname);
    for _ in 0..10 {
        run(&mut replica, cut.clone()).await;
        assert_eq!(listed(&fresh.database, &scope()).await, ["cust_1"]);
    }
    poll_until_the_reader_answers(&fresh.database, &scope()).await;

    let gone = PostgresOptions { reader_port: Some(1), acquire_timeout: Duration::from_secs(30), ..fresh.options.clone() };
    let database = Database::connect(&gone).await.expect("connects without its reader");
    let asked = Instant::now();
    for _ in 0..5 {
        assert_eq!(listed(&database, &scope()).await, ["cust_1"]);
    }
    assert!(asked.elapsed() < Duration::from_secs(10), "nobody waits for a reader that is gone: {:?}", asked.elapsed());
    assert_eq!(answered(&database).0, 0);
    database.close().await;
    fresh.database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_in_place_of_the_writer_is_unavailable_for_writes() {
    let _alone = REPLICA.lock().await;
    let fresh = with_reader().await;
    store(&fresh.database, &[customer("cust_1")]).await;
    poll_until_the_reader_answers(&fresh.database, &scope()).await;
    let standby = PostgresOptions { reader_host: None, ..on_replica(&fresh.options) };
    let database = Database::connect(&standby).await.expect("connects");
    for _ in 0..3 {
        let outcome = database.check().await;
        assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
        assert_eq!(seen(&database, "cust_1").await, Some(customer("cust_1")), "reads go on");
    }
    database.close().await;
    fresh.database.close().await;
}
