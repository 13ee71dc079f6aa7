//! Each kind of condition, also where the column is absent or the text holds signs that patterns are made of.

use domain::customer::Customer;
use domain::invoice::Invoice;
use storage::{Cell, Condition, Database, Value};

use crate::fixtures::{at, customer, invoice, pairs, scope, store};

contract!(
    equal_and_different,
    one_of_and_none_of,
    above_and_below_with_and_without_the_bound,
    absent_and_absent_or_above,
    decimals_compare_as_numbers,
    decimals_compare_to_their_last_digit,
    text_is_found_in_any_case,
    signs_of_patterns_are_plain_text,
    letters_beyond_ascii_are_not_folded,
    absent_is_different_and_none_of_a_list,
    pairs_match_key_and_value,
    all_conditions_must_hold,
);

/// The ids of the customers that meet the conditions, sorted.
async fn customers(database: &Database, conditions: &[Condition]) -> Vec<String> {
    let found: Vec<Customer> = storage::find_all(&mut database.clone(), &scope(), conditions).await.expect("read");
    let counted = storage::count::<Customer>(&mut database.clone(), &scope(), conditions).await.expect("counted");
    assert_eq!(usize::try_from(counted), Ok(found.len()), "{conditions:?}");
    let mut ids: Vec<String> = found.into_iter().map(|customer| customer.id.to_string()).collect();
    ids.sort();
    ids
}

async fn invoices(database: &Database, condition: Condition) -> Vec<String> {
    let found: Vec<Invoice> = storage::find_all(&mut database.clone(), &scope(), &[condition]).await.expect("read");
    let mut ids: Vec<String> = found.into_iter().map(|invoice| invoice.id.to_string()).collect();
    ids.sort();
    ids
}

