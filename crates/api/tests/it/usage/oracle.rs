//! Every read path gives the number of the plain formula over the accepted events, in exact arithmetic: for random meters of every
//! aggregation, events (copies, late, future, negative, not numeric, missing), windows, zones, groups and filters (spec 10 §8).

use std::env;

use proptest::collection::vec;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::Value;
use testkit::oracle::{Api, open, question, world};
use testkit::{Client, TestApp};

/// Questions asked of each world.
const QUESTIONS: usize = 8;
/// Most events of a world.
const EVENTS_MAX: usize = 60;

struct InProcess(Client);

impl Api for InProcess {
    async fn call(&self, path: &str, body: Value) -> Value {
        let answer = self.0.post(path, &body).await;
        assert!((200..300).contains(&answer.status), "{path} {body}: {} {}", answer.status, answer.body);
        answer.body
    }

    async fn settle(&self) {}
}

/// `ORACLE_QUESTIONS` questions are asked, 2,000 without; the nightly run asks 100,000.
#[test]
fn every_read_path_gives_the_number_of_the_plain_formula() {
    let questions = env::var("ORACLE_QUESTIONS").map_or(2_000, |count| count.parse().expect("ORACLE_QUESTIONS is a number"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let cases = u32::try_from(usize::div_ceil(questions, QUESTIONS)).expect("a number of cases");
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, max_shrink_iters: 60, ..Config::default() });
    let strategy = (world(EVENTS_MAX), vec(question(), QUESTIONS));
    runner
        .run(&strategy, |(world, questions)| {
            let asked = std::panic::AssertUnwindSafe(|| {
                runtime.block_on(async {
                    let app = TestApp::start().await;
                    let api = InProcess(app.client());
                    api.0.set_clock("2025-03-01T00:00:00Z").await;
                    let opened = open(&api, world.clone(), "w").await;
                    for question in &questions {
                        opened.check(&api, question).await;
                    }
                    api.0.advance("2025-04-02T00:00:00Z").await;
                    let mut invoices = Vec::new();
                    for invoice in api.0.invoices(opened.subscription_id()).await {
                        invoices.push(api.0.get(&format!("/v1/invoices/{}", invoice["id"].as_str().unwrap_or_default())).await.ok());
                    }
                    opened.check_invoice(&invoices);
                })
            });
            std::panic::catch_unwind(asked).map_err(|panic| {
                let said = panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".to_owned());
                TestCaseError::fail(said)
            })
        })
        .unwrap();
}
