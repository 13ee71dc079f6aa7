//! What only a database in a file has: locks of other processes, a file that is full, a schema of a newer release.

use std::time::{Duration, Instant};

use domain::customer::Customer;
use storage::{Database, DatabaseOptions, Depth, Sql, StoreError};

use crate::backend::{sqlite, sqlite_with};
use crate::fixtures::{begin, customer, scope, seen, store};

#[tokio::test]
async fn a_fresh_file_is_migrated_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let database = Database::open(&dir.path().join("test.db"), &DatabaseOptions::default()).await.expect("opens");
    let pending = database.pending_migrations().await.expect("read");
    assert!(pending >= 1);
    assert_eq!(database.migrate().await.expect("migrates"), pending);
    assert_eq!(database.pending_migrations().await.expect("read"), 0);
}

#[tokio::test]
async fn a_schema_of_a_newer_release_is_refused() {
    let fresh = sqlite().await;
    let mut work = begin(&fresh.database).await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (9999, 'from the future', 1, x'00', 0)";
    work.execute(Sql::new(newer)).await.expect("written");
    work.commit().await.expect("committed");
    for refused in [fresh.database.migrate().await, fresh.database.pending_migrations().await] {
        assert!(matches!(&refused, Err(StoreError::Newer { found: 9999, .. })), "{refused:?}");
        assert!(refused.is_err_and(|error| error.to_string().contains("newer version")));
    }
}

#[tokio::test]
async fn a_released_migration_that_was_changed_is_refused() {
    let fresh = sqlite().await;
    let mut work = begin(&fresh.database).await;
    work.execute(Sql::new("UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1")).await.expect("written");
    work.commit().await.expect("committed");
    let refused = fresh.database.migrate().await;
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
}

#[tokio::test]
async fn what_was_committed_is_there_when_the_file_is_opened_again() {
    let fresh = sqlite().await;
    store(&fresh.database, &[customer("cust_1")]).await;
    fresh.database.close().await;
    let again = Database::open(&fresh.file(), &DatabaseOptions::default()).await.expect("opens");
    assert_eq!(seen(&again, "cust_1").await, Some(customer("cust_1")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_of_another_process_makes_writers_give_up_in_time() {
    let lock_timeout = Duration::from_millis(300);
    let options = DatabaseOptions { lock_timeout, ..DatabaseOptions::default() };
    let fresh = sqlite_with(&options).await;
    let other = Database::open(&fresh.file(), &options).await.expect("opens");
    let held = begin(&other).await;
    let asked = Instant::now();
    // The first waits for the lock, the others for the first: none of them longer.
    let writers = [(); 4].map(|()| {
        let database = fresh.database.clone();
        tokio::spawn(async move { (database.begin().await.map(drop), asked.elapsed()) })
    });
    for writer in writers {
        let (outcome, took) = writer.await.expect("joined");
        assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
        assert!(took < lock_timeout * 2, "gave up after {took:?}");
    }
    assert_eq!(seen::<Customer>(&fresh.database, "cust_1").await, None, "reads go on");
    held.rollback().await.expect("rolled back");
    store(&fresh.database, &[customer("cust_1")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_waits_for_a_lock_that_ends_in_time() {
    let fresh = sqlite().await;
    let other = Database::open(&fresh.file(), &DatabaseOptions::default()).await.expect("opens");
    let mut held = begin(&other).await;
    storage::insert(&mut held, &customer("cust_1")).await.expect("inserted");
    let database = fresh.database.clone();
    let waiting = tokio::spawn(async move {
        let mut work = begin(&database).await;
        storage::get::<Customer>(&mut work, &scope(), "cust_1").await.expect("read")
    });
    held.commit().await.expect("committed");
    assert_eq!(waiting.await.expect("joined"), Some(customer("cust_1")));
}

/// SQLite takes the whole transaction back when the file cannot grow; the driver does not notice.
#[tokio::test]
async fn a_full_file_refuses_writes_and_recovers() {
    let fresh = sqlite().await;
    let database = &fresh.database;
    store(database, &[customer("cust_1")]).await;
    for round in 0..3 {
        let mut work = begin(database).await;
        // This connection may not grow the file any more; a new one may.
        work.execute(Sql::new("PRAGMA max_page_count = 1")).await.expect("set");
        let large = Customer { name: "x".repeat(1 << 20), ..customer("cust_2") };
        let refused = storage::insert(&mut work, &large).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "round {round}: {refused:?}");
        drop(work);
        assert_eq!(seen::<Customer>(database, "cust_2").await, None);
        store(database, &[customer(&format!("after_{round}"))]).await;
    }
    assert_eq!(storage::count::<Customer>(&mut database.clone(), &scope(), &[]).await.expect("counted"), 4);
}

fn large(number: u32) -> Customer {
    Customer { name: "x".repeat(3_000), ..customer(&format!("cust_{number}")) }
}

/// SQLite itself would go on writing beside the broken pages.
#[tokio::test]
async fn a_damaged_file_takes_nothing_more() {
    let fresh = sqlite().await;
    store(&fresh.database, &(0..400).map(large).collect::<Vec<_>>()).await;
    fresh.database.close().await;
    assert_eq!(Database::verify(&fresh.file(), &DatabaseOptions::default(), Depth::Everything).await.expect("read"), Vec::<String>::new());
    // Behind the schema lie the customers.
    let mut broken = std::fs::read(fresh.file()).expect("read");
    let half = broken.len() / 2;
    broken[half..].fill(0xee);
    std::fs::write(fresh.file(), &broken).expect("written");
    for depth in [Depth::Structure, Depth::Everything] {
        assert!(!Database::verify(&fresh.file(), &DatabaseOptions::default(), depth).await.expect("read").is_empty());
    }
    let database = Database::open(&fresh.file(), &DatabaseOptions::default()).await.expect("its first pages are sound");
    let read = storage::find_all::<Customer>(&mut database.clone(), &scope(), &[]).await;
    assert!(matches!(read, Err(StoreError::Damaged(_))), "{read:?}");
    for outcome in [database.check().await, database.begin().await.map(drop)] {
        assert!(matches!(outcome, Err(StoreError::Damaged(_))), "{outcome:?}");
    }
    database.close().await;

    std::fs::write(fresh.file(), "x".repeat(8_192)).expect("written");
    let other = Database::open(&fresh.file(), &DatabaseOptions::default()).await;
    assert!(matches!(&other, Err(StoreError::Damaged(text)) if text.contains("not a database")), "{other:?}");
}

#[tokio::test]
async fn a_file_that_goes_takes_nothing_more() {
    let fresh = sqlite().await;
    store(&fresh.database, &[customer("cust_1")]).await;
    let mut open = begin(&fresh.database).await;
    storage::insert(&mut open, &customer("cust_2")).await.expect("inserted");
    let away = fresh.file().with_extension("away");
    std::fs::rename(fresh.file(), &away).expect("moved");
    let says = |outcome: Result<(), StoreError>, words: &str| {
        assert!(matches!(&outcome, Err(StoreError::Unavailable(text)) if text.contains(words)), "{outcome:?}");
    };
    says(open.commit().await, "is gone");
    says(fresh.database.begin().await.map(drop), "is gone");
    std::fs::copy(&away, fresh.file()).expect("copied");
    says(fresh.database.check().await, "was replaced by another file");
    std::fs::rename(&away, fresh.file()).expect("moved back");
    fresh.database.check().await.expect("it is the same file again");
    assert_eq!(seen::<Customer>(&fresh.database, "cust_2").await, None);
}
