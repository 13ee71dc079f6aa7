//! Lists: order, pages, and how many match in all.

use domain::invoice::Invoice;
use storage::{Condition, Database, Direction, ListQuery, Sort};

use crate::fixtures::{at, everything, invoice, scope, store};

contract!(
    absent_values_come_last_in_both_directions,
    text_is_sorted_by_its_bytes,
    decimals_are_sorted_as_numbers_on_every_page,
    later_columns_and_then_ids_break_ties,
    pages_neither_repeat_nor_skip,
    the_total_counts_all_that_match,
);

async fn ids(database: &Database, query: &ListQuery) -> Vec<String> {
    let page = storage::list::<Invoice>(&mut database.clone(), &scope(), query).await.expect("a page");
    page.items.into_iter().map(|invoice| invoice.id.to_string()).collect()
}

fn sorted(columns: &[(&'static str, Direction)]) -> ListQuery {
    let sort = columns.iter().map(|(column, direction)| Sort { column, direction: *direction }).collect();
    ListQuery { sort, ..everything(vec![]) }
}

async fn absent_values_come_last_in_both_directions(database: &Database) {
    let due = |id: &str, seconds: Option<i64>| Invoice { due_date: seconds.map(at), ..invoice(id) };
    store(database, &[due("b", Some(2)), due("none", None), due("c", Some(3)), due("a", Some(-1))]).await;
    assert_eq!(ids(database, &sorted(&[("due_date", Direction::Ascending)])).await, ["a", "b", "c", "none"]);
    assert_eq!(ids(database, &sorted(&[("due_date", Direction::Descending)])).await, ["c", "b", "a", "none"]);
}

async fn text_is_sorted_by_its_bytes(database: &Database) {
    let named = |id: &str, description: &str| Invoice { description: description.into(), ..invoice(id) };
    store(database, &[named("1", "b"), named("2", "A"), named("3", "ä"), named("4", "Z"), named("5", " z"), named("6", "_")]).await;
    assert_eq!(ids(database, &sorted(&[("description", Direction::Ascending)])).await, ["5", "2", "4", "6", "1", "3"]);
}

async fn decimals_are_sorted_as_numbers_on_every_page(database: &Database) {
    let owing = |id: &str, amount: &str| {
        let mut invoice = invoice(id);
        invoice.totals.amount_due = amount.parse().expect("a decimal");
        invoice
    };
    let written = [("a", "100"), ("b", "2.5"), ("c", "10"), ("d", "1"), ("e", "-3"), ("f", "0.000000000000001"), ("g", "10.00")];
    store(database, &written.map(|(id, amount)| owing(id, amount))).await;
    for (direction, expected) in [(Direction::Ascending, "efdbgca"), (Direction::Descending, "agcbdfe")] {
        let mut read = String::new();
        for offset in 0..7 {
            let query = ListQuery { limit: 1, offset, ..sorted(&[("amount_due", direction)]) };
            read.push_str(&ids(database, &query).await.concat());
        }
        assert_eq!(read, expected, "{direction:?}");
    }
}

async fn later_columns_and_then_ids_break_ties(database: &Database) {
    let made = |id: &str, currency: &str, version: i64| Invoice { description: currency.into(), version, ..invoice(id) };
    store(database, &[made("a", "x", 1), made("b", "y", 1), made("c", "x", 2), made("d", "x", 1)]).await;
    let by_both = sorted(&[("description", Direction::Ascending), ("version", Direction::Descending)]);
    assert_eq!(ids(database, &by_both).await, ["c", "d", "a", "b"]);
    assert_eq!(ids(database, &sorted(&[])).await, ["d", "c", "b", "a"]);
}

async fn pages_neither_repeat_nor_skip(database: &Database) {
    // All of one age: only the id tells them apart.
    let written: Vec<Invoice> = (0..25).map(|number| invoice(&format!("{number:02}"))).collect();
    store(database, &written).await;
    let mut read = Vec::new();
    for offset in [0, 10, 20, 30] {
        let query = ListQuery { limit: 10, offset, ..sorted(&[("created_at", Direction::Descending)]) };
        read.extend(ids(database, &query).await);
    }
    let expected: Vec<String> = (0..25).rev().map(|number| format!("{number:02}")).collect();
    assert_eq!(read, expected);
}

async fn the_total_counts_all_that_match(database: &Database) {
    let written: Vec<Invoice> = (0..7).map(|number| Invoice { version: number, ..invoice(&number.to_string()) }).collect();
    store(database, &written).await;
    let above_2 = Condition::Gt("version", storage::Value::Int(2));
    for (limit, offset, shown) in [(3, 0, 3), (3, 3, 1), (3, 4, 0), (0, 0, 0)] {
        let query = ListQuery { limit, offset, ..everything(vec![above_2.clone()]) };
        let page = storage::list::<Invoice>(&mut database.clone(), &scope(), &query).await.expect("a page");
        assert_eq!((page.items.len(), page.total), (shown, 4), "limit {limit}, offset {offset}");
    }
}
