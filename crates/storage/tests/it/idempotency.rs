//! Answers under idempotency keys: kept with the change, told again, forgotten in the end.

use storage::idempotency::{self, IdempotencyRecord};
use storage::{Database, StoreError};

use crate::fixtures::{at, begin, neighbours, scope};

contract!(
    an_answer_is_recalled_as_it_was_given,
    a_key_is_used_once,
    keys_are_separate_by_scope,
    an_answer_goes_with_its_change,
    old_answers_are_forgotten,
    a_free_name_is_taken_and_given_back,
);

fn answer(key: &str, created: i64) -> IdempotencyRecord {
    IdempotencyRecord {
        key: key.into(),
        fingerprint: "0123abcd".into(),
        response_status: 201,
        response_body: r#"{"id":"cust_1","name":"Ä"}"#.into(),
        created_at: at(created),
    }
}

async fn remember(database: &Database, record: &IdempotencyRecord) {
    let mut work = begin(database).await;
    idempotency::remember(&mut work, &scope(), record).await.expect("kept");
    work.commit().await.expect("committed");
}

async fn recall(database: &Database, key: &str) -> Option<IdempotencyRecord> {
    idempotency::recall(&mut database.clone(), &scope(), key).await.expect("read")
}

async fn an_answer_is_recalled_as_it_was_given(database: &Database) {
    assert_eq!(recall(database, "key").await, None);
    remember(database, &answer("key", 1)).await;
    let empty = IdempotencyRecord { response_status: 204, response_body: String::new(), ..answer("empty", 2) };
    remember(database, &empty).await;
    assert_eq!(recall(database, "key").await, Some(answer("key", 1)));
    assert_eq!(recall(database, "empty").await, Some(empty));
    assert_eq!(recall(database, "KEY").await, None);
}

async fn a_key_is_used_once(database: &Database) {
    remember(database, &answer("key", 1)).await;
    let mut work = begin(database).await;
    let second = idempotency::remember(&mut work, &scope(), &answer("key", 2)).await;
    // The text names the rule, by which callers tell this race from other conflicts.
    assert!(matches!(&second, Err(StoreError::Conflict(rule)) if rule.contains("idempotency_records")), "{second:?}");
    drop(work);
    assert_eq!(recall(database, "key").await, Some(answer("key", 1)));
}

async fn keys_are_separate_by_scope(database: &Database) {
    for neighbour in neighbours() {
        let mut work = begin(database).await;
        idempotency::remember(&mut work, &neighbour, &answer("key", 1)).await.expect("kept");
        work.commit().await.expect("committed");
    }
    assert_eq!(recall(database, "key").await, None);
    remember(database, &answer("key", 2)).await;
}

async fn an_answer_goes_with_its_change(database: &Database) {
    let mut work = begin(database).await;
    idempotency::remember(&mut work, &scope(), &answer("key", 1)).await.expect("kept");
    assert_eq!(recall(database, "key").await, None, "not before the commit");
    work.rollback().await.expect("rolled back");
    assert_eq!(recall(database, "key").await, None);
    remember(database, &answer("key", 2)).await;
}

async fn old_answers_are_forgotten(database: &Database) {
    for (key, created) in [("old", 1), ("just", 2), ("new", 3)] {
        remember(database, &answer(key, created)).await;
    }
    let mut work = begin(database).await;
    assert_eq!(idempotency::forget_before(&mut work, at(2)).await.expect("forgotten"), 1);
    work.commit().await.expect("committed");
    assert_eq!(recall(database, "old").await, None);
    assert_eq!(recall(database, "just").await, Some(answer("just", 2)));
}

async fn a_free_name_is_taken_and_given_back(database: &Database) {
    for _ in 0..2 {
        let mut work = begin(database).await;
        assert!(work.try_lock(&scope(), "idempotency/key").await.expect("asked"));
        assert!(work.try_lock(&scope(), "idempotency/key").await.expect("asked"), "its own");
        work.commit().await.expect("committed");
    }
}
