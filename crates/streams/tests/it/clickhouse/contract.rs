//! The contract and the random histories, as the embedded store keeps them.

use proptest::test_runner::{Config, TestRunner};
use streams::EventStore;

use super::fixture::Database;
use crate::model::scope;
use crate::{contract, random};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract() {
    let database = Database::new().await;
    let store = database.store();
    contract::run(&store).await;
    store.close().await;
    assert!(store.check().await.is_err(), "a closed store is not ready");
    database.remove().await;
}

#[test]
fn every_answer_is_that_of_the_plain_formula() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let database = runtime.block_on(Database::new());
    let mut runner = TestRunner::new(Config { cases: 12, max_shrink_iters: 60, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&random::history(), |steps| {
        let scope = scope(&format!("t{:016x}", rand::random::<u64>()));
        runtime.block_on(random::play(steps, &scope, || database.store()));
        Ok(())
    });
    outcome.unwrap();
    runtime.block_on(database.remove());
}
