//! Events that go into an event log, as in a cluster, for consumers to count later (spec 10 §§1.3, 9.5).

use std::sync::{Arc, Mutex};

use app::event::{EventLog, EventLogError, LogLag, LogPartition};
use async_trait::async_trait;
use domain::event::Event;
use domain::scope::Scope;
use serde_json::{Value, json};
use testkit::{TestApp, event};

/// How a log answers.
#[derive(Clone, Copy, Default)]
enum Mood {
    #[default]
    Takes,
    IsFull,
    IsAway,
    FindsThemTooLarge,
}

/// Remembers what was published, and who asked for the lag.
#[derive(Default)]
struct Log {
    mood: Mutex<Mood>,
    published: Mutex<Vec<Event>>,
    lags: Mutex<u64>,
}

impl Log {
    fn becomes(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// The ids of all that was published.
    fn ids(&self) -> Vec<String> {
        self.published.lock().unwrap().iter().map(|event| event.id.clone()).collect()
    }
}

#[async_trait]
impl EventLog for Log {
    async fn publish(&self, _: &Scope, events: Vec<Event>) -> Result<(), EventLogError> {
        match *self.mood.lock().unwrap() {
            Mood::Takes => self.published.lock().unwrap().extend(events),
            Mood::IsFull => return Err(EventLogError::Overloaded),
            Mood::IsAway => return Err(EventLogError::Unavailable("broker 7 at 10.0.0.7".into())),
            Mood::FindsThemTooLarge => return Err(EventLogError::TooLarge("event `e1` takes 2 MB".into())),
        }
        Ok(())
    }

    async fn settle(&self) -> Result<(), EventLogError> {
        Ok(())
    }

    async fn settle_both(&self) -> Result<Vec<(LogPartition, i64)>, EventLogError> {
        self.settle().await.map(|()| Vec::new())
    }

    async fn lag(&self) -> Result<LogLag, EventLogError> {
        if let Mood::IsAway = *self.mood.lock().unwrap() {
            return Err(EventLogError::Unavailable("broker 7 at 10.0.0.7".into()));
        }
        let mut lags = self.lags.lock().unwrap();
        *lags += 1;
        Ok(LogLag { events: *lags, usage: 100 + *lags })
    }

    async fn check(&self) -> Result<(), EventLogError> {
        Ok(())
    }

    async fn close(&self) {}
}

async fn started() -> (TestApp, Arc<Log>) {
    let log = Arc::new(Log::default());
    (TestApp::start_logging(Arc::clone(&log) as Arc<dyn EventLog>).await, log)
}

fn two() -> Value {
    let at = "2025-01-05T00:00:00Z";
    json!({"events": [event("e1", "api", "c1", at, json!({"n": 1})), event("e2", "api", "c1", at, json!({"n": 2}))]})
}

/// Which events are copies is found out by the consumers, after the answer: it says how many were accepted, and no more.
#[tokio::test]
async fn an_answer_does_not_say_how_many_events_were_new() {
    let (app, log) = started().await;
    let client = app.client();
    for _ in 0..2 {
        let answer = client.post("/v1/events/bulk", &two()).await.expect(202);
        assert_eq!((&answer["accepted"], answer.get("new")), (&json!("2"), None));
    }
    let alone = client.post("/v1/events", &event("e3", "api", "c1", "2025-01-05T00:00:00Z", json!({}))).await.expect(202);
    assert_eq!(alone["event_id"], "e3");
    assert_eq!(log.ids(), ["e1", "e2", "e1", "e2", "e3"], "copies are told apart behind the log");
}

/// Never a 202 for work not done: who sends again, also under the same idempotency key, is taken in.
#[tokio::test]
async fn events_that_the_log_does_not_take_are_refused() {
    let (app, log) = started().await;
    let client = app.client();
    for (mood, status, code) in [
        (Mood::IsAway, 503, "service_unavailable"),
        (Mood::IsFull, 429, "too_many_requests"),
        (Mood::FindsThemTooLarge, 400, "validation_error"),
    ] {
        log.becomes(mood);
        for (path, body) in [("/v1/events/bulk", two()), ("/v1/events", two()["events"][0].clone())] {
            let answer = client.with("idempotency-key", path).post(path, &body).await;
            assert_eq!(answer.header("retry-after").is_empty(), status == 400, "{answer}");
            let refusal = answer.refused(status, code);
            assert!(!refusal["message"].as_str().unwrap().contains("10.0.0.7"), "causes are for the log: {refusal}");
        }
    }
    assert!(log.ids().is_empty());
    log.becomes(Mood::Takes);
    client.with("idempotency-key", "/v1/events/bulk").post("/v1/events/bulk", &two()).await.expect(202);
    assert_eq!(log.ids(), ["e1", "e2"]);
}

/// One bad event refuses its request before anything is published.
#[tokio::test]
async fn a_bad_event_publishes_nothing() {
    let (app, log) = started().await;
    let mut sent = two();
    sent["events"][1]["external_customer_id"] = "".into();
    app.client().post("/v1/events/bulk", &sent).await.invalid();
    assert!(log.ids().is_empty());
}

/// Of both groups; the brokers are asked once in five seconds, and one that does not answer is no lag of 0.
#[tokio::test]
async fn monitoring_tells_how_far_the_consumers_are_behind() {
    let (app, log) = started().await;
    let client = app.client();
    let lags = async || {
        let found = client.get("/v1/events/monitoring").await.expect(200);
        (found["consumption_lag"].as_u64().unwrap(), found["post_processing_lag"].as_u64().unwrap())
    };
    app.clock.set("2025-01-10T12:00:00Z");
    assert_eq!(lags().await, (1, 101));
    app.clock.set("2025-01-10T12:00:04Z");
    assert_eq!(lags().await, (1, 101));
    app.clock.set("2025-01-10T12:00:05Z");
    assert_eq!(lags().await, (2, 102));
    app.clock.set("2025-01-10T12:00:10Z");
    log.becomes(Mood::IsAway);
    client.get("/v1/events/monitoring").await.refused(503, "service_unavailable");
}
