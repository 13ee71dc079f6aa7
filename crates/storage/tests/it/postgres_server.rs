//! What only a server has: many processes that write at once, connections that are lost, migrations that race.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::customer::Customer;
use domain::invoice::Invoice;
use storage::idempotency::{self, IdempotencyRecord};
use storage::{Database, PoolUsage, PostgresOptions, StoreError, sequences};
use tokio::sync::Barrier;

use crate::fixtures::{at, begin, customer, invoice, scope, seen, store};
use crate::postgres_backend::{Dropped, fresh, fresh_with, options, plain, run};

/// Another process: pools of its own.
async fn another(options: &PostgresOptions) -> Database {
    Database::connect(options).await.expect("connects")
}

async fn poll_until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until a backend of this database waits for a lock.
async fn poll_until_one_waits(options: &PostgresOptions) {
    let mut connection = plain(options).await;
    poll_until("nobody waits for a lock", async || {
        let sql = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')";
        sqlx::query_scalar::<_, bool>(sql).fetch_one(&mut connection).await.expect("read")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_ten_processes_that_start_at_once_each_migration_runs_once() {
    let empty = Dropped::create("template1").await;
    let options = PostgresOptions { max_open_conns: 2, ..options(&empty.0) };
    let mut total = 0;
    let mut processes = Vec::new();
    for _ in 0..10 {
        let database = another(&options).await;
        total = total.max(database.pending_migrations().await.expect("read"));
        processes.push(database);
    }
    assert!(total >= 3);
    let starts: Vec<_> = processes
        .iter()
        .map(|database| {
            let database = database.clone();
            tokio::spawn(async move { database.migrate().await })
        })
        .collect();
    let mut ran = Vec::new();
    for start in starts {
        ran.push(start.await.expect("joined").expect("migrates"));
    }
    ran.sort_unstable();
    assert_eq!(ran, [vec![0; 9], vec![total]].concat());
    for database in processes {
        assert_eq!(database.pending_migrations().await.expect("read"), 0);
        database.close().await;
    }
}

#[tokio::test]
async fn a_schema_that_is_newer_or_was_changed_is_refused() {
    let fresh = fresh().await;
    let mut connection = plain(&fresh.options).await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'new', true, '', 0)";
    run(&mut connection, newer.into()).await;
    let refused = fresh.database.migrate().await;
    assert!(matches!(&refused, Err(StoreError::Newer { found: 9999, .. })), "{refused:?}");
    run(&mut connection, "DELETE FROM _sqlx_migrations WHERE version = 9999".into()).await;
    run(&mut connection, r"UPDATE _sqlx_migrations SET checksum = '\x00' WHERE version = 1".into()).await;
    let refused = fresh.database.migrate().await;
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_lose_no_update_of_one_row() {
    let fresh = fresh().await;
    store(&fresh.database, &[invoice("inv_1")]).await;
    let processes = [fresh.database.clone(), another(&fresh.options).await];
    let writers: Vec<_> = (0..40)
        .map(|number| {
            let database = processes[number % 2].clone();
            tokio::spawn(async move {
                let mut work = begin(&database).await;
                let mut invoice: Invoice = storage::get(&mut work, &scope(), "inv_1").await.expect("read").expect("is there");
                tokio::task::yield_now().await;
                invoice.version += 1;
                storage::update(&mut work, &invoice).await.expect("updated");
                work.commit().await.expect("committed");
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("no writer fails");
    }
    assert_eq!(seen::<Invoice>(&fresh.database, "inv_1").await.map(|invoice| invoice.version), Some(41));
    processes[1].close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_writers_of_two_processes_leave_neither_gap_nor_repetition_in_a_counter() {
    let fresh = fresh().await;
    let processes = [fresh.database.clone(), another(&fresh.options).await];
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let database = processes[writer % 2].clone();
            tokio::spawn(async move {
                let mut given = Vec::new();
                for round in 0..25 {
                    let mut work = begin(&database).await;
                    let value = sequences::next(&mut work, &scope(), "invoice", 1).await.expect("a number");
                    // Every fifth changes its mind.
                    if (round + writer) % 5 == 0 {
                        drop(work);
                    } else {
                        work.commit().await.expect("committed");
                        given.push(value);
                    }
                }
                given
            })
        })
        .collect();
    let mut given = Vec::new();
    for writer in writers {
        given.extend(writer.await.expect("no writer fails"));
    }
    given.sort_unstable();
    assert_eq!(given, (1..=160).collect::<Vec<i64>>());
    processes[1].close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_processes_with_one_idempotency_key_one_changes_something() {
    let fresh = fresh().await;
    let processes = [fresh.database.clone(), another(&fresh.options).await];
    for round in 0..10 {
        let requests: Vec<_> = processes
            .iter()
            .enumerate()
            .map(|(number, database)| {
                let database = database.clone();
                tokio::spawn(async move {
                    let mut work = begin(&database).await;
                    storage::insert(&mut work, &customer(&format!("cust_{round}_{number}"))).await?;
                    let answer = IdempotencyRecord {
                        key: format!("key_{round}"),
                        fingerprint: "same".into(),
                        response_status: 201,
                        response_body: number.to_string(),
                        created_at: at(0),
                    };
                    idempotency::remember(&mut work, &scope(), &answer).await?;
                    work.commit().await
                })
            })
            .collect();
        let mut won = 0;
        for request in requests {
            match request.await.expect("joined") {
                Ok(()) => won += 1,
                Err(StoreError::Conflict(rule)) => assert!(rule.contains("idempotency_records"), "{rule}"),
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(won, 1, "round {round}");
    }
    assert_eq!(storage::count::<Customer>(&mut fresh.database.clone(), &scope(), &[]).await.expect("counted"), 10);
    processes[1].close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_counter_that_was_read_waits_for_its_writers_and_holds_them_up() {
    let fresh = fresh().await;
    let mut pricing = begin(&fresh.database).await;
    sequences::next(&mut pricing, &scope(), "prices", 1).await.expect("a number");
    pricing.commit().await.expect("committed");
    let mut pricing = begin(&fresh.database).await;
    sequences::next(&mut pricing, &scope(), "prices", 1).await.expect("a number");
    storage::insert(&mut pricing, &customer("a price")).await.expect("inserted");
    let database = fresh.database.clone();
    // Whoever reads the counter first and the set after it sees a set that is as new as the counter.
    let subscribing = tokio::spawn(async move {
        let mut work = begin(&database).await;
        let counter = sequences::current(&mut work, &scope(), "prices").await.expect("read");
        let set: Vec<Customer> = storage::find_all(&mut work.glance(), &scope(), &[]).await.expect("read");
        (work, counter, set.len())
    });
    poll_until_one_waits(&fresh.options).await;
    pricing.commit().await.expect("committed");
    let (subscribing, counter, set) = subscribing.await.expect("joined");
    assert_eq!((counter, set), (2, 1));
    // A second reader does not wait; a writer does.
    let mut second = begin(&fresh.database).await;
    assert_eq!(sequences::current(&mut second, &scope(), "prices").await.expect("read"), 2);
    drop(second);
    let database = fresh.database.clone();
    let writing = tokio::spawn(async move {
        let mut work = begin(&database).await;
        let value = sequences::next(&mut work, &scope(), "prices", 1).await.expect("a number");
        work.commit().await.expect("committed");
        value
    });
    poll_until_one_waits(&fresh.options).await;
    subscribing.commit().await.expect("committed");
    assert_eq!(writing.await.expect("joined"), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_read_to_share_are_shared_and_wait_for_a_change() {
    let fresh = fresh().await;
    store(&fresh.database, &[customer("cust_1")]).await;
    let (mut first, mut second) = (begin(&fresh.database).await, begin(&fresh.database).await);
    for work in [&mut first, &mut second] {
        assert!(storage::get::<Customer>(&mut work.shared(), &scope(), "cust_1").await.expect("read").is_some());
    }
    let database = fresh.database.clone();
    let change = tokio::spawn(async move {
        let mut work = begin(&database).await;
        let mut found: Customer = storage::get(&mut work, &scope(), "cust_1").await.expect("read").expect("is there");
        found.name = "changed".into();
        storage::update(&mut work, &found).await.expect("updated");
        work.commit().await.expect("committed");
    });
    poll_until_one_waits(&fresh.options).await;
    first.commit().await.expect("committed");
    poll_until_one_waits(&fresh.options).await;
    assert_eq!(seen(&fresh.database, "cust_1").await, Some(customer("cust_1")));
    second.commit().await.expect("committed");
    change.await.expect("no writer fails");
    assert_eq!(seen::<Customer>(&fresh.database, "cust_1").await.map(|customer| customer.name), Some("changed".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_units_of_work_that_wait_for_each_other_one_is_told_to_try_again() {
    let fresh = fresh().await;
    store(&fresh.database, &[customer("a"), customer("b")]).await;
    let both_hold_one = Arc::new(Barrier::new(2));
    let tasks = [("a", "b"), ("b", "a")].map(|(first, second)| {
        let (database, both_hold_one) = (fresh.database.clone(), Arc::clone(&both_hold_one));
        tokio::spawn(async move {
            let mut work = begin(&database).await;
            storage::get::<Customer>(&mut work, &scope(), first).await?;
            both_hold_one.wait().await;
            storage::get::<Customer>(&mut work, &scope(), second).await?;
            work.commit().await
        })
    });
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.expect("joined"));
    }
    let refused: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert!(matches!(refused[..], [StoreError::Unavailable(cause)] if cause.contains("deadlock")), "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_for_a_row_or_a_connection_ends_in_time() {
    let fresh = fresh_with(|options| {
        options.statement_timeout = Duration::from_millis(300);
        options.acquire_timeout = Duration::from_millis(300);
        options.max_open_conns = 2;
    })
    .await;
    store(&fresh.database, &[customer("cust_1")]).await;
    let mut holder = plain(&fresh.options).await;
    run(&mut holder, "BEGIN; UPDATE customers SET name = 'held'".into()).await;
    let mut waiting = begin(&fresh.database).await;
    let outcome = storage::get::<Customer>(&mut waiting, &scope(), "cust_1").await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    let _second = begin(&fresh.database).await;
    let third = fresh.database.begin().await.map(drop);
    assert!(matches!(third, Err(StoreError::Unavailable(_))), "{third:?}");
    let usage = fresh.database.usage().expect("a server");
    assert_eq!(usage.pools, [PoolUsage { pool: "writer", open: 2, idle: 0, max: 2 }]);
    assert_eq!(usage.pools[0].states(), [("open", 2), ("idle", 0), ("max", 2)]);
}

/// Ends all connections to the test's database but the given one.
async fn end_connections(options: &PostgresOptions) -> i64 {
    let mut connection = plain(options).await;
    let sql =
        "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let ended: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("ended");
    poll_until("the connections stay", async || {
        let sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut connection).await.expect("read") == 0
    })
    .await;
    ended
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_connections_are_replaced_and_an_open_unit_of_work_leaves_no_trace() {
    let fresh = fresh().await;
    store(&fresh.database, &[customer("cust_1")]).await;
    for round in 0..3 {
        // Several idle connections, and one in the middle of its work.
        let works = [begin(&fresh.database).await, begin(&fresh.database).await, begin(&fresh.database).await];
        for work in works {
            work.rollback().await.expect("rolled back");
        }
        let mut open = begin(&fresh.database).await;
        storage::insert(&mut open, &customer("lost")).await.expect("inserted");
        assert!(end_connections(&fresh.options).await >= 3);
        // Reads and new units of work notice nothing.
        if round % 2 == 0 {
            assert_eq!(seen(&fresh.database, "cust_1").await, Some(customer("cust_1")));
        }
        store(&fresh.database, &[customer(&format!("after_{round}"))]).await;
        let broken = if round == 1 { open.commit().await } else { storage::insert(&mut open, &customer("lost too")).await };
        assert!(matches!(broken, Err(StoreError::Unavailable(_))), "{broken:?}");
        assert_eq!(seen::<Customer>(&fresh.database, "lost").await, None);
        assert_eq!(seen::<Customer>(&fresh.database, "lost too").await, None);
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let nowhere = PostgresOptions { port: 1, acquire_timeout: Duration::from_millis(500), ..options("nowhere") };
    let outcome = Database::connect(&nowhere).await.map(drop);
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    assert!(!format!("{nowhere:?}").contains("flexprice123"), "passwords are not printed");
}

#[tokio::test]
async fn credentials_and_names_that_the_server_refuses_are_no_passing_trouble() {
    let missing = options("flexprice_of_nobody");
    let outcome = Database::connect(&missing).await.map(drop);
    assert!(matches!(&outcome, Err(StoreError::Corrupt(cause)) if cause.contains("flexprice_of_nobody")), "{outcome:?}");
    let nobody = PostgresOptions { user: "nobody_at_all".into(), ..options("postgres") };
    let outcome = Database::connect(&nobody).await.map(drop);
    assert!(matches!(&outcome, Err(StoreError::Corrupt(cause)) if cause.contains("nobody_at_all")), "{outcome:?}");
}

#[tokio::test]
async fn commits_are_durable_whatever_the_database_is_set_to() {
    let fresh = fresh().await;
    run(&mut plain(&fresh.options).await, format!("ALTER DATABASE {} SET synchronous_commit = off", fresh.options.dbname)).await;
    let database = another(&fresh.options).await;
    let mut work = begin(&database).await;
    let rows = storage::Source::fetch(&mut work, storage::Sql::new("SELECT current_setting('synchronous_commit') AS mode")).await;
    assert_eq!(rows.expect("read")[0].get::<String>("mode").expect("text"), "on");
    drop(work);
    database.close().await;
}

/// Whoever does not wait for a name is told that another process holds it, until that one ends, however it ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_another_process_holds_is_not_taken() {
    let fresh = fresh().await;
    let other = another(&fresh.options).await;
    let mut holder = begin(&fresh.database).await;
    assert!(holder.try_lock(&scope(), "idempotency/key").await.expect("asked"));
    let mut work = begin(&other).await;
    assert!(!work.try_lock(&scope(), "idempotency/key").await.expect("asked"));
    assert!(work.try_lock(&scope(), "idempotency/another").await.expect("asked"));
    // Being told spoils nothing.
    work.commit().await.expect("committed");
    holder.rollback().await.expect("rolled back");
    let mut work = begin(&other).await;
    assert!(work.try_lock(&scope(), "idempotency/key").await.expect("asked"));
}

const KEPT_WHOLE: &str = r#"{"secret":{"id":"secret_1","name":"k"},"api_key":"sk_abc"}"#;

/// Answers of releases that kept them whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_takes_keys_out_of_kept_answers() {
    let fresh = fresh().await;
    let mut work = begin(&fresh.database).await;
    for (key, body) in [("secret", KEPT_WHOLE), ("empty", ""), ("other", r#"{"metadata":{"api_key":"sk_mine"}}"#)] {
        let record = IdempotencyRecord {
            key: key.into(),
            fingerprint: "f".into(),
            response_status: 201,
            response_body: body.into(),
            created_at: at(0),
        };
        idempotency::remember(&mut work, &scope(), &record).await.expect("kept");
    }
    work.commit().await.expect("committed");
    let migration = include_str!("../../migrations/postgres/0008_answers_without_secrets.sql");
    run(&mut plain(&fresh.options).await, migration.into()).await;
    let body = async |key: &str| {
        let found = idempotency::recall(&mut fresh.database.clone(), &scope(), key).await.expect("read");
        found.expect("kept").response_body
    };
    let cleaned = body("secret").await;
    assert!(cleaned.contains("secret_1") && cleaned.contains("shown once") && !cleaned.contains("sk_abc"), "{cleaned}");
    assert_eq!(body("empty").await, "");
    assert!(body("other").await.contains("sk_mine"));
}
