//! What a walk over a request found.

use app::Error;
use domain::invalid::Invalid;

/// Most findings of a kind that an answer tells of.
const FINDINGS_MAX: usize = 20;
/// Most characters of a value or name that is shown.
const SHOWN_CHARS_MAX: usize = 100;

/// Fields that should not be there, and values that do not fit.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) unknown: Vec<UnknownField>,
    /// What does not fit the schema. Types may take more than their schema says, so these count only where reading fails.
    pub(super) wrong: Vec<Invalid>,
    /// What holds more than it may.
    pub(super) too_many: Option<Invalid>,
}

/// A field that nothing reads.
#[derive(Debug)]
pub(super) struct UnknownField {
    pub(super) path: String,
    pub(super) name: String,
    /// The known name that is near.
    pub(super) nearest: Option<String>,
}

impl Findings {
    pub(super) fn add_unknown(&mut self, path: &str, name: &str, nearest: Option<&str>) {
        if self.unknown.len() < FINDINGS_MAX {
            self.unknown.push(UnknownField { path: shortened(path), name: shortened(name), nearest: nearest.map(str::to_owned) });
        }
    }

    pub(super) fn add_wrong(&mut self, path: &str, expected: &str, found: &str) {
        if self.wrong.len() < FINDINGS_MAX {
            let (name, found) = (if path.is_empty() { "the body" } else { path }, shortened(found));
            let invalid = Invalid::input(format!("{name} must be {expected}, not {found}"));
            self.wrong.push(if path.is_empty() { invalid } else { invalid.with("field", path).with("value", found) });
        }
    }

    pub(super) fn add_wrong_word(&mut self, path: &str, allowed: &[String], found: &str) {
        if self.wrong.len() < FINDINGS_MAX {
            let (allowed, found) = (allowed.join(", "), shortened(found));
            let invalid = Invalid::input(format!("{path} must be one of {allowed}, not {found}"));
            self.wrong.push(invalid.with("field", path).with("value", found).with("allowed", allowed));
        }
    }

    /// The walk ends here, and nothing is read: what is too long is not worth the memory.
    pub(super) fn add_too_many(&mut self, path: &str, what: &str, limit: usize) {
        let name = if path.is_empty() { "the body" } else { path };
        let invalid = Invalid::input(format!("{name} holds more than the {limit} {what} that it may: split the request"));
        self.too_many = Some(invalid.with("field", path).with("limit", limit));
    }

    pub(super) fn add_missing(&mut self, path: &str) {
        if self.wrong.len() < FINDINGS_MAX {
            self.wrong.push(Invalid::input(format!("{path} is required")).with("field", path));
        }
    }

    pub(super) fn into_unknown_paths(self) -> Vec<String> {
        self.unknown.into_iter().map(|field| field.path).collect()
    }

    /// The refusal of a request that was not read, or that has fields it should not have.
    pub(super) fn refusal(self, with_unknown: bool, unreadable: Option<&serde_json::Error>) -> Error {
        let mut faults = Vec::new();
        if with_unknown {
            faults.extend(self.unknown.into_iter().map(UnknownField::into_invalid));
        }
        if let Some(error) = unreadable {
            if self.wrong.is_empty() {
                faults.push(Invalid::field("body", format!("the request does not fit: {error}")));
            }
            faults.extend(self.wrong);
        }
        Error::Invalid(Invalid::all(faults))
    }
}

impl UnknownField {
    fn into_invalid(self) -> Invalid {
        let Self { path, name, nearest } = self;
        let place = if path == name { String::new() } else { format!(" at {path}") };
        let known = nearest.as_ref().map_or_else(|| ": leave it out".to_owned(), |nearest| format!("; did you mean `{nearest}`?"));
        let invalid = Invalid::input(format!("unknown field `{name}`{place}{known}")).with("field", path);
        match nearest {
            Some(nearest) => invalid.with("nearest", nearest),
            None => invalid,
        }
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