fn named(id: &str, name: &str) -> Customer {
    Customer { name: name.into(), ..customer(id) }
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

async fn equal_and_different(database: &Database) {
    store(database, &[named("1", "a"), named("2", "b"), named("3", "A")]).await;
    assert_eq!(customers(database, &[Condition::Eq("name", text("a"))]).await, ["1"]);
    assert_eq!(customers(database, &[Condition::NotEq("name", text("a"))]).await, ["2", "3"]);
}

async fn one_of_and_none_of(database: &Database) {
    store(database, &[named("1", "a"), named("2", "b"), named("3", "c")]).await;
    let names = || vec![text("a"), text("c"), text("x")];
    assert_eq!(customers(database, &[Condition::In("name", names())]).await, ["1", "3"]);
    assert_eq!(customers(database, &[Condition::NotIn("name", names())]).await, ["2"]);
    assert_eq!(customers(database, &[Condition::In("name", vec![])]).await, [""; 0], "of nothing is nothing");
    assert_eq!(customers(database, &[Condition::NotIn("name", vec![])]).await, ["1", "2", "3"]);
}

async fn above_and_below_with_and_without_the_bound(database: &Database) {
    let due = |id: &str, seconds: Option<i64>| Invoice { due_date: seconds.map(at), ..invoice(id) };
    store(database, &[due("1", Some(1)), due("2", Some(2)), due("3", Some(3)), due("none", None)]).await;
    let two = || at(2).to_value();
    assert_eq!(invoices(database, Condition::Gt("due_date", two())).await, ["3"]);
    assert_eq!(invoices(database, Condition::Gte("due_date", two())).await, ["2", "3"]);
    assert_eq!(invoices(database, Condition::Lt("due_date", two())).await, ["1"]);
    assert_eq!(invoices(database, Condition::Lte("due_date", two())).await, ["1", "2"]);
}

async fn absent_and_absent_or_above(database: &Database) {
    let due = |id: &str, seconds: Option<i64>| Invoice { due_date: seconds.map(at), ..invoice(id) };
    store(database, &[due("1", Some(1)), due("2", Some(2)), due("none", None)]).await;
    assert_eq!(invoices(database, Condition::Null("due_date")).await, ["none"]);
    assert_eq!(invoices(database, Condition::NullOrGt("due_date", at(1).to_value())).await, ["2", "none"]);
}

fn owing(id: &str, amount: &str) -> Invoice {
    let mut invoice = invoice(id);
    invoice.totals.amount_due = amount.parse().expect("a decimal");
    invoice
}

fn decimal(text: &str) -> Value {
    text.parse::<domain::money::Decimal>().expect("a decimal").to_value()
}

async fn decimals_compare_as_numbers(database: &Database) {
    store(database, &[owing("a", "9.99"), owing("b", "10"), owing("c", "100.5"), owing("d", "-20")]).await;
    for (above, expected) in [("9.99", &["b", "c"][..]), ("-100", &["a", "b", "c", "d"]), ("100.49", &["c"]), ("100.5", &[])] {
        assert_eq!(invoices(database, Condition::Gt("amount_due", decimal(above))).await, expected, "{above}");
    }
    assert_eq!(invoices(database, Condition::Gte("amount_due", decimal("10.0"))).await, ["b", "c"]);
    assert_eq!(invoices(database, Condition::Lt("amount_due", decimal("10"))).await, ["a", "d"]);
    assert_eq!(invoices(database, Condition::Lte("amount_due", decimal("10.000"))).await, ["a", "b", "d"]);
    assert_eq!(invoices(database, Condition::Eq("amount_due", decimal("1e1"))).await, ["b"]);
    assert_eq!(invoices(database, Condition::NotEq("amount_due", decimal("10.00"))).await, ["a", "c", "d"]);
    assert_eq!(invoices(database, Condition::In("amount_due", vec![decimal("100.50"), decimal("7")])).await, ["c"]);
    assert_eq!(invoices(database, Condition::NotIn("amount_due", vec![decimal("100.50"), decimal("-20.0")])).await, ["a", "b"]);
}

/// More digits than a double has.
async fn decimals_compare_to_their_last_digit(database: &Database) {
    let amounts = ["90071992547409.931234567890123", "90071992547409.931234567890124", "90071992547409.931234567890125"];
    store(database, &[owing("a", amounts[0]), owing("b", amounts[1]), owing("c", amounts[2])]).await;
    assert_eq!(invoices(database, Condition::Gt("amount_due", decimal(amounts[1]))).await, ["c"]);
    assert_eq!(invoices(database, Condition::Lt("amount_due", decimal(amounts[1]))).await, ["a"]);
}

async fn text_is_found_in_any_case(database: &Database) {
    store(database, &[named("1", "Acme Corp"), named("2", "ACME"), named("3", "Other"), named("4", "Ärzte GmbH")]).await;
    for (part, expected) in [("acme", &["1", "2"][..]), ("ME c", &["1"]), ("", &["1", "2", "3", "4"]), ("Ärzte g", &["4"])] {
        let (with, without) = (Condition::Contains("name", part.into()), Condition::NotContains("name", part.into()));
        assert_eq!(customers(database, &[with]).await, expected, "{part}");
        let rest: Vec<&str> = ["1", "2", "3", "4"].into_iter().filter(|id| !expected.contains(id)).collect();
        assert_eq!(customers(database, &[without]).await, rest, "not {part}");
    }
}

/// One rule for both databases: A to Z alone are folded.
async fn letters_beyond_ascii_are_not_folded(database: &Database) {
    store(database, &[named("1", "ÄRZTE Straße"), named("2", "ärzte strasse"), named("3", "İSTANBUL")]).await;
    for (part, expected) in
        [("ÄR", &["1"][..]), ("äR", &["2"]), ("RZTE", &["1", "2"]), ("Straße", &["1"]), ("STRASSE", &["2"]), ("istanbul", &[])]
    {
        assert_eq!(customers(database, &[Condition::Contains("name", part.into())]).await, expected, "{part}");
    }
    assert_eq!(customers(database, &[Condition::Contains("name", "İstanbul".into())]).await, ["3"]);
}

async fn absent_is_different_and_none_of_a_list(database: &Database) {
    let of = |id: &str, subscription: Option<&str>| Invoice {
        subscription_id: subscription.map(Into::into),
        period_start: Some(at(id.len() as i64)),
        billing_reason: domain::invoice::BillingReason::SubscriptionCycle,
        idempotency_key: id.into(),
        ..invoice(id)
    };
    store(database, &[of("a", Some("s1")), of("bb", Some("s2")), of("ccc", None)]).await;
    assert_eq!(invoices(database, Condition::NotEq("subscription_id", text("s1"))).await, ["bb", "ccc"]);
    assert_eq!(invoices(database, Condition::NotIn("subscription_id", vec![text("s1"), text("x")])).await, ["bb", "ccc"]);
    assert_eq!(invoices(database, Condition::NotContains("subscription_id", "1".into())).await, ["bb", "ccc"]);
    assert_eq!(invoices(database, Condition::Eq("subscription_id", text("s1"))).await, ["a"]);
    assert_eq!(invoices(database, Condition::In("subscription_id", vec![text("s1"), text("s2")])).await, ["a", "bb"]);
}

async fn signs_of_patterns_are_plain_text(database: &Database) {
    store(database, &[named("1", "100% sure"), named("2", "snake_case"), named("3", r"back\slash"), named("4", "1000 snakes")]).await;
    for (part, expected) in [("0%", "1"), ("e_c", "2"), (r"k\s", "3")] {
        assert_eq!(customers(database, &[Condition::Contains("name", part.into())]).await, [expected], "{part}");
    }
}

async fn pairs_match_key_and_value(database: &Database) {
    let tagged = |id: &str, tags: &[(&str, &str)]| Customer { metadata: pairs(tags), ..customer(id) };
    store(database, &[tagged("1", &[("team", "red"), ("size", "5")]), tagged("2", &[("team", "blue")]), tagged("3", &[])]).await;
    let pair = |key: &str, value: &str| [Condition::Pair("metadata", key.into(), value.into())];
    assert_eq!(customers(database, &pair("team", "red")).await, ["1"]);
    assert_eq!(customers(database, &pair("size", "5")).await, ["1"]);
    assert_eq!(customers(database, &pair("size", "red")).await, [""; 0], "key and value belong together");
    assert_eq!(customers(database, &pair("red", "team")).await, [""; 0]);
}

async fn all_conditions_must_hold(database: &Database) {
    store(database, &[named("1", "a"), named("2", "a"), named("3", "b")]).await;
    let both = [Condition::Eq("name", text("a")), Condition::NotEq("id", text("1"))];
    assert_eq!(customers(database, &both).await, ["2"]);
}
