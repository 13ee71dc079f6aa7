//! From a text to a formula: the `cel` crate parses, and each node finds its type here, or is refused with a reason.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};
use cel::parser::PrattParser;

use super::formula::{Arithmetic, Comparison, Condition, Function, Function2, Number};
use crate::money::Decimal;

/// Longest formula, in characters.
const CHARS_MAX: usize = 1_000;
/// Most levels of parentheses and conditionals: the parser descends into each.
const LEVELS_MAX: usize = 24;
/// Most signs of operators: a sum of many terms is a deep tree, and whatever walks it descends.
const OPERATORS_MAX: usize = 200;
/// All that a formula of numbers is written with. Texts, lists, maps and remainders are none of it.
const SIGNS: &str = "_+-*/().,?:<>=!&|";

/// The properties that a formula reads, and what it computes; or why not.
pub(super) fn check(text: &str) -> Result<(Vec<String>, Number), String> {
    bound(text)?;
    let parsed = PrattParser::default().parse(text).map_err(|errors| {
        let first = errors.errors.first().map(|error| format!("{} at character {}", error.msg, error.pos.1));
        first.unwrap_or_else(|| "it cannot be read".to_owned())
    })?;
    let mut checker = Checker { properties: Vec::new() };
    let root = checker.number(&parsed)?;
    if checker.properties.is_empty() {
        return Err("it names no property".to_owned());
    }
    Ok((checker.properties, root))
}

/// Keeps from the parser what no formula needs, and what would cost it much.
fn bound(text: &str) -> Result<(), String> {
    if text.len() > CHARS_MAX {
        return Err(format!("it is longer than {CHARS_MAX} characters"));
    }
    let (mut open, mut deepest) = (0_usize, 0_usize);
    for sign in text.chars() {
        if !(sign.is_ascii_alphanumeric() || sign.is_ascii_whitespace() || SIGNS.contains(sign)) {
            return Err(format!("`{sign}` has no place in a formula of numbers"));
        }
        match sign {
            '(' => open += 1,
            ')' => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    if text.matches(|sign| "+-*/<>=!&|?,".contains(sign)).count() > OPERATORS_MAX {
        return Err(format!("it has more than {OPERATORS_MAX} signs of operators"));
    }
    if deepest + text.matches('?').count() > LEVELS_MAX {
        return Err(format!("it has more than {LEVELS_MAX} levels of parentheses and conditionals"));
    }
    Ok(())
}

struct Checker {
    properties: Vec<String>,
}

impl Checker {
    fn number(&mut self, node: &IdedExpr) -> Result<Number, String> {
        match &node.expr {
            Expr::Literal(literal) => literal_number(literal).map(Number::Literal),
            Expr::Ident(name) => Ok(Number::Property(self.property(name)?)),
            Expr::Call(call) => self.number_of_call(call),
            other => Err(unsupported(other)),
        }
    }

    fn number_of_call(&mut self, call: &CallExpr) -> Result<Number, String> {
        if call.target.is_some() {
            return Err(format!("`{}` is called on a value: write it as a function, as in `max(a, b)`", call.func_name));
        }
        let name = call.func_name.as_str();
        if let Some(operator) = arithmetic(name) {
            return Ok(Number::Arithmetic(operator, self.two(call)?));
        }
        if let Some(function) = function_of_two(name) {
            return Ok(Number::OfTwo(function, self.two(call)?));
        }
        if let Some(function) = function(name) {
            let [number] = call.args.as_slice() else { return Err(format!("`{name}` takes one number")) };
            return Ok(Number::Of(function, Box::new(self.number(number)?)));
        }
        match (name, call.args.as_slice()) {
            (operators::NEGATE, [number]) => Ok(Number::Negated(Box::new(self.number(number)?))),
            (operators::CONDITIONAL, [condition, yes, no]) => {
                Ok(Number::Choice(Box::new(self.condition(condition)?), Box::new([self.number(yes)?, self.number(no)?])))
            }
            (operators::LOGICAL_NOT | operators::LOGICAL_AND | operators::LOGICAL_OR, _) => Err(EXPECTED_NUMBER.to_owned()),
            _ if comparison(name).is_some() => Err(EXPECTED_NUMBER.to_owned()),
            _ => Err(format!("`{name}` is unknown: there are max, min, pow, abs, ceil, floor, round, sqrt and log")),
        }
    }

    fn condition(&mut self, node: &IdedExpr) -> Result<Condition, String> {
        let call = match &node.expr {
            Expr::Literal(LiteralValue::Boolean(holds)) => return Ok(Condition::Literal(*holds.inner())),
            Expr::Call(call) if call.target.is_none() => call,
            _ => return Err(EXPECTED_CONDITION.to_owned()),
        };
        if let Some(comparison) = comparison(&call.func_name) {
            return Ok(Condition::Comparison(comparison, self.two(call)?));
        }
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_NOT, [condition]) => Ok(Condition::Not(Box::new(self.condition(condition)?))),
            (operators::LOGICAL_AND, [left, right]) => Ok(Condition::And(Box::new([self.condition(left)?, self.condition(right)?]))),
            (operators::LOGICAL_OR, [left, right]) => Ok(Condition::Or(Box::new([self.condition(left)?, self.condition(right)?]))),
            (operators::CONDITIONAL, [condition, yes, no]) => {
                Ok(Condition::Choice(Box::new([self.condition(condition)?, self.condition(yes)?, self.condition(no)?])))
            }
            _ => Err(EXPECTED_CONDITION.to_owned()),
        }
    }

    fn two(&mut self, call: &CallExpr) -> Result<Box<[Number; 2]>, String> {
        match call.args.as_slice() {
            [left, right] => Ok(Box::new([self.number(left)?, self.number(right)?])),
            _ => Err(format!("`{}` takes two numbers", call.func_name)),
        }
    }

    fn property(&mut self, name: &str) -> Result<usize, String> {
        if name.starts_with('.') {
            return Err(format!("`{name}` is no name of a first-level property"));
        }
        if let Some(place) = self.properties.iter().position(|known| known == name) {
            return Ok(place);
        }
        self.properties.push(name.to_owned());
        Ok(self.properties.len() - 1)
    }
}

