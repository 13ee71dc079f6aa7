//! Tables of requests that are refused and change nothing.

use http::Method;
use serde_json::Value;
use testkit::Client;

/// A request with what is wrong about it.
pub(crate) struct Refused {
    pub(crate) why: &'static str,
    pub(crate) method: Method,
    pub(crate) path: String,
    /// As it is sent: not always JSON.
    pub(crate) body: String,
    pub(crate) status: u16,
    pub(crate) code: &'static str,
}

/// A POST that is a `validation_error`.
pub(crate) fn post(why: &'static str, path: &str, body: &Value) -> Refused {
    raw(why, path, body.to_string())
}

/// A POST of bytes that is a `validation_error`.
pub(crate) fn raw(why: &'static str, path: &str, body: impl Into<String>) -> Refused {
    Refused { why, method: Method::POST, path: path.to_owned(), body: body.into(), status: 400, code: "validation_error" }
}

/// A GET that is a `validation_error`.
pub(crate) fn get(why: &'static str, path: &str) -> Refused {
    Refused { method: Method::GET, ..raw(why, path, "") }
}

impl Refused {
    pub(crate) fn with(self, status: u16, code: &'static str) -> Self {
        Self { status, code, ..self }
    }

    pub(crate) fn by(self, method: Method) -> Self {
        Self { method, ..self }
    }
}

/// Sends them all: each is refused as the table says, and nothing has changed after.
pub(crate) async fn assert_refused(client: &Client, table: Vec<Refused>) {
    let before = client.dump().await;
    let mut wrong = Vec::new();
    for Refused { why, method, path, body, status, code } in table {
        let answer = client.send(method, &path, body.clone()).await;
        let as_expected = answer.status == status
            && answer.body["code"] == code
            && answer.body["http_status_code"] == status
            && answer.body["message"].as_str().is_some_and(|message| !message.is_empty());
        if !as_expected {
            let shown: String = body.chars().take(300).collect();
            wrong.push(format!("{why}: expected {status} {code}, but {answer}\n    for {shown}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(client.dump().await, before, "a refused request changed something");
}
