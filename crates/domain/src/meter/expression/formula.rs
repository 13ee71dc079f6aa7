//! A checked formula: numbers where numbers belong, conditions where conditions belong. It is reckoned in decimals, so that a fee of 2.9 % is
//! one: the double next to 0.029 is not, and what is rounded to cents after it falls on the wrong side of the half.
//!
//! Sums, differences and products are exact up to 100 fraction digits, which quotients keep. What is compared, made whole or the result
//! is taken at 60, so that a third times three is one. What is undefined or too large has no value, and neither has what is made of it.

use std::cmp::Ordering;

use crate::money::Decimal;

/// Fraction digits in between.
const DIGITS: u32 = 100;
/// Fraction digits of what is compared, made whole, or the result.
const SETTLED_DIGITS: u32 = 60;
/// Most digits before the point: larger numbers are infinite.
const INTEGER_DIGITS_MAX: i64 = 308;
/// The largest exponent of a power that is reckoned in decimals.
const EXPONENT_MAX: i64 = 1_000;

/// What gives a number.
#[derive(Debug)]
pub(super) enum Number {
    /// Itself.
    Literal(Decimal),
    /// The value at this place of the event's values.
    Property(usize),
    /// The other sign.
    Negated(Box<Number>),
    /// Two numbers and an operator between them.
    Arithmetic(Arithmetic, Box<[Number; 2]>),
    /// A function of one number.
    Of(Function, Box<Number>),
    /// A function of two numbers.
    OfTwo(Function2, Box<[Number; 2]>),
    /// The first if the condition holds, else the second.
    Choice(Box<Condition>, Box<[Number; 2]>),
}

/// What holds or not.
#[derive(Debug)]
pub(super) enum Condition {
    /// Always or never.
    Literal(bool),
    /// Two numbers compared.
    Comparison(Comparison, Box<[Number; 2]>),
    /// The contrary.
    Not(Box<Condition>),
    /// Both.
    And(Box<[Condition; 2]>),
    /// At least one.
    Or(Box<[Condition; 2]>),
    /// The second if the first holds, else the third.
    Choice(Box<[Condition; 3]>),
}

/// Operators between numbers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arithmetic {
    Plus,
    Minus,
    Times,
    Over,
}

/// Comparisons of numbers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Functions of one number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Function {
    Abs,
    Ceil,
    Floor,
    /// Half away from zero.
    Round,
    Sqrt,
    /// The natural logarithm.
    Log,
}

/// Functions of two numbers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Function2 {
    Max,
    Min,
    Pow,
}

impl Number {
    /// The value over an event's values; `None` where it is undefined or infinite.
    pub(super) fn result(&self, values: &[Decimal]) -> Option<Decimal> {
        self.value(values).map(|value| settled(&value))
    }

    fn value(&self, values: &[Decimal]) -> Option<Decimal> {
        let two = |[left, right]: &[Self; 2]| Some((left.value(values)?, right.value(values)?));
        match self {
            Self::Literal(number) => Some(number.clone()),
            Self::Property(place) => values.get(*place).cloned(),
            Self::Negated(number) => Some(-number.value(values)?),
            Self::Arithmetic(operator, operands) => {
                let (left, right) = two(operands)?;
                match operator {
                    Arithmetic::Plus => bounded(left + right),
                    Arithmetic::Minus => bounded(left - right),
                    Arithmetic::Times => bounded(left * right),
                    Arithmetic::Over => bounded(left.div_to(&right, DIGITS)?),
                }
            }
            Self::Of(function, number) => {
                let number = number.value(values)?;
                match function {
                    Function::Abs => Some(if number.is_negative() { -number } else { number }),
                    Function::Ceil => Some(settled(&number).ceil()),
                    Function::Floor => Some(settled(&number).floor()),
                    Function::Round => Some(settled(&number).round(0)),
                    Function::Sqrt => number.sqrt(DIGITS),
                    Function::Log => by_doubles(&number, f64::ln),
                }
            }
            Self::OfTwo(function, operands) => {
                let (left, right) = two(operands)?;
                match function {
                    Function2::Max => Some(left.max(right)),
                    Function2::Min => Some(left.min(right)),
                    Function2::Pow => power(&left, &right),
                }
            }
            Self::Choice(condition, numbers) => numbers[usize::from(!condition.holds(values)?)].value(values),
        }
    }
}

impl Condition {
    /// Whether it holds over an event's values; `None` where what it compares has no value.
    fn holds(&self, values: &[Decimal]) -> Option<bool> {
        match self {
            Self::Literal(holds) => Some(*holds),
            Self::Comparison(comparison, operands) => {
                let [left, right] = operands.as_ref();
                let order = settled(&left.value(values)?).cmp(&settled(&right.value(values)?));
                Some(match comparison {
                    Comparison::Equal => order == Ordering::Equal,
                    Comparison::NotEqual => order != Ordering::Equal,
                    Comparison::Less => order == Ordering::Less,
                    Comparison::LessOrEqual => order != Ordering::Greater,
                    Comparison::Greater => order == Ordering::Greater,
                    Comparison::GreaterOrEqual => order != Ordering::Less,
                })
            }
            Self::Not(condition) => Some(!condition.holds(values)?),
            // As soon as one decides, the other is not asked: `b != 0 && a / b > 1`.
            Self::And(both) => Some(both[0].holds(values)? && both[1].holds(values)?),
            Self::Or(either) => Some(either[0].holds(values)? || either[1].holds(values)?),
            Self::Choice(three) => three[if three[0].holds(values)? { 1 } else { 2 }].holds(values),
        }
    }
}

fn settled(number: &Decimal) -> Decimal {
    number.round(SETTLED_DIGITS)
}

fn bounded(number: Decimal) -> Option<Decimal> {
    let number = if number.fraction_digits() > i64::from(DIGITS) { number.round(DIGITS) } else { number };
    (number.integer_digits() <= INTEGER_DIGITS_MAX).then_some(number)
}

/// A whole power by products, another by doubles.
fn power(base: &Decimal, exponent: &Decimal) -> Option<Decimal> {
    let times = exponent.unscaled(0).and_then(|times| i64::try_from(times).ok());
    let Some(times) = times.filter(|times| times.abs() <= EXPONENT_MAX && exponent.fraction_digits() == 0) else {
        let exponent = exponent.to_double();
        return by_doubles(base, |base| base.powf(exponent));
    };
    let mut product = Decimal::from(1_i64);
    for _ in 0..times.abs() {
        product = bounded(product * base)?;
    }
    if times < 0 { bounded(Decimal::from(1_i64).div_to(&product, DIGITS)?) } else { Some(product) }
}

/// What no decimal is exact for: the shortest digits of the double.
fn by_doubles(number: &Decimal, function: impl Fn(f64) -> f64) -> Option<Decimal> {
    let value = function(number.to_double());
    if value.is_finite() { Decimal::from_literal_clamped(&format!("{value:e}")) } else { None }
}
