//! A client that shows what came back, refusals and broken connections included.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

/// The key of local use.
const KEY: &str = "sk_local_flexprice_test_key";
/// The sandbox of local use.
pub(crate) const SANDBOX: &str = "00000000-0000-0000-0000-000000000000";
/// Longer than any answer in these tests takes.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Between two tries of [`Client::until`].
const PAUSE: Duration = Duration::from_millis(20);

/// Speaks to one server. Clones share their connections.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    key: String,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Value,
}

async fn answer_of(response: reqwest::Response) -> Result<Answer, reqwest::Error> {
    let status = response.status();
    let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let bytes = response.bytes().await?;
    Ok(Answer { status, retry_after, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
}

impl Client {
    /// Connections of its own to a server.
    pub(crate) fn new(url: &str) -> Self {
        Self::with_key(url, KEY)
    }

    /// Likewise, with a key of the server's own.
    pub(crate) fn with_key(url: &str, key: &str) -> Self {
        let http = reqwest::Client::builder().timeout(TIMEOUT).build().expect("a client");
        Self { http, url: url.to_owned(), key: key.to_owned() }
    }

    /// Sends a request; an error means that no whole answer came.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, reqwest::Error> {
        let mut request = self.http.request(method, format!("{}{path}", self.url)).header("x-api-key", &self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        answer_of(request.send().await?).await
    }

    /// Sends a change under an idempotency key.
    #[cfg(feature = "cluster")]
    pub(crate) async fn post_keyed(&self, key: &str, path: &str, body: &Value) -> Result<Answer, reqwest::Error> {
        let request = self.http.post(format!("{}{path}", self.url)).header("x-api-key", &self.key);
        answer_of(request.header("idempotency-key", key).json(body).send().await?).await
    }

    /// Sends a change.
    pub(crate) async fn try_post(&self, path: &str, body: &Value) -> Result<Answer, reqwest::Error> {
        self.send(Method::POST, path, Some(body)).await
    }

    /// The answer to a change or a question that must be taken.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.try_post(path, &body).await.unwrap_or_else(|error| panic!("POST {path}: {error}"));
        answer.accepted(path)
    }

    /// The answer to a read that must succeed.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.send(Method::GET, path, None).await.unwrap_or_else(|error| panic!("GET {path}: {error}"));
        answer.accepted(path)
    }

    /// Whether the server says that it is ready, and the whole answer.
    pub(crate) async fn readiness(&self) -> Answer {
        self.send(Method::GET, "/ready", None).await.expect("the server answers")
    }

    /// Gives the sandbox a clock that stands still.
    pub(crate) async fn set_clock(&self, time: &str) {
        let body = json!({ "time": time });
        let path = format!("/v1/environments/{SANDBOX}/clock");
        self.send(Method::PUT, &path, Some(&body)).await.expect("the server answers").accepted(&path);
    }

    /// Advances the sandbox's clock and runs what falls due on the way.
    pub(crate) async fn try_advance(&self, to: &str) -> Result<Answer, reqwest::Error> {
        self.try_post(&format!("/v1/environments/{SANDBOX}/clock/advance"), &json!({ "to": to })).await
    }

    /// Repeats a change until it is taken; refusals meanwhile must say 503. For a server that recovers.
    pub(crate) async fn until_accepted(&self, path: &str, body: &Value, patience: Duration) -> Value {
        let asked = Instant::now();
        loop {
            let answer = self.try_post(path, body).await.expect("the server answers");
            if answer.status != StatusCode::SERVICE_UNAVAILABLE {
                return answer.accepted(path);
            }
            assert!(asked.elapsed() < patience, "{path} is still refused: {answer:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl Answer {
    /// The body of a success.
    pub(crate) fn accepted(self, path: &str) -> Value {
        assert!(self.status.is_success(), "{path} was refused: {self:?}");
        self.body
    }

    /// Holds for a refusal that asks to try again: status, header and envelope.
    pub(crate) fn assert_try_again(&self) {
        assert_eq!(self.status, StatusCode::SERVICE_UNAVAILABLE, "{self:?}");
        let seconds: u64 =
            self.retry_after.as_deref().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no Retry-After: {self:?}"));
        assert!((1..=60).contains(&seconds), "{self:?}");
        assert_eq!(self.body["code"], "service_unavailable", "{self:?}");
        assert_eq!(self.body["http_status_code"], 503, "{self:?}");
        assert!(self.body["message"].as_str().is_some_and(|message| message.contains("try again")), "{self:?}");
    }
}
