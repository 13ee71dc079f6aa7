//! Formulas over properties (spec 10 §5.4): what they compute, what they refuse, and that no text upsets them.

use domain::event::Properties;
use domain::ids::MeterId;
use domain::meter::{Aggregation, AggregationType, EvaluationError, Expression, Meter, ResetUsage, measure};
use domain::money::{Decimal, Quantity, QuantityOverflow};
use num_rational::BigRational;
use proptest::prelude::*;

use crate::support::rational::{exact, whole};
use crate::support::{audit, cases, table};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    value: Vec<ValueRow>,
    nothing: Vec<NothingRow>,
    unsound: Vec<UnsoundRow>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ValueRow {
    rule: String,
    expression: String,
    multiplier: Option<Decimal>,
    events: Vec<(String, String)>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NothingRow {
    rule: String,
    expression: String,
    events: Vec<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct UnsoundRow {
    rule: String,
    expressions: Vec<String>,
    says: String,
}

fn golden() -> Table {
    table(include_str!("../golden/expressions.toml"))
}

fn compiled(text: &str) -> Expression {
    Expression::compile(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn meter(kind: AggregationType, expression: &str, multiplier: Option<Decimal>) -> Meter {
    Meter {
        id: MeterId::from("meter_1"),
        name: "a meter".to_owned(),
        event_name: "api".to_owned(),
        aggregation: Aggregation {
            kind,
            field: String::new(),
            expression: Some(compiled(expression)),
            multiplier,
            bucket_size: None,
            group_by: String::new(),
        },
        filters: Vec::new(),
        reset_usage: ResetUsage::BillingPeriod,
        audit: audit(),
    }
}

fn quantity(meter: &Meter, json: &str) -> Result<Option<Quantity>, QuantityOverflow> {
    let properties = Properties::parse(json).unwrap_or_else(|error| panic!("{error}: {json}"));
    Ok(measure(meter, "api", &properties)?.map(|entry| entry.quantity))
}

#[test]
fn formulas_measure_what_the_table_says() {
    for row in golden().value {
        for kind in [AggregationType::Sum, AggregationType::Avg, AggregationType::Max, AggregationType::Latest] {
            let meter = meter(kind, &row.expression, row.multiplier.clone());
            meter.validate().unwrap_or_else(|error| panic!("{error}: {}", row.rule));
            for (json, expected) in &row.events {
                let quantity = quantity(&meter, json).unwrap().unwrap_or_else(|| panic!("{}: {json} has no value", row.rule));
                assert_eq!(quantity.to_string(), *expected, "{}: {json}", row.rule);
            }
        }
    }
}

#[test]
fn events_without_a_value_make_no_entry() {
    for row in golden().nothing {
        for json in &row.events {
            assert_eq!(quantity(&meter(AggregationType::Sum, &row.expression, None), json), Ok(None), "{}: {json}", row.rule);
        }
    }
}

#[test]
fn unsound_formulas_are_refused_with_their_reason() {
    for row in golden().unsound {
        for text in &row.expressions {
            let Err(refusal) = Expression::compile(text) else { panic!("{}: `{text}` was taken", row.rule) };
            assert_eq!(refusal.details["expression"], *text);
            assert!(refusal.details["error"].contains(&row.says), "{}: `{text}`: {}", row.rule, refusal.details["error"]);
            assert!(!refusal.details["error"].is_empty());
        }
    }
}

#[test]
fn the_reason_of_a_missing_value_is_named() {
    let evaluate = |json: &str| compiled("a / b").evaluate(&Properties::parse(json).unwrap());
    assert_eq!(evaluate(r#"{"a":"x","b":1}"#), Err(EvaluationError::NotANumber { property: "a".to_owned() }));
    assert_eq!(evaluate(r#"{"a":1}"#), Err(EvaluationError::NotFinite));
}

#[test]
fn a_result_beyond_all_quantities_is_refused_as_a_field_is() {
    for json in [r#"{"a":1000000000000001}"#, r#"{"a":1e300}"#, r#"{"a":-1e16}"#] {
        assert_eq!(quantity(&meter(AggregationType::Sum, "a * 1", None), json), Err(QuantityOverflow), "{json}");
    }
}

#[test]
fn a_formula_keeps_its_text_in_the_store() {
    let aggregation = meter(AggregationType::Sum, "a * 2", None).aggregation;
    let stored = serde_json::to_string(&aggregation).unwrap();
    assert_eq!(serde_json::from_str::<Aggregation>(&stored).unwrap(), aggregation);
    let without = Aggregation { field: "n".to_owned(), expression: None, ..aggregation };
    let stored = serde_json::to_string(&without).unwrap();
    assert!(stored.contains(r#""expression":"""#), "{stored}");
    assert_eq!(serde_json::from_str::<Aggregation>(&stored).unwrap(), without);
    assert!(serde_json::from_str::<Aggregation>(&stored.replace(r#""expression":"""#, r#""expression":"a +""#)).is_err());
}

/// The parser descends into its tree: on the stack of a server's thread, the longest and deepest formulas are read or refused.
#[test]
fn the_longest_and_deepest_formulas_fit_a_thread() {
    let levels = |levels: usize| format!("{}a{}", "(".repeat(levels), ")".repeat(levels));
    let choices = |choices: usize| format!("{}a", "a>1?a:".repeat(choices));
    for sound in [
        format!("{}a", "a+".repeat(200)),
        format!("{}a", "a*".repeat(200)),
        format!("{}a", "a-a/".repeat(100)),
        format!("{}a>1?a:a", "a>1&&".repeat(66)),
        format!("{}a>1?a:a", "a>1||".repeat(66)),
        format!("{}a", "-".repeat(200)),
        format!("{}(a>1)?a:a", "!".repeat(198)),
        levels(24),
        choices(24),
        format!("{}a{}", "max(a,".repeat(24), ")".repeat(24)),
        format!("{}{}", "a+".repeat(200), levels(24)),
        format!("a + {}", "1".repeat(18)),
        format!("{}a", " ".repeat(999)),
        "a".repeat(1_000),
    ] {
        compiled(&sound);
    }
    for unsound in [
        levels(25),
        levels(499),
        choices(25),
        "(".repeat(1_000),
        "?".repeat(1_000),
        ")".repeat(1_000),
        "-".repeat(1_000),
        format!("{}a", "a+".repeat(201)),
        "a".repeat(1_001),
    ] {
        assert!(Expression::compile(&unsound).is_err(), "{unsound}");
    }
}

/// A formula as the oracle knows it: whole numbers, three properties, and what is exact in doubles as long as numbers stay small.
#[derive(Clone, Debug)]
enum Tree {
    Literal(i32),
    Property(usize),
    Negated(Box<Tree>),
    Sum(Box<Tree>, Box<Tree>),
    Difference(Box<Tree>, Box<Tree>),
    Product(Box<Tree>, Box<Tree>),
    Half(Box<Tree>),
    Largest(Box<Tree>, Box<Tree>),
    Smallest(Box<Tree>, Box<Tree>),
    Size(Box<Tree>),
    Down(Box<Tree>),
    Choice(Box<(Tree, Tree)>, Box<Tree>, Box<Tree>),
}

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![(0..60_i32).prop_map(Tree::Literal), (0..3_usize).prop_map(Tree::Property)];
    leaf.prop_recursive(3, 24, 2, |inner| {
        let one = || inner.clone().prop_map(Box::new);
        prop_oneof![
            one().prop_map(Tree::Negated),
            (one(), one()).prop_map(|(a, b)| Tree::Sum(a, b)),
            (one(), one()).prop_map(|(a, b)| Tree::Difference(a, b)),
            (one(), one()).prop_map(|(a, b)| Tree::Product(a, b)),
            one().prop_map(Tree::Half),
            (one(), one()).prop_map(|(a, b)| Tree::Largest(a, b)),
            (one(), one()).prop_map(|(a, b)| Tree::Smallest(a, b)),
            one().prop_map(Tree::Size),
            one().prop_map(Tree::Down),
            (inner.clone(), inner.clone(), one(), one()).prop_map(|(a, b, yes, no)| Tree::Choice(Box::new((a, b)), yes, no)),
        ]
    })
}

impl Tree {
    /// Written with no more parentheses than CEL's precedence asks for.
    fn text(&self) -> String {
        let inside = |tree: &Self, level: u8| if tree.level() < level { format!("({})", tree.text()) } else { tree.text() };
        match self {
            Self::Literal(number) => number.to_string(),
            Self::Property(place) => ["a", "b_1", "_c"][*place].to_owned(),
            Self::Negated(tree) => format!("-{}", inside(tree, 4)),
            Self::Sum(left, right) => format!("{} + {}", inside(left, 1), inside(right, 2)),
            Self::Difference(left, right) => format!("{} - {}", inside(left, 1), inside(right, 2)),
            Self::Product(left, right) => format!("{}*{}", inside(left, 2), inside(right, 3)),
            Self::Half(tree) => format!("{} / 2", inside(tree, 2)),
            Self::Largest(left, right) => format!("max({},{})", left.text(), right.text()),
            Self::Smallest(left, right) => format!("min({}, {})", left.text(), right.text()),
            Self::Size(tree) => format!("abs({})", tree.text()),
            Self::Down(tree) => format!("floor({})", tree.text()),
            Self::Choice(compared, yes, no) => {
                format!("{} < {} ? {} : {}", inside(&compared.0, 1), inside(&compared.1, 1), inside(yes, 1), inside(no, 0))
            }
        }
    }

    fn level(&self) -> u8 {
        match self {
            Self::Choice(..) => 0,
            Self::Sum(..) | Self::Difference(..) => 1,
            Self::Product(..) | Self::Half(..) => 2,
            Self::Negated(..) => 3,
            Self::Literal(..) | Self::Property(..) | Self::Largest(..) | Self::Smallest(..) | Self::Size(..) | Self::Down(..) => 4,
        }
    }

    fn exact(&self, properties: &[i32; 3]) -> BigRational {
        let of = |tree: &Self| tree.exact(properties);
        match self {
            Self::Literal(number) => whole(*number),
            Self::Property(place) => whole(properties[*place]),
            Self::Negated(tree) => -of(tree),
            Self::Sum(left, right) => of(left) + of(right),
            Self::Difference(left, right) => of(left) - of(right),
            Self::Product(left, right) => of(left) * of(right),
            Self::Half(tree) => of(tree) / whole(2),
            Self::Largest(left, right) => of(left).max(of(right)),
            Self::Smallest(left, right) => of(left).min(of(right)),
            Self::Size(tree) => of(tree).max(-of(tree)),
            Self::Down(tree) => of(tree).floor(),
            Self::Choice(compared, yes, no) => of(if of(&compared.0) < of(&compared.1) { yes } else { no }),
        }
    }
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn formulas_compute_what_exact_arithmetic_does(tree in trees(), values in prop::array::uniform3(-50..50_i32)) {
        let text = tree.text();
        // A formula names a property; this one changes nothing.
        let expression = compiled(&format!("{text} + 0*a"));
        let [a, b, c] = values;
        let json = format!(r#"{{"a":{a},"b_1":"{b}","_c":{c}}}"#);
        let computed = expression.evaluate(&Properties::parse(&json).unwrap()).unwrap();
        prop_assert_eq!(exact(&computed), tree.exact(&values), "{} over {}", text, json);
    }

    #[test]
    fn formulas_compute_what_the_interpreter_of_the_language_does(tree in trees(), values in prop::array::uniform3(-50..50_i32)) {
        let mut context = cel::Context::default();
        for (name, value) in ["a", "b_1", "_c"].iter().zip(values) {
            context.add_variable_from_value(*name, f64::from(value));
        }
        context.add_function("max", |a: f64, b: f64| a.max(b)).unwrap();
        context.add_function("min", |a: f64, b: f64| a.min(b)).unwrap();
        context.add_function("abs", |a: f64| a.abs()).unwrap();
        context.add_function("floor", |a: f64| a.floor()).unwrap();
        // The interpreter does not turn integers into doubles.
        let text = format!("{} + 0*a", tree.text());
        let mut typed = String::new();
        let mut before = ' ';
        for sign in text.chars() {
            if before.is_ascii_digit() && !sign.is_ascii_digit() && !typed.ends_with("b_1") { typed.push_str(".0"); }
            typed.push(sign);
            before = sign;
        }
        let expected = match cel::Program::compile(&typed).unwrap().execute(&context) {
            Ok(cel::Value::Float(expected)) => expected,
            other => panic!("{other:?}: {typed}"),
        };
        let [a, b, c] = values;
        let json = format!(r#"{{"a":{a},"b_1":{b},"_c":{c}}}"#);
        let computed = compiled(&text).evaluate(&Properties::parse(&json).unwrap()).unwrap();
        prop_assert_eq!(computed, format!("{expected:e}").parse().unwrap(), "{}", text);
    }

    #[test]
    fn no_text_upsets_the_compiler(text in "\\PC{0,60}") {
        let _ = Expression::compile(&text);
    }

    #[test]
    fn no_sequence_of_signs_upsets_the_compiler(
        signs in prop::collection::vec(
            prop::sample::select(vec![
                "a", "b", "max", "1", "2.5", ".", ",", "(", ")", "?", ":", "+", "-", "*", "/", "<", ">", "=", "!", "&&", "||", "&", "|", " ", "in",
                "true", "null", "1e", "0x", "u", "_", "//", "\n", "has", "if",
            ]),
            0..60,
        ),
    ) {
        let text = signs.concat();
        if let Ok(expression) = Expression::compile(&text) {
            let _ = expression.evaluate(&Properties::parse(r#"{"a":2,"b":"3"}"#).unwrap());
        }
    }
}
