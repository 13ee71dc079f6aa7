//! The API's client: JSON in and out, waits when the server is busy, says what it refused.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{Method, Response, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The key of local use; safe to print.
pub(super) const PUBLIC_KEY: &str = "sk_local_flexprice_test_key";
/// A refusal by a busy server is tried again so often, about half a minute in all.
const TRIES_MAX: u32 = 16;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// Longer than the server lets any request take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

/// Speaks to one server with one key.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
    has_public_key: bool,
}

impl Client {
    pub(super) fn new(url: &str, key: &str) -> anyhow::Result<Self> {
        let url = url.trim_end_matches('/').trim_end_matches("/v1").to_owned();
        if !url.starts_with("http://") {
            bail!("--url must begin with http://, found {url}");
        }
        let mut secret = header::HeaderValue::from_str(key).context("--api-key cannot be sent in a header")?;
        secret.set_sensitive(true);
        let headers = header::HeaderMap::from_iter([(header::HeaderName::from_static("x-api-key"), secret)]);
        let http = reqwest::Client::builder().default_headers(headers).timeout(REQUEST_TIMEOUT).build()?;
        Ok(Self { http, url, has_public_key: key == PUBLIC_KEY })
    }

    /// The server's address without a path.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn has_public_key(&self) -> bool {
        self.has_public_key
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.send(Method::GET, path, None).await
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        self.send(Method::POST, path, Some(serde_json::to_vec(body)?)).await
    }

    pub(super) async fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        self.send(Method::PUT, path, Some(serde_json::to_vec(body)?)).await
    }

    /// Sends a request as it stands until it is neither refused as too much (429) nor as not possible now (503). Neither changed
    /// anything, and events carry their ids, so sending them again is safe.
    async fn send<T: DeserializeOwned>(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> anyhow::Result<T> {
        let url = format!("{}/v1{path}", self.url);
        let body = body.map(bytes::Bytes::from);
        let mut pause = FIRST_PAUSE;
        for tries in 1.. {
            let mut request = self.http.request(method.clone(), &url);
            if let Some(body) = &body {
                request = request.header(header::CONTENT_TYPE, "application/json").body(body.clone());
            }
            let response = request.send().await.with_context(|| format!("no answer from {}: does a server run there?", self.url))?;
            let busy = matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
            if !busy || tries == TRIES_MAX {
                return read(&method, path, response).await;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        unreachable!("the last try returns")
    }
}

async fn read<T: DeserializeOwned>(method: &Method, path: &str, response: Response) -> anyhow::Result<T> {
    #[derive(serde::Deserialize)]
    struct Refusal {
        code: String,
        message: String,
    }
    let status = response.status();
    let body = response.bytes().await.with_context(|| format!("the answer to {method} {path} broke off"))?;
    if status.is_success() {
        return serde_json::from_slice(&body).with_context(|| format!("the answer to {method} {path} is not as expected"));
    }
    match serde_json::from_slice::<Refusal>(&body) {
        Ok(refusal) => bail!("{method} {path} was refused: {status}, {}: {}", refusal.code, refusal.message),
        Err(_) => bail!("{method} {path} was refused: {status}"),
    }
}
