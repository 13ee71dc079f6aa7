//! Lists: pages, status, order, conditions, metadata (spec 60 §§4, 21 no. 5 to 7).

use serde_json::{Value, json};
use testkit::{Client, ENTITIES, TestApp, fixed_price};

use crate::refusals::{assert_refused, get, post};

/// Every list that is searched with POST.
fn searches() -> impl Iterator<Item = &'static str> {
    ENTITIES.iter().filter(|entity| entity.search.is_some()).map(|entity| entity.path)
}

/// Every list that is read with GET.
fn reads() -> impl Iterator<Item = &'static str> {
    ENTITIES.iter().filter(|entity| entity.listed).map(|entity| entity.path)
}

async fn customers(client: &Client, count: usize) {
    for number in 0..count {
        let with = json!({"email": format!("n{number}@acme.test"), "metadata": {"parity": (["even", "odd"][number % 2]), "n": number.to_string()}});
        client.customer_with(&format!("c{number:03}"), with).await;
    }
}

async fn search(client: &Client, list: &str, query: Value) -> Value {
    client.post(&format!("/v1/{list}/search"), &query).await.expect(200)
}

fn names(list: &Value, field: &str) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|item| item[field].as_str().unwrap().to_owned()).collect()
}

/// Spec 60 §21 no. 5, with the quirk: `offset` is that of the next page.
#[tokio::test]
async fn a_page_says_where_the_next_one_begins() {
    let app = TestApp::start().await;
    let client = app.client();
    customers(&client, 7).await;
    let page = |limit: i64, total: i64, next: i64| json!({"total": total, "limit": limit, "offset": next});
    let second = search(&client, "customers", json!({"limit": 3, "offset": 3})).await;
    assert_eq!((second["items"].as_array().unwrap().len(), &second["pagination"]), (3, &page(3, 7, 6)));
    let last = client.get("/v1/customers?limit=3&offset=6").await.ok();
    assert_eq!((last["items"].as_array().unwrap().len(), &last["pagination"]), (1, &page(3, 7, 9)));
    let beyond = client.get("/v1/customers?limit=3&offset=9").await.ok();
    assert_eq!((&beyond["items"], &beyond["pagination"]), (&json!([]), &page(3, 7, 12)));
    for zero in ["", "?limit=0", "?limit=", "?limit=50"] {
        assert_eq!(client.get(&format!("/v1/customers{zero}")).await.ok()["pagination"], page(50, 7, 50), "{zero}");
    }
}

#[tokio::test]
async fn pages_show_every_item_once() {
    let app = TestApp::start().await;
    let client = app.client();
    // All made in the same instant: the order must not depend on it.
    customers(&client, 25).await;
    for sort in [json!([]), json!([{"field": "created_at", "direction": "asc"}]), json!([{"field": "timezone", "direction": "desc"}])] {
        let mut seen = Vec::new();
        for offset in [0, 10, 20] {
            seen.extend(names(&search(&client, "customers", json!({"limit": 10, "offset": offset, "sort": sort})).await, "external_id"));
        }
        seen.sort();
        assert_eq!(seen, (0..25).map(|number| format!("c{number:03}")).collect::<Vec<_>>(), "{sort}");
    }
}

#[tokio::test]
async fn a_page_out_of_range_is_refused_on_every_list() {
    let app = TestApp::start().await;
    let mut table = Vec::new();
    for list in searches() {
        let path = format!("/v1/{list}/search");
        for page in [
            json!({"limit": 1001}),
            json!({"limit": -1}),
            json!({"limit": i64::MAX}),
            json!({"offset": -1}),
            json!({"offset": 100_000_001}),
            json!({"offset": i64::MAX}),
        ] {
            table.push(post("out of range", &path, &page));
        }
        table.push(post("end before start", &path, &json!({"start_time": "2025-02-01T00:00:00Z", "end_time": "2025-01-01T00:00:00Z"})));
    }
    for list in reads() {
        for page in ["limit=1001", "limit=-1", "offset=-1", "limit=x", "offset=9223372036854775807"] {
            table.push(get("out of range", &format!("/v1/{list}?{page}")));
        }
    }
    assert_refused(&app.client(), table).await;
    for list in searches() {
        let empty = search(&app.client(), list, json!({"limit": 1000})).await;
        assert_eq!(empty, json!({"items": [], "pagination": {"total": 0, "limit": 1000, "offset": 1000}}), "{list}");
    }
}

