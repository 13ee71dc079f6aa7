//! Counters: no number twice, none missing.

use domain::scope::Scope;
use storage::{Database, sequences};

use crate::fixtures::{begin, neighbours, scope};

contract!(
    a_counter_begins_where_it_is_told_and_rises_by_one,
    counters_are_separate_by_name_and_scope,
    a_rollback_returns_the_number,
    concurrent_writers_leave_neither_gap_nor_repetition,
);

async fn next(database: &Database, scope: &Scope, name: &str, first: i64) -> i64 {
    let mut work = begin(database).await;
    let value = sequences::next(&mut work, scope, name, first).await.expect("a number");
    work.commit().await.expect("committed");
    value
}

async fn a_counter_begins_where_it_is_told_and_rises_by_one(database: &Database) {
    assert_eq!(sequences::current(&mut database.clone(), &scope(), "invoice").await.expect("read"), 0);
    for expected in [7, 8, 9] {
        assert_eq!(next(database, &scope(), "invoice", 7).await, expected);
    }
    assert_eq!(sequences::current(&mut database.clone(), &scope(), "invoice").await.expect("read"), 9);
}

async fn counters_are_separate_by_name_and_scope(database: &Database) {
    assert_eq!(next(database, &scope(), "invoice/202406", 1).await, 1);
    assert_eq!(next(database, &scope(), "invoice/202407", 1).await, 1);
    for neighbour in neighbours() {
        assert_eq!(next(database, &neighbour, "invoice/202406", 1).await, 1);
    }
    assert_eq!(next(database, &scope(), "invoice/202406", 1).await, 2);
}

async fn a_rollback_returns_the_number(database: &Database) {
    assert_eq!(next(database, &scope(), "invoice", 1).await, 1);
    let mut work = begin(database).await;
    assert_eq!(sequences::next(&mut work, &scope(), "invoice", 1).await.expect("a number"), 2);
    assert_eq!(sequences::next(&mut work, &scope(), "invoice", 1).await.expect("a number"), 3);
    work.rollback().await.expect("rolled back");
    let mut work = begin(database).await;
    assert_eq!(sequences::next(&mut work, &scope(), "invoice", 1).await.expect("a number"), 2);
    drop(work);
    assert_eq!(next(database, &scope(), "invoice", 1).await, 2);
}

async fn concurrent_writers_leave_neither_gap_nor_repetition(database: &Database) {
    let writers: Vec<_> = (0..30)
        .map(|number| {
            let database = database.clone();
            tokio::spawn(async move {
                let mut work = begin(&database).await;
                let value = sequences::next(&mut work, &scope(), "invoice", 1).await.expect("a number");
                tokio::task::yield_now().await;
                // Every third changes its mind, half of these without a word.
                match number % 6 {
                    0 => drop(work),
                    3 => work.rollback().await.expect("rolled back"),
                    _ => {
                        work.commit().await.expect("committed");
                        return Some(value);
                    }
                }
                None
            })
        })
        .collect();
    let mut given = Vec::new();
    for writer in writers {
        given.extend(writer.await.expect("no writer fails"));
    }
    given.sort_unstable();
    assert_eq!(given, (1..=20).collect::<Vec<i64>>());
}