const EXPECTED_NUMBER: &str = "a number is expected, and this is true or false";
const EXPECTED_CONDITION: &str = "a comparison is expected before `?`, and in `!`, `&&` and `||`";

fn unsupported(node: &Expr) -> String {
    match node {
        Expr::Select(select) => format!("`.{}` reaches into a property: first-level properties alone are numbers", select.field),
        _ => "this is no formula of numbers".to_owned(),
    }
}

fn literal_number(literal: &LiteralValue) -> Result<Decimal, String> {
    match literal {
        // The shortest digits that are read as the same double: those that were written, unless they are more than 17.
        LiteralValue::Double(number) => {
            let text = format!("{:e}", number.inner());
            text.parse().map_err(|_| format!("the number {text} is beyond all bounds: at most 10^60, and 60 digits after the point"))
        }
        LiteralValue::Int(number) => Ok(Decimal::from(*number.inner())),
        LiteralValue::UInt(number) => Ok(Decimal::from(*number.inner())),
        LiteralValue::Boolean(_) => Err(EXPECTED_NUMBER.to_owned()),
        LiteralValue::Null | LiteralValue::Bytes(_) | LiteralValue::String(_) => Err("a number is expected".to_owned()),
    }
}

fn arithmetic(name: &str) -> Option<Arithmetic> {
    match name {
        operators::ADD => Some(Arithmetic::Plus),
        operators::SUBSTRACT => Some(Arithmetic::Minus),
        operators::MULTIPLY => Some(Arithmetic::Times),
        operators::DIVIDE => Some(Arithmetic::Over),
        _ => None,
    }
}

fn comparison(name: &str) -> Option<Comparison> {
    match name {
        operators::EQUALS => Some(Comparison::Equal),
        operators::NOT_EQUALS => Some(Comparison::NotEqual),
        operators::LESS => Some(Comparison::Less),
        operators::LESS_EQUALS => Some(Comparison::LessOrEqual),
        operators::GREATER => Some(Comparison::Greater),
        operators::GREATER_EQUALS => Some(Comparison::GreaterOrEqual),
        _ => None,
    }
}

fn function(name: &str) -> Option<Function> {
    match name {
        "abs" => Some(Function::Abs),
        "ceil" => Some(Function::Ceil),
        "floor" => Some(Function::Floor),
        "round" => Some(Function::Round),
        "sqrt" => Some(Function::Sqrt),
        "log" => Some(Function::Log),
        _ => None,
    }
}

fn function_of_two(name: &str) -> Option<Function2> {
    match name {
        "max" => Some(Function2::Max),
        "min" => Some(Function2::Min),
        "pow" => Some(Function2::Pow),
        _ => None,
    }
}
