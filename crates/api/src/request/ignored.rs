//! Fields that a request should not have and that were ignored: the answer names them in a header.

use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderName, HeaderValue};

/// The header that names them, separated by commas; `...` at the end stands for more.
pub(crate) const IGNORED_FIELDS: HeaderName = HeaderName::from_static("x-flexprice-ignored-fields");

/// Most fields that the header names.
const NAMED_MAX: usize = 20;
/// Longest header, in bytes, but for the dots.
const BYTES_MAX: usize = 1000;

/// Travels with a request, and collects until its answer goes out.
#[derive(Clone, Debug, Default)]
pub(crate) struct IgnoredFields(Arc<Mutex<Vec<String>>>);

impl IgnoredFields {
    /// Those of a request; where nothing will show them, they are collected for nobody.
    pub(crate) fn of(extensions: &http::Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }

    /// Notes fields by their paths, each once.
    pub(crate) fn add(&self, paths: impl IntoIterator<Item = String>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for path in paths {
            // One more than is named shows that there are more.
            if known.len() > NAMED_MAX {
                return;
            }
            if !known.contains(&path) {
                known.push(path);
            }
        }
    }

    /// What the header says; nothing where nothing was ignored.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for (position, path) in known.iter().enumerate() {
            let separator = if position == 0 { "" } else { "," };
            // Names are the client's: nothing in them may end or split the header.
            let path: String = path.chars().map(|it| if it.is_ascii_graphic() && it != ',' { it } else { '?' }).collect();
            if position == NAMED_MAX || text.len() + path.len() + separator.len() > BYTES_MAX {
                text.push_str("...");
                break;
            }
            text.push_str(separator);
            text.push_str(&path);
        }
        (!text.is_empty()).then(|| HeaderValue::from_str(&text).ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(paths: impl IntoIterator<Item = String>) -> Option<String> {
        let ignored = IgnoredFields::default();
        ignored.add(paths);
        ignored.header().map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn the_header_is_bounded_whatever_fields_are_called() {
        assert_eq!(header([]), None);
        assert_eq!(header(["a".to_owned(), "b[0].c".to_owned(), "a".to_owned()]).as_deref(), Some("a,b[0].c"));
        assert_eq!(header(["a,b\r\nc: d é".to_owned()]).as_deref(), Some("a?b??c:?d??"));
        let many = header((0..1000).map(|number| format!("f{number}"))).unwrap();
        assert!(many.starts_with("f0,f1,") && many.ends_with("f19..."), "{many}");
        let long = header((0..15).map(|number| format!("{number}{}", "x".repeat(90)))).unwrap();
        assert!(long.len() <= BYTES_MAX + 3 && long.ends_with("..."), "{}", long.len());
        assert_eq!(header(["x".repeat(2000)]).as_deref(), Some("..."));
    }
}
