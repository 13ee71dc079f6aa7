//! Things as rows: what was written is what is read, in its own scope and in no other.

use domain::catalog::{Group, Plan};
use domain::customer::Customer;
use domain::invoice::Invoice;
use domain::scope::Status;
use storage::{Condition, Database, StoreError};

use crate::fixtures::{at, begin, customer, customer_in, group, invoice, neighbours, pairs, plan, scope, seen, store};

contract!(
    a_record_is_read_as_it_was_written,
    absent_values_stay_absent_and_decimals_keep_their_digits,
    decimals_of_every_size_keep_their_digits,
    a_text_with_the_character_zero_is_refused,
    a_record_is_seen_in_its_own_scope_alone,
    an_update_writes_every_column,
    an_update_of_a_record_that_is_not_there_is_refused,
    a_record_is_read_by_id_whatever_its_status,
    many_records_go_in_and_out_at_once,
    unknown_ids_are_left_out,
    find_gives_one_that_matches,
    find_all_gives_published_ones_oldest_first,
    a_set_without_bound_is_refused_instead_of_cut,
    removal_takes_what_matches_and_nothing_else,
);

async fn a_record_is_read_as_it_was_written(database: &Database) {
    let written = Customer {
        name: "Ünïcödé 'quoted' \"name\" \\ %_ \u{1f680}".into(),
        email: "a@example.com".into(),
        metadata: pairs(&[("a", "1"), ("ключ", "значение"), ("", "empty key")]),
        ..customer("cust_1")
    };
    store(database, std::slice::from_ref(&written)).await;
    assert_eq!(seen(database, "cust_1").await, Some(written));
}

async fn absent_values_stay_absent_and_decimals_keep_their_digits(database: &Database) {
    let mut written = invoice("inv_1");
    written.due_date = Some(at(86_400).plus_micros(1));
    written.totals.total = "12345678901234567890.123456789012345".parse().expect("a decimal");
    written.totals.amount_due = "-0.000000000000001".parse().expect("a decimal");
    store(database, std::slice::from_ref(&written)).await;
    let read: Invoice = seen(database, "inv_1").await.expect("is there");
    assert_eq!(read.totals.total.to_string(), "12345678901234567890.123456789012345");
    assert_eq!(read, written);
}

async fn decimals_of_every_size_keep_their_digits(database: &Database) {
    let mut texts: Vec<String> =
        ["0", "0.1", "-0.1", "1", "10", "9999", "10000", "10001", "100000000", "0.0001", "0.00001", "1.0001"].map(str::to_owned).to_vec();
    // Every place of the point in a number with zeros within, both signs: PostgreSQL groups digits by four from the point.
    let digits = "1203004000500006000007";
    for point in 0..=digits.len() {
        let (whole, fraction) = digits.split_at(point);
        let text = format!("{}{}{fraction}", if whole.is_empty() { "0" } else { whole }, if fraction.is_empty() { "" } else { "." });
        texts.extend([format!("-{text}"), text]);
    }
    texts.push(format!("{}.{}", "9".repeat(39), "9".repeat(40)));
    texts.push(format!("0.{}1", "0".repeat(59)));
    let written: Vec<Invoice> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let mut invoice = invoice(&format!("{index:03}"));
            invoice.totals.total = text.parse().expect("a decimal");
            invoice
        })
        .collect();
    store(database, &written).await;
    let read: Vec<Invoice> = storage::find_all(&mut database.clone(), &scope(), &[]).await.expect("read");
    let read: Vec<String> = read.into_iter().map(|invoice| invoice.totals.total.to_string()).collect();
    assert_eq!(read, texts);
}

/// PostgreSQL cannot keep it, so SQLite does not either.
async fn a_text_with_the_character_zero_is_refused(database: &Database) {
    let named = Customer { name: "a\0b".into(), ..customer("cust_1") };
    let tagged = Customer { metadata: pairs(&[("a", "\\\0")]), ..customer("cust_1") };
    for refused in [named, tagged] {
        let mut work = begin(database).await;
        let outcome = storage::insert(&mut work, &refused).await;
        assert!(matches!(outcome, Err(StoreError::Unfit(_))), "{outcome:?}");
    }
    let asked = storage::get::<Customer>(&mut database.clone(), &scope(), "a\0b").await;
    assert!(matches!(asked, Err(StoreError::Unfit(_))), "{asked:?}");
    // An escaped backslash before the same letters is plain text.
    let plain = Customer { metadata: pairs(&[("a", r"\u0000")]), ..customer("cust_1") };
    store(database, std::slice::from_ref(&plain)).await;
    assert_eq!(seen(database, "cust_1").await, Some(plain));
}

async fn a_record_is_seen_in_its_own_scope_alone(database: &Database) {
    store(database, &[customer("cust_1")]).await;
    for neighbour in neighbours() {
        let mut reader = database.clone();
        assert_eq!(storage::get::<Customer>(&mut reader, &neighbour, "cust_1").await.expect("read"), None);
        assert_eq!(storage::get_many::<Customer>(&mut reader, &neighbour, &["cust_1".into()]).await.expect("read"), []);
        assert_eq!(storage::find_all::<Customer>(&mut reader, &neighbour, &[]).await.expect("read"), []);
        assert_eq!(storage::count::<Customer>(&mut reader, &neighbour, &[]).await.expect("read"), 0);
        let mut work = begin(database).await;
        assert_eq!(storage::remove::<Customer>(&mut work, &neighbour, &[]).await.expect("removed"), 0);
        let refused = storage::update(&mut work, &customer_in(&neighbour, "cust_1")).await;
        assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
        work.rollback().await.expect("rolled back");
        // The same id may live in both.
        store(database, &[customer_in(&neighbour, "cust_1")]).await;
    }
    assert_eq!(seen(database, "cust_1").await, Some(customer("cust_1")));
}