#[tokio::test]
async fn unknown_names_are_refused_on_every_list() {
    let app = TestApp::start().await;
    let mut table = Vec::new();
    for list in searches() {
        let path = format!("/v1/{list}/search");
        table.push(post("unknown sort", &path, &json!({"sort": [{"field": "mood", "direction": "asc"}]})));
        table.push(post("unknown field", &path, &json!({"filters": [condition("mood", "eq", "string", json!({"string": "x"}))]})));
        // What a database would take for more than a name.
        table.push(post("SQL", &path, &json!({"sort": [{"field": "id; DROP TABLE plans", "direction": "asc"}]})));
        table.push(post("unknown direction", &path, &json!({"sort": [{"field": "id", "direction": "sideways"}]})));
        table.push(post("many columns", &path, &json!({"sort": vec![json!({"field": "id", "direction": "asc"}); 11]})));
        let named = json!({"field": "id", "operator": "eq", "data_type": "string", "value": {"string": "x"}});
        table.push(post("many conditions", &path, &json!({"filters": vec![named; 51]})));
        let listed = json!({"field": "id", "operator": "in", "data_type": "array", "value": {"array": vec!["x"; 10_001]}});
        table.push(post("many values", &path, &json!({"filters": [listed]})));
        // As many as the lists may hold, and more than a database takes.
        let listed = json!({"field": "id", "operator": "in", "data_type": "array", "value": {"array": vec!["x"; 10_000]}});
        table.push(post("many values together", &path, &json!({"filters": vec![listed; 4]})));
        table.push(post("unknown status", &path, &json!({"status": "forgotten"})));
    }
    for entity in ENTITIES.iter().filter(|entity| entity.search.as_ref().is_some_and(|search| search.expand.is_some())) {
        table.push(post("unknown expand", &format!("/v1/{}/search", entity.path), &json!({"expand": "planets"})));
        if entity.listed {
            table.push(get("unknown expand", &format!("/v1/{}?expand=planets", entity.path)));
        }
    }
    for list in reads() {
        table.push(get("unknown sort", &format!("/v1/{list}?sort=mood")));
        table.push(get("unknown order", &format!("/v1/{list}?order=sideways")));
    }
    assert_refused(&app.client(), table).await;
}

/// Spec 60 §21 no. 6, over HTTP.
#[tokio::test]
async fn a_refused_expand_names_its_field() {
    let app = TestApp::start().await;
    for (expand, field) in [("customer", "customer"), ("prices.planets", "planets"), ("prices,meters.x", "x")] {
        let answer = app.client().get(&format!("/v1/plans?expand={expand}")).await.invalid();
        assert_eq!(answer["details"]["field"], field);
    }
}

#[tokio::test]
async fn what_is_expanded_is_embedded() {
    let app = TestApp::start().await;
    let client = app.client();
    client.customer("acme").await;
    let plan = client.plan("basic").await;
    let meter = client.counted("api").await;
    client.price(testkit::usage_price(&plan, &meter, json!({}))).await;
    client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await;
    let first = |list: Value| list["items"][0].clone();
    let plain = first(search(&client, "plans", json!({})).await);
    assert!(plain.get("prices").is_none(), "{plain}");
    let prices = first(search(&client, "plans", json!({"expand": "prices.meters"})).await)["prices"].clone();
    assert_eq!(prices[0]["meter"]["id"], meter.meter_id.as_str());
    let subscription = json!({"expand": "customer, subscription_line_items.prices.meters"});
    let subscription = first(search(&client, "subscriptions", subscription).await);
    assert_eq!((subscription["customer"]["external_id"].as_str(), subscription["plan"]["name"].as_str()), (Some("acme"), Some("basic")));
    let line = &subscription["line_items"][0];
    assert_eq!((&line["price"]["meter_id"], &line["meter"]["event_name"]), (&json!(meter.meter_id), &json!("api")));
}

#[tokio::test]
async fn published_things_are_shown_and_others_on_demand() {
    let app = TestApp::start().await;
    let client = app.client();
    let gone = client.customer("gone").await;
    client.customer("here").await;
    client.delete(&format!("/v1/customers/{gone}")).await.expect(204);
    for (query, expected) in [
        (json!({}), vec!["here"]),
        (json!({"status": "published"}), vec!["here"]),
        (json!({"status": "archived"}), vec!["gone"]),
        (json!({"status": "deleted"}), vec![]),
        (json!({"status": "archived", "customer_ids": [gone]}), vec!["gone"]),
        (json!({"customer_ids": [gone]}), vec![]),
    ] {
        assert_eq!(names(&search(&client, "customers", query.clone()).await, "external_id"), expected, "{query}");
    }
    // By id an archived one is readable; by external id it is not.
    client.get(&format!("/v1/customers/{gone}")).await.expect(200);
    client.get("/v1/customers/external/gone").await.not_found();
    client.get("/v1/customers/lookup/gone").await.not_found();
}

