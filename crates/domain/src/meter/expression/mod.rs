//! A formula over an event's properties instead of one field (spec 10 §5.4).
//!
//! The language is the part of CEL that computes with numbers. The `cel` crate reads the text; `check` gives what was read a type, and
//! `formula` computes it, in decimals (ADR 0009).

mod check;
mod formula;

use std::fmt;
use std::sync::Arc;

use self::formula::Number;
use crate::event::{Properties, PropertyValue};
use crate::invalid::Invalid;
use crate::money::Decimal;

/// A formula that was read and found sound. Cheap to copy.
#[derive(Clone)]
pub struct Expression(Arc<Compiled>);

struct Compiled {
    text: String,
    /// The properties it reads, each once; the formula refers to their places here.
    properties: Vec<String>,
    root: Number,
}

/// Why a formula has no value for an event. Such an event adds nothing to the meter, and is no error of the request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// The property is there, but holds no number.
    #[error("the property {property} is not a number")]
    NotANumber {
        /// Its name.
        property: String,
    },
    /// The result is infinite or undefined, as after a division by zero.
    #[error("the result is not a finite number")]
    NotFinite,
}

impl Expression {
    /// Reads a formula: arithmetic over first-level properties, conditionals, and the functions max, min, pow, abs, ceil, floor,
    /// round, sqrt and log. Refused, with `expression` and `error` in the details: what does not parse, what is not a number, what names
    /// no property, and more than 1,000 characters, 200 signs of operators or 24 levels.
    pub fn compile(text: &str) -> Result<Self, Invalid> {
        let refuse = |error: String| {
            Invalid::input(format!("the expression does not compile: {error}")).with("expression", text).with("error", error)
        };
        let (properties, root) = check::check(text).map_err(refuse)?;
        Ok(Self(Arc::new(Compiled { text: text.to_owned(), properties, root })))
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The value for one event. A missing property is 0, a text is read as a number; a size that no quantity holds stays too large, whatever
    /// would be made of it.
    pub fn evaluate(&self, properties: &Properties<'_>) -> Result<Decimal, EvaluationError> {
        let mut values = Vec::with_capacity(self.0.properties.len());
        for name in &self.0.properties {
            let value = number(properties.get(name)).ok_or_else(|| EvaluationError::NotANumber { property: name.clone() })?;
            if value.integer_digits() > VALUE_DIGITS_MAX {
                return Ok(value);
            }
            values.push(value);
        }
        self.0.root.result(&values).ok_or(EvaluationError::NotFinite)
    }
}

/// Digits before the point of the largest number that is read as it is.
const VALUE_DIGITS_MAX: i64 = 60;

fn number(value: Option<PropertyValue<'_>>) -> Option<Decimal> {
    let read = |literal: &str| {
        // No double is that large: it is no number of the language.
        literal.parse().ok().filter(|double: &f64| double.is_finite())?;
        Decimal::from_literal_clamped(literal)
    };
    match value {
        None => Some(Decimal::zero()),
        Some(PropertyValue::Number(literal)) => read(literal),
        Some(PropertyValue::Text(text)) => read(text.trim()),
        Some(PropertyValue::Bool(_) | PropertyValue::Null | PropertyValue::Composite(_)) => None,
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.text()).finish()
    }
}

/// The same text is the same formula.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Expression {}

impl serde::Serialize for Expression {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

/// An absent formula is kept as an empty text.
pub(super) mod optional {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Expression;

    pub(in crate::meter) fn serialize<S: Serializer>(expression: &Option<Expression>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(expression.as_ref().map_or("", Expression::text))
    }

    pub(in crate::meter) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Expression>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() { Ok(None) } else { Expression::compile(&text).map(Some).map_err(D::Error::custom) }
    }
}