async fn an_update_writes_every_column(database: &Database) {
    store(database, &[invoice("inv_1"), invoice("inv_2")]).await;
    let mut changed = invoice("inv_1");
    changed.invoice_number = "INV-1".into();
    changed.period_start = Some(at(1));
    changed.metadata = pairs(&[("k", "v")]);
    changed.totals.subtotal = "1.50".parse().expect("a decimal");
    changed.version = 2;
    changed.audit.status = Status::Archived;
    changed.audit.updated_at = at(9);
    changed.audit.updated_by = "someone".into();
    let mut work = begin(database).await;
    storage::update(&mut work, &changed).await.expect("updated");
    work.commit().await.expect("committed");
    assert_eq!(seen(database, "inv_1").await, Some(changed));
    assert_eq!(seen(database, "inv_2").await, Some(invoice("inv_2")));
}

async fn an_update_of_a_record_that_is_not_there_is_refused(database: &Database) {
    let mut work = begin(database).await;
    let refused = storage::update(&mut work, &customer("cust_1")).await;
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
}

async fn a_record_is_read_by_id_whatever_its_status(database: &Database) {
    for status in [Status::Published, Status::Archived, Status::Deleted] {
        let mut written = customer(status.as_str());
        written.audit.status = status;
        store(database, std::slice::from_ref(&written)).await;
        assert_eq!(seen(database, status.as_str()).await, Some(written));
    }
}

async fn many_records_go_in_and_out_at_once(database: &Database) {
    // More than one statement holds.
    let written: Vec<Customer> = (0..1_203).map(|number| customer(&format!("cust_{number:04}"))).collect();
    store(database, &written).await;
    let ids: Vec<String> = written.iter().map(|customer| customer.id.to_string()).collect();
    let mut read: Vec<Customer> = storage::get_many(&mut database.clone(), &scope(), &ids).await.expect("read");
    read.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(read, written);
    store::<Customer>(database, &[]).await;
}

async fn unknown_ids_are_left_out(database: &Database) {
    store(database, &[customer("cust_1")]).await;
    let ids = ["cust_1".to_owned(), "cust_2".to_owned()];
    let read: Vec<Customer> = storage::get_many(&mut database.clone(), &scope(), &ids).await.expect("read");
    assert_eq!(read, [customer("cust_1")]);
    assert_eq!(storage::get_many::<Customer>(&mut database.clone(), &scope(), &[]).await.expect("read"), []);
}

async fn find_gives_one_that_matches(database: &Database) {
    store(database, &[plan("plan_1", "a"), plan("plan_2", "b")]).await;
    let by_key = |key: &str| [Condition::eq("lookup_key", &key.to_owned())];
    assert_eq!(storage::find(&mut database.clone(), &scope(), &by_key("b")).await.expect("read"), Some(plan("plan_2", "b")));
    assert_eq!(storage::find::<Plan>(&mut database.clone(), &scope(), &by_key("c")).await.expect("read"), None);
}

async fn find_all_gives_published_ones_oldest_first(database: &Database) {
    let made = |id: &str, created: i64, status: Status| {
        let mut group = group(id);
        group.audit.created_at = at(created);
        group.audit.status = status;
        group
    };
    let groups =
        [made("d", 1, Status::Published), made("a", 2, Status::Published), made("c", 1, Status::Published), made("b", 0, Status::Archived)];
    store(database, &groups).await;
    let read: Vec<Group> = storage::find_all(&mut database.clone(), &scope(), &[]).await.expect("read");
    assert_eq!(read.iter().map(|group| group.id.as_str()).collect::<Vec<_>>(), ["c", "d", "a"]);
}

async fn a_set_without_bound_is_refused_instead_of_cut(database: &Database) {
    let groups: Vec<Group> = (0..20_000).map(|number| group(&number.to_string())).collect();
    store(database, &groups).await;
    let read = storage::find_all::<Group>(&mut database.clone(), &scope(), &[]).await.expect("just fits");
    assert_eq!(read.len(), 20_000);
    store(database, &[group("one too many")]).await;
    let refused = storage::find_all::<Group>(&mut database.clone(), &scope(), &[]).await;
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "not refused");
}

async fn removal_takes_what_matches_and_nothing_else(database: &Database) {
    store(database, &[plan("plan_1", "a"), plan("plan_2", "b"), plan("plan_3", "c")]).await;
    let mut work = begin(database).await;
    let doomed = [Condition::one_of("lookup_key", &["a".to_owned(), "c".to_owned()])];
    assert_eq!(storage::remove::<Plan>(&mut work, &scope(), &doomed).await.expect("removed"), 2);
    work.commit().await.expect("committed");
    let left: Vec<Plan> = storage::find_all(&mut database.clone(), &scope(), &[]).await.expect("read");
    assert_eq!(left, [plan("plan_2", "b")]);
}
