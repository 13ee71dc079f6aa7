//! A checked formula: numbers where numbers belong, conditions where conditions belong. Computing it cannot fail; what has no finite
//! result gives NaN or an infinity.

#![expect(
    clippy::float_arithmetic,
    clippy::float_cmp,
    reason = "CEL computes with doubles (spec 10 §5.4); the result becomes an exact decimal"
)]

/// What gives a number.
#[derive(Debug)]
pub(super) enum Number {
    /// Itself.
    Literal(f64),
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

/// Comparisons of numbers; nothing equals or orders NaN.
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
    /// The value over an event's values.
    pub(super) fn value(&self, values: &[f64]) -> f64 {
        let two = |[left, right]: &[Self; 2]| (left.value(values), right.value(values));
        match self {
            Self::Literal(number) => *number,
            Self::Property(place) => values[*place],
            Self::Negated(number) => -number.value(values),
            Self::Arithmetic(operator, operands) => {
                let (left, right) = two(operands);
                match operator {
                    Arithmetic::Plus => left + right,
                    Arithmetic::Minus => left - right,
                    Arithmetic::Times => left * right,
                    Arithmetic::Over => left / right,
                }
            }
            Self::Of(function, number) => {
                let number = number.value(values);
                match function {
                    Function::Abs => number.abs(),
                    Function::Ceil => number.ceil(),
                    Function::Floor => number.floor(),
                    Function::Round => number.round(),
                    Function::Sqrt => number.sqrt(),
                    Function::Log => number.ln(),
                }
            }
            Self::OfTwo(function, operands) => {
                let (left, right) = two(operands);
                match function {
                    // What is undefined stays undefined, so that it is not billed as the other number.
                    Function2::Max | Function2::Min if left.is_nan() || right.is_nan() => f64::NAN,
                    Function2::Max => left.max(right),
                    Function2::Min => left.min(right),
                    Function2::Pow => left.powf(right),
                }
            }
            Self::Choice(condition, numbers) => numbers[usize::from(!condition.holds(values))].value(values),
        }
    }
}

impl Condition {
    /// Whether it holds over an event's values.
    fn holds(&self, values: &[f64]) -> bool {
        match self {
            Self::Literal(holds) => *holds,
            Self::Comparison(comparison, operands) => {
                let [left, right] = operands.as_ref();
                let (left, right) = (left.value(values), right.value(values));
                match comparison {
                    Comparison::Equal => left == right,
                    Comparison::NotEqual => left != right,
                    Comparison::Less => left < right,
                    Comparison::LessOrEqual => left <= right,
                    Comparison::Greater => left > right,
                    Comparison::GreaterOrEqual => left >= right,
                }
            }
            Self::Not(condition) => !condition.holds(values),
            Self::And(both) => both.iter().all(|condition| condition.holds(values)),
            Self::Or(either) => either.iter().any(|condition| condition.holds(values)),
            Self::Choice(three) => three[if three[0].holds(values) { 1 } else { 2 }].holds(values),
        }
    }
}
