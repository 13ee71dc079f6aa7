//! Refusals of the domain: an input or a request that breaks a rule.

use std::collections::BTreeMap;

/// Which of the API's client errors a refusal is (spec 60 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidKind {
    /// The input breaks a rule of its own: `validation_error`, 400.
    Validation,
    /// The input is well-formed, but the state forbids it: `invalid_operation`, 400.
    Operation,
}

/// A refusal. The message says what to do, in lower case without a final stop; details carry facts for machines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    /// Which client error this is.
    pub kind: InvalidKind,
    /// What is wrong and what to do.
    pub message: String,
    /// Facts: the field, the offending value, the index.
    pub details: BTreeMap<String, String>,
    /// Where several things are wrong: each of them. The message then joins theirs.
    pub faults: Vec<Self>,
}

impl Invalid {
    /// The input breaks a rule of its own.
    pub fn input(message: impl Into<String>) -> Self {
        Self { kind: InvalidKind::Validation, message: message.into(), details: BTreeMap::new(), faults: Vec::new() }
    }

    /// The state forbids it.
    pub fn operation(message: impl Into<String>) -> Self {
        Self { kind: InvalidKind::Operation, message: message.into(), details: BTreeMap::new(), faults: Vec::new() }
    }

    /// A field of the input breaks a rule of its own; the message names it.
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        Self::input(message).with("field", field)
    }

    /// A field holds none of the words that it may.
    pub fn not_one_of(field: &str, allowed: &[&str], found: &str) -> Self {
        let allowed = allowed.join(", ");
        Self::field(field, format!("{field} must be one of {allowed}, not {found}")).with("value", found).with("allowed", allowed)
    }

    /// Several refusals as one. It shows the facts of the first, so that a program that knows of one fault alone finds its field.
    pub fn all(faults: Vec<Self>) -> Self {
        let mut faults: Vec<Self> = faults.into_iter().flat_map(Self::into_faults).collect();
        if faults.len() == 1 {
            return faults.remove(0);
        }
        let count = faults.len();
        faults.truncate(FAULTS_MAX);
        let messages: Vec<&str> = faults.iter().map(|fault| fault.message.as_str()).collect();
        let more = if count > FAULTS_MAX { "; and more" } else { "" };
        let message = format!("{count} things are wrong: {}{more}", messages.join("; "));
        let (kind, details) =
            faults.first().map_or((InvalidKind::Validation, BTreeMap::new()), |first| (first.kind, first.details.clone()));
        Self { kind, message, details, faults }
    }

    /// The refusal of a part, told by the whole: its fields lie below this path.
    #[must_use]
    pub fn within(mut self, path: &str) -> Self {
        if let Some(field) = self.details.get_mut("field") {
            *field = format!("{path}.{field}");
        }
        self.faults = self.faults.into_iter().map(|fault| fault.within(path)).collect();
        self
    }

    fn into_faults(mut self) -> Vec<Self> {
        if self.faults.is_empty() { vec![self] } else { std::mem::take(&mut self.faults) }
    }

    /// Adds a fact.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.details.insert(key.to_owned(), value.to_string());
        self
    }
}

/// Most faults that one refusal names.
const FAULTS_MAX: usize = 20;

/// Gathers refusals of one input, so that its author learns of all at once (ADR 0015).
#[derive(Debug, Default)]
pub struct Faults(Vec<Invalid>);

impl Faults {
    /// Notes a fault of a field unless `holds`; the message names the field.
    pub fn require(&mut self, holds: bool, field: &str, message: &str) {
        if !holds {
            self.0.push(Invalid::field(field, message));
        }
    }

    /// The value, or a fault noted.
    pub fn take<T>(&mut self, result: Result<T, Invalid>) -> Option<T> {
        result.map_err(|fault| self.0.push(fault)).ok()
    }

    /// The value that must be there, or a fault noted.
    pub fn needed<T>(&mut self, value: Option<T>, field: &str) -> Option<T> {
        if value.is_none() {
            self.0.push(Invalid::field(field, format!("{field} is required")));
        }
        value
    }

    /// The value that must be one of some words, or a fault noted that names them.
    pub fn needed_word<T>(&mut self, value: Option<T>, field: &str, allowed: &[&str]) -> Option<T> {
        if value.is_none() {
            let allowed = allowed.join(", ");
            self.0.push(Invalid::field(field, format!("{field} is required: one of {allowed}")).with("allowed", allowed));
        }
        value
    }

    /// Refuses with all that was noted.
    pub fn check(self) -> Result<(), Invalid> {
        if self.0.is_empty() { Ok(()) } else { Err(self.refusal()) }
    }

    /// The refusal with all that was noted, where something was.
    pub fn refusal(self) -> Invalid {
        Invalid::all(self.0)
    }
}

/// Refuses with a validation error of a field unless `holds`; the message names the field.
pub fn require_field(holds: bool, field: &str, message: &str) -> Result<(), Invalid> {
    if holds { Ok(()) } else { Err(Invalid::field(field, message)) }
}

/// Refuses with a validation error unless `holds`.
pub fn require(holds: bool, message: &str) -> Result<(), Invalid> {
    if holds { Ok(()) } else { Err(Invalid::input(message)) }
}

/// Refuses a blank text; `field` names it in message and details.
pub fn require_text(value: &str, field: &str) -> Result<(), Invalid> {
    if value.trim().is_empty() {
        return Err(Invalid::input(format!("{field} is required and must not be blank")).with("field", field));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_faults_are_one_refusal_that_names_each() {
        let mut inner = Faults::default();
        inner.require(false, "b", "b must be even");
        inner.require(true, "c", "c must be odd");
        inner.require(false, "d", "d is required");
        let mut outer = Faults::default();
        assert_eq!(outer.take(Ok(1)), Some(1));
        assert_eq!(outer.take(Err::<u8, _>(Invalid::field("a", "a is required").with("value", 1))), None);
        outer.take(inner.check());
        let refusal = outer.check().unwrap_err();
        assert_eq!(refusal.message, "3 things are wrong: a is required; b must be even; d is required");
        assert_eq!(refusal.details["field"], "a");
        let fields: Vec<_> = refusal.faults.iter().map(|fault| fault.details["field"].as_str()).collect();
        assert_eq!(fields, ["a", "b", "d"]);
    }

    #[test]
    fn one_fault_stands_for_itself_and_none_refuses_nothing() {
        let mut faults = Faults::default();
        faults.require(false, "a", "a is required");
        assert_eq!(faults.check(), Err(Invalid::field("a", "a is required")));
        assert_eq!(Faults::default().check(), Ok(()));
    }
}