fn condition(field: &str, operator: &str, data_type: &str, value: Value) -> Value {
    json!({"field": field, "operator": operator, "data_type": data_type, "value": value})
}

/// Spec 60 §4.3 and §21 no. 7: every operator, and together they are ANDed.
#[tokio::test]
async fn conditions_select_by_column() {
    let app = TestApp::start().await;
    let client = app.client();
    customers(&client, 4).await;
    client.customer_with("100%_sure", json!({"name": "Tokens used", "email": ""})).await;
    let text = |operator: &str, field: &str, value: &str| condition(field, operator, "string", json!({ "string": value }));
    let list = |operator: &str, values: Value| condition("external_id", operator, "array", json!({ "array": values }));
    let date = |operator: &str, value: &str| condition("created_at", operator, "date", json!({ "date": value }));
    let all = vec!["100%_sure", "c000", "c001", "c002", "c003"];
    for (filters, expected) in [
        (vec![text("eq", "external_id", "c001")], vec!["c001"]),
        (vec![text("eq", "external_id", "C001")], vec![]),
        (vec![text("contains", "name", "TOK")], vec!["100%_sure"]),
        (vec![text("contains", "external_id", "0%_")], vec!["100%_sure"]),
        (vec![text("contains", "external_id", "c_0")], vec![]),
        (vec![text("not_contains", "external_id", "C00")], vec!["100%_sure"]),
        (vec![list("in", json!(["c000", "c003", "nobody"]))], vec!["c000", "c003"]),
        (vec![list("not_in", json!(["c000", "c003"]))], vec!["100%_sure", "c001", "c002"]),
        (vec![list("in", json!([]))], all.clone()),
        (vec![list("not_in", json!([]))], all.clone()),
        (vec![date("after", "2024-12-31T00:00:00Z")], all.clone()),
        (vec![date("after", "2025-01-01T00:00:00Z")], vec![]),
        (vec![date("before", "2025-01-01T00:00:00Z")], vec![]),
        (vec![date("before", "2025-01-01T00:00:00.000001Z")], all),
        (vec![text("contains", "external_id", "c00"), list("not_in", json!(["c000"])), text("eq", "email", "n2@acme.test")], vec!["c002"]),
    ] {
        let query = json!({"filters": filters, "sort": [{"field": "external_id", "direction": "asc"}]});
        let found = search(&client, "customers", query.clone()).await;
        assert_eq!(names(&found, "external_id"), expected, "{query}");
        assert_eq!(found["pagination"]["total"], expected.len(), "{query}");
    }
}

/// What the established system drops, widening the result, is refused.
#[tokio::test]
async fn conditions_that_cannot_hold_are_refused() {
    let app = TestApp::start().await;
    let table = [
        condition("name", "gt", "string", json!({"string": "5"})),
        condition("name", "gte", "string", json!({"string": "5"})),
        condition("name", "eq", "number", json!({"string": "5"})),
        condition("name", "eq", "string", json!({"number": 5})),
        condition("name", "eq", "string", json!({})),
        condition("name", "eq", "", json!({"string": "x"})),
        condition("name", "", "string", json!({"string": "x"})),
        condition("name", "like", "string", json!({"string": "x"})),
        condition("name", "contains", "array", json!({"array": ["x"]})),
        condition("name", "in", "string", json!({"string": "x"})),
        condition("name", "before", "date", json!({"date": "2025-01-01T00:00:00Z"})),
        condition("created_at", "before", "date", json!({"date": "2025-01-01"})),
        condition("created_at", "after", "date", json!({"date": "soon"})),
        condition("created_at", "contains", "string", json!({"string": "2025"})),
        condition("", "eq", "string", json!({"string": "x"})),
        json!({}),
    ];
    let table = table.into_iter().map(|condition| post("misfit", "/v1/customers/search", &json!({"filters": [condition]})));
    assert_refused(&app.client(), table.collect()).await;
}

