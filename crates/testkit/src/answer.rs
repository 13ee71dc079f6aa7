//! What the system answered, and what a test expects of it.

use std::fmt;

use http::HeaderMap;
use serde_json::Value;

/// An answer with the request that it belongs to.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body: JSON, text where it is none, null where it is empty.
    pub body: Value,
    /// Method and path.
    pub(crate) request: String,
}

impl Answer {
    /// The body of an answer with this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self}");
        self.body
    }

    /// The body of a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{self}");
        self.body
    }

    /// Expects the error envelope with this status and code, complete, with words for people and, where the request
    /// is to be mended, facts for programs.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{self}");
        assert_eq!(self.body["http_status_code"], status, "{self}");
        let message = self.body["message"].as_str().unwrap_or_default();
        assert!(!message.trim().is_empty(), "an error without words: {self}");
        let known = ["code", "message", "http_status_code", "details"];
        let strange: Vec<_> = self.body.as_object().into_iter().flatten().filter(|(key, _)| !known.contains(&key.as_str())).collect();
        assert!(strange.is_empty(), "strange fields: {self}");
        let is_silent = self.body["details"].as_object().is_none_or(serde_json::Map::is_empty);
        assert!(!matches!(status, 400 | 404 | 409) || !is_silent, "an error without facts: {self}");
        self.body
    }

    /// Expects 400 `validation_error`.
    #[track_caller]
    pub fn invalid(self) -> Value {
        self.refused(400, "validation_error")
    }

    /// Expects 404 `not_found`.
    #[track_caller]
    pub fn not_found(self) -> Value {
        self.refused(404, "not_found")
    }

    /// A header's text; empty when absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {} {}", self.request, self.status, self.body)
    }
}
