//! Units of work: all or nothing, unseen until they commit, one after the other.

use std::time::Duration;

use domain::customer::Customer;
use domain::invoice::Invoice;
use storage::{Database, Sql, StoreError};

use crate::fixtures::{begin, customer, invoice, scope, seen, store};

contract!(
    a_commit_keeps_everything,
    a_rollback_leaves_no_trace,
    a_dropped_unit_of_work_leaves_no_trace,
    a_cancelled_unit_of_work_leaves_no_trace,
    reads_outside_do_not_see_what_is_not_committed,
    reads_inside_see_their_own_writes,
    reads_outside_go_on_while_a_unit_of_work_is_open,
    a_failed_statement_does_not_spoil_the_next_unit_of_work,
    after_a_failed_statement_nothing_commits,
    a_name_is_held_by_one_unit_of_work_at_a_time,
    writers_queue_instead_of_failing,
    what_a_unit_of_work_read_stays_true,
);

async fn a_commit_keeps_everything(database: &Database) {
    let mut work = begin(database).await;
    storage::insert(&mut work, &customer("cust_1")).await.expect("inserted");
    storage::insert(&mut work, &invoice("inv_1")).await.expect("inserted");
    work.commit().await.expect("committed");
    assert_eq!(seen(database, "cust_1").await, Some(customer("cust_1")));
    assert_eq!(seen(database, "inv_1").await, Some(invoice("inv_1")));
}

async fn assert_no_trace(database: &Database) {
    assert_eq!(seen::<Customer>(database, "cust_1").await, None);
    assert_eq!(seen::<Invoice>(database, "inv_1").await, None);
    // And the way is free for the next one.
    store(database, &[customer("cust_1")]).await;
}

async fn a_rollback_leaves_no_trace(database: &Database) {
    let mut work = begin(database).await;
    storage::insert(&mut work, &customer("cust_1")).await.expect("inserted");
    storage::insert(&mut work, &invoice("inv_1")).await.expect("inserted");
    work.rollback().await.expect("rolled back");
    assert_no_trace(database).await;
}

async fn a_dropped_unit_of_work_leaves_no_trace(database: &Database) {
    let mut work = begin(database).await;
    storage::insert(&mut work, &customer("cust_1")).await.expect("inserted");
    storage::insert(&mut work, &invoice("inv_1")).await.expect("inserted");
    drop(work);
    assert_no_trace(database).await;
}

/// A client that goes away takes its request with it, wherever that stands.
async fn a_cancelled_unit_of_work_leaves_no_trace(database: &Database) {
    for micros in (0..4_000).step_by(100) {
        let request = async {
            let mut work = begin(database).await;
            storage::insert(&mut work, &customer("cust_1")).await.expect("inserted");
            storage::insert(&mut work, &invoice("inv_1")).await.expect("inserted");
            std::future::pending::<()>().await;
        };
        let cut_off = tokio::time::timeout(Duration::from_micros(micros), request).await;
        assert!(cut_off.is_err());
    }
    assert_no_trace(database).await;
}

async fn reads_outside_do_not_see_what_is_not_committed(database: &Database) {
    store(database, &[customer("cust_2")]).await;
    let mut work = begin(database).await;
    storage::insert(&mut work, &customer("cust_1")).await.expect("inserted");
    storage::update(&mut work, &Customer { name: "changed".into(), ..customer("cust_2") }).await.expect("updated");
    assert_eq!(seen::<Customer>(database, "cust_1").await, None);
    assert_eq!(seen(database, "cust_2").await, Some(customer("cust_2")));
    work.commit().await.expect("committed");
    assert_eq!(seen(database, "cust_1").await, Some(customer("cust_1")));
}

async fn reads_inside_see_their_own_writes(database: &Database) {
    let mut work = begin(database).await;
    storage::insert(&mut work, &customer("cust_1")).await.expect("inserted");
    assert_eq!(storage::get(&mut work, &scope(), "cust_1").await.expect("read"), Some(customer("cust_1")));
    assert_eq!(storage::count::<Customer>(&mut work, &scope(), &[]).await.expect("counted"), 1);
}

async fn reads_outside_go_on_while_a_unit_of_work_is_open(database: &Database) {
    store(database, &[customer("cust_2")]).await;
    let mut work = begin(database).await;
    storage::insert(&mut work, &customer("cust_1")).await.expect("inserted");
    let readers: Vec<_> = (0..20)
        .map(|_| {
            let database = database.clone();
            tokio::spawn(async move { seen::<Customer>(&database, "cust_2").await })
        })
        .collect();
    for reader in readers {
        assert_eq!(reader.await.expect("joined"), Some(customer("cust_2")));
    }
    work.rollback().await.expect("rolled back");
}

async fn a_failed_statement_does_not_spoil_the_next_unit_of_work(database: &Database) {
    for _ in 0..3 {
        let mut work = begin(database).await;
        storage::insert(&mut work, &customer("cust_1")).await.expect("inserted");
        work.execute(Sql::new("INSERT INTO nowhere VALUES (1)")).await.expect_err("there is no such table");
        drop(work);
    }
    assert_no_trace(database).await;
}

/// A caller that overlooks an error must not lose what it wrote before without a word.
async fn after_a_failed_statement_nothing_commits(database: &Database) {
    store(database, &[customer("cust_2")]).await;
    let mut work = begin(database).await;
    storage::insert(&mut work, &customer("cust_1")).await.expect("inserted");
    let refused = storage::insert(&mut work, &customer("cust_2")).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    let later = storage::insert(&mut work, &customer("cust_3")).await;
    assert!(matches!(later, Err(StoreError::Unavailable(_))), "{later:?}");
    let read = storage::get::<Customer>(&mut work, &scope(), "cust_1").await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    let committed = work.commit().await;
    assert!(matches!(committed, Err(StoreError::Unavailable(_))), "{committed:?}");
    assert_no_trace(database).await;
}

/// Each decides on the absence of all others: one may write.
async fn a_name_is_held_by_one_unit_of_work_at_a_time(database: &Database) {
    let writers: Vec<_> = (0..8)
        .map(|number| {
            let database = database.clone();
            tokio::spawn(async move {
                let mut work = begin(&database).await;
                work.lock(&scope(), "the only customer").await.expect("held");
                let there = storage::count::<Customer>(&mut work, &scope(), &[]).await.expect("counted");
                tokio::task::yield_now().await;
                if there == 0 {
                    storage::insert(&mut work, &customer(&format!("cust_{number}"))).await.expect("inserted");
                }
                work.commit().await.expect("committed");
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("no writer fails");
    }
    assert_eq!(storage::count::<Customer>(&mut database.clone(), &scope(), &[]).await.expect("counted"), 1);
}

async fn writers_queue_instead_of_failing(database: &Database) {
    let writers: Vec<_> = (0..40)
        .map(|number| {
            let database = database.clone();
            tokio::spawn(async move { store(&database, &[customer(&format!("cust_{number}"))]).await })
        })
        .collect();
    for writer in writers {
        writer.await.expect("no writer fails");
    }
    assert_eq!(storage::count::<Customer>(&mut database.clone(), &scope(), &[]).await.expect("counted"), 40);
}

/// A lost update would leave fewer than all increments.
async fn what_a_unit_of_work_read_stays_true(database: &Database) {
    store(database, &[invoice("inv_1")]).await;
    let writers: Vec<_> = (0..20)
        .map(|_| {
            let database = database.clone();
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
    assert_eq!(seen::<Invoice>(database, "inv_1").await.map(|invoice| invoice.version), Some(21));
}