#[tokio::test]
async fn numbers_compare_as_numbers() {
    let app = TestApp::start().await;
    let client = app.client();
    client.customer("acme").await;
    for (order, name) in [(2, "two"), (10, "ten"), (-1, "below")] {
        client.post("/v1/plans", &json!({"name": name, "display_order": order})).await.expect(201);
    }
    let number = |field: &str, operator: &str, value: Value| json!([condition(field, operator, "number", json!({ "number": value }))]);
    for (operator, value, expected) in [
        ("gt", 2, vec!["ten"]),
        ("gte", 2, vec!["two", "ten"]),
        ("lt", 2, vec!["below"]),
        ("lte", 2, vec!["below", "two"]),
        ("eq", 10, vec!["ten"]),
    ] {
        let filters = number("display_order", operator, json!(value));
        let found = search(&client, "plans", json!({"filters": filters, "sort": [{"field": "display_order", "direction": "asc"}]})).await;
        assert_eq!(names(&found, "name"), expected, "{operator} {value}");
    }
    let plan = client.plan("billed").await;
    client.price(fixed_price(&plan, "9.50", "ADVANCE", json!({}))).await;
    client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await;
    for (filters, expected) in [
        (number("total", "gt", json!(9)), 1),
        (number("total", "gt", json!("9.5")), 0),
        (number("total", "gt", json!("10")), 0),
        (number("total", "eq", json!("9.5")), 1),
        (number("total", "eq", json!("9.50")), 1),
    ] {
        let found = search(&client, "invoices", json!({ "filters": filters })).await;
        assert_eq!(found["pagination"]["total"], expected, "{filters}");
    }
    for (amount, expected) in [("9.4", 1), ("9.5", 0)] {
        let found = search(&client, "invoices", json!({ "amount_due_gt": amount, "amount_remaining_gt": amount })).await;
        assert_eq!(found["pagination"]["total"], expected, "{amount}");
    }
}

/// Spec 60 §4.3: all pairs must be there, compared as text, to the letter.
#[tokio::test]
async fn metadata_selects_by_pairs() {
    let app = TestApp::start().await;
    let client = app.client();
    customers(&client, 4).await;
    for (metadata, expected) in [
        (json!({"parity": "odd"}), vec!["c001", "c003"]),
        (json!({"parity": "odd", "n": "3"}), vec!["c003"]),
        (json!({"parity": "even", "n": "3"}), vec![]),
        (json!({"parity": "ODD"}), vec![]),
        (json!({"parity": "od"}), vec![]),
        (json!({"Parity": "odd"}), vec![]),
        (json!({"none": ""}), vec![]),
        (json!({"'": "\"\\"}), vec![]),
        (json!({}), vec!["c000", "c001", "c002", "c003"]),
    ] {
        let query = json!({"metadata": metadata, "sort": [{"field": "external_id", "direction": "asc"}]});
        assert_eq!(names(&search(&client, "customers", query).await, "external_id"), expected, "{metadata}");
    }
}

#[tokio::test]
async fn lists_sort_by_any_column_and_either_way() {
    let app = TestApp::start().await;
    let client = app.client();
    for (name, zone) in [("b", "UTC"), ("a", "UTC"), ("c", "Asia/Tokyo")] {
        client.customer_with(name, json!({"timezone": zone})).await;
    }
    let by = |field: &str, direction: &str| json!({"field": field, "direction": direction});
    for (sort, expected) in [
        (json!([by("external_id", "asc")]), ["a", "b", "c"]),
        (json!([by("external_id", "desc")]), ["c", "b", "a"]),
        (json!([by("external_id", "DESC")]), ["c", "b", "a"]),
        (json!([by("timezone", "desc"), by("external_id", "desc")]), ["b", "a", "c"]),
        (json!([by("timezone", "asc"), by("external_id", "asc")]), ["c", "a", "b"]),
    ] {
        assert_eq!(names(&search(&client, "customers", json!({ "sort": sort })).await, "external_id"), expected, "{sort}");
    }
    for (query, expected) in [("sort=external_id&order=asc", ["a", "b", "c"]), ("sort=external_id", ["c", "b", "a"])] {
        assert_eq!(names(&client.get(&format!("/v1/customers?{query}")).await.ok(), "external_id"), expected, "{query}");
    }
}

/// Spec 30 §17, spec 40 §12: what a list leaves out unless it is asked for.
#[tokio::test]
async fn only_active_subscriptions_and_invoices_not_skipped_are_shown() {
    let app = TestApp::start().await;
    let client = app.client();
    client.customer("acme").await;
    let plan = client.plan("basic").await;
    client.price(fixed_price(&plan, "0", "ADVANCE", json!({}))).await;
    let made = client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await;
    let total = |list: Value| list["pagination"]["total"].as_i64().unwrap();
    assert_eq!(total(search(&client, "invoices", json!({})).await), 0);
    assert_eq!(total(search(&client, "invoices", json!({"invoice_status": ["SKIPPED"]})).await), 1);
    assert_eq!(total(search(&client, "subscriptions", json!({})).await), 1);
    let path = format!("/v1/subscriptions/{}/cancel", made["id"].as_str().unwrap());
    client.post(&path, &json!({"cancellation_type": "immediate"})).await.expect(200);
    assert_eq!(total(search(&client, "subscriptions", json!({})).await), 0);
    assert_eq!(total(client.get("/v1/subscriptions").await.ok()), 0);
    assert_eq!(total(search(&client, "subscriptions", json!({"subscription_status": ["cancelled"]})).await), 1);
    let named = json!({"filters": [condition("subscription_status", "eq", "string", json!({"string": "cancelled"}))]});
    assert_eq!(total(search(&client, "subscriptions", named).await), 1);
}

/// A filter that is not known would show more than was asked for: the published clients' filters are all applied or refused.
#[tokio::test]
async fn filters_of_the_published_clients_are_applied_or_refused() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-01T00:00:00Z").await;
    client.customer("acme").await;
    let plan = client.plan("basic").await;
    client.price(fixed_price(&plan, "10", "ADVANCE", json!({}))).await;
    client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await;
    for (list, query, expected) in [
        ("invoices", json!({"finalized_at_gte": "2025-01-01T00:00:00Z"}), 1),
        ("invoices", json!({"finalized_at_gte": "2025-01-01T00:00:01Z"}), 0),
        ("invoices", json!({"voided_at_gte": "2020-01-01T00:00:00Z"}), 0),
        ("prices", json!({"updated_after": "2024-12-31T23:59:59Z"}), 1),
        ("prices", json!({"updated_after": "2025-01-01T00:00:00Z"}), 0),
        ("subscriptions", json!({"billing_cadence": ["RECURRING"]}), 1),
        ("subscriptions", json!({"billing_cadence": ["ONETIME"]}), 0),
    ] {
        assert_eq!(search(&client, list, query.clone()).await["pagination"]["total"], expected, "{list} {query}");
    }
    let due = json!({"trial_end_due_lte": "2025-01-01T00:00:00Z"});
    client.post("/v1/subscriptions/search", &due).await.refused(501, "not_implemented");
}

/// Amounts are numbers, whatever the database keeps them as.
#[tokio::test]
async fn amounts_are_sorted_and_compared_as_numbers() {
    let app = TestApp::start().await;
    let client = app.client();
    let plan = client.plan("basic").await;
    for amount in ["100", "2.5", "10", "1", "0.000001"] {
        client.price(fixed_price(&plan, amount, "ARREAR", json!({}))).await;
    }
    let amounts = async |query: Value| names(&search(&client, "prices", query).await, "amount");
    let ascending = ["0.000001", "1", "2.5", "10", "100"];
    let mut descending = ascending;
    descending.reverse();
    for (direction, expected) in [("asc", ascending), ("desc", descending)] {
        let sort = json!([{"field": "amount", "direction": direction}]);
        assert_eq!(amounts(json!({"sort": sort})).await, expected);
        let mut paged = Vec::new();
        for offset in 0..5 {
            paged.extend(amounts(json!({"sort": sort, "limit": 1, "offset": offset})).await);
        }
        assert_eq!(paged, expected);
    }
    for (operator, number, expected) in [
        ("gt", json!(2.5), &["10", "100"][..]),
        ("gte", json!(2.5), &["2.5", "10", "100"]),
        ("lt", json!("10"), &["0.000001", "1", "2.5"]),
        ("lte", json!(10), &["0.000001", "1", "2.5", "10"]),
        ("eq", json!("10.00"), &["10"]),
    ] {
        let filters = [condition("amount", operator, "number", json!({"number": number}))];
        let found = amounts(json!({"filters": filters, "sort": [{"field": "amount", "direction": "asc"}]})).await;
        assert_eq!(found, expected, "{operator}");
    }
}
