//! Usage told apart by group, narrowed by what events carry, and weighted by time.

use domain::meter::{AggregationType, LedgerEntry, Window, WindowSize};
use domain::money::Quantity;
use domain::time::{Period, Zone};
use streams::{EventStore, EventStoreError, GroupKey, GroupedPart, GroupedQuery, MeteredEvent, RowFilter, UsageQuery};

use crate::model::{Model, at, by_window, entry, grouped, grouped_query, metered, query, scope, weighted};

pub(super) async fn run(store: &dyn EventStore) {
    buckets_have_a_maximum_per_group(store).await;
    sources_and_properties_make_groups(store).await;
    rows_are_filtered_as_meters_filter(store).await;
    groups_count_their_own_unique_values(store).await;
    more_groups_than_asked_for_are_refused(store).await;
    meters_of_one_question_have_answers_of_their_own(store).await;
    the_bound_holds_for_all_meters_together(store).await;
    quantities_weigh_by_the_rest_of_the_period(store).await;
    moments_are_exact(store).await;
}

fn ask(query: UsageQuery, by: &[GroupKey]) -> GroupedQuery {
    grouped_query(query, RowFilter::default(), by, None)
}

fn property(name: &str) -> GroupKey {
    GroupKey::Property(name.to_owned())
}

fn with(mut event: MeteredEvent, source: &str, properties: &str) -> MeteredEvent {
    event.event.source = source.to_owned();
    event.event.properties = properties.to_owned();
    event
}

/// Spec 10 §18 case 7.
async fn buckets_have_a_maximum_per_group(store: &dyn EventStore) {
    let scope = scope("buckets_have_a_maximum_per_group");
    let rows = [("10:05", 3, "a"), ("10:40", 5, "a"), ("10:50", 4, "b"), ("11:10", 2, "a"), ("11:20", 1, "")];
    let events = rows.iter().map(|(time, units, group)| {
        let entries = vec![grouped("m", *units, group), grouped("other", 100, group)];
        metered(time, "c", &format!("2024-06-01T{time}:00Z"), entries)
    });
    store.append(&scope, events.collect()).await.unwrap();
    // An entry that has no group at all is of the empty one.
    store.append(&scope, vec![metered("none", "d", "2024-06-01T12:00:00Z", vec![entry("m", 7, None)])]).await.unwrap();
    let hours = Some(Window::new(WindowSize::Hour, Zone::UTC));
    let asked = query(&[], "m", "2024-06-01T00:00:00Z", "2024-06-02T00:00:00Z");
    let found = store.usage_by_group(&scope, grouped_query(asked, RowFilter::default(), &[GroupKey::Meter], hours)).await.unwrap();
    let found: Vec<_> = found[0]
        .iter()
        .map(|row| (row.window.start.to_string(), row.group[0].as_str(), row.usage.max.unwrap().to_units(), row.usage.events))
        .collect();
    let hour = |hour: u8| format!("2024-06-01T{hour}:00:00Z");
    assert_eq!(found, [(hour(10), "a", 5, 2), (hour(10), "b", 4, 1), (hour(11), "", 1, 1), (hour(11), "a", 2, 1), (hour(12), "", 7, 1)]);
}

async fn sources_and_properties_make_groups(store: &dyn EventStore) {
    let scope = scope("sources_and_properties_make_groups");
    let sent = [
        ("web", r#"{"tier":5}"#),
        ("web", r#"{"tier":"5"}"#),
        ("app", r#"{"tier":5.0}"#),
        ("app", r#"{"tier":1e6}"#),
        ("", r#"{"tier":null,"a.b":true}"#),
        ("", r#"{"tier":""}"#),
        ("", r#"{"a":{"b":1}}"#),
        ("web", ""),
    ];
    let events: Vec<_> = sent
        .iter()
        .enumerate()
        .map(|(i, (source, properties))| {
            let time = format!("2024-06-{:02}T10:00:00Z", i + 1);
            with(metered(&format!("e{i}"), ["c", "d"][i % 2], &time, vec![entry("m", 1 << i, None)]), source, properties)
        })
        .collect();
    store.append(&scope, events).await.unwrap();
    let groups = async |by: &[GroupKey]| {
        let june = query(&["c", "d"], "m", "2024-06-01T00:00:00Z", "2024-07-01T00:00:00Z");
        let found = store.usage_by_group(&scope, ask(june.clone(), by)).await.unwrap().remove(0);
        assert!(found.iter().all(|row| row.window == june.period), "without windows the period is the only one");
        found.into_iter().map(|row| (row.group.join("|"), row.usage.sum.to_units())).collect::<Vec<_>>()
    };
    let expect = |rows: &[(&str, i128)]| rows.iter().map(|(group, units)| ((*group).to_owned(), *units)).collect::<Vec<_>>();
    assert_eq!(groups(&[GroupKey::Source]).await, expect(&[("", 112), ("app", 12), ("web", 131)]));
    assert_eq!(groups(&[property("tier")]).await, expect(&[("", 224), ("1000000", 8), ("5", 7), ("<nil>", 16)]));
    assert_eq!(groups(&[property("a.b")]).await, expect(&[("", 239), ("true", 16)]));
    let both = [("|", 96), ("|<nil>", 16), ("app|1000000", 8), ("app|5", 4), ("web|", 128), ("web|5", 3)];
    assert_eq!(groups(&[GroupKey::Source, property("tier")]).await, expect(&both));
    assert_eq!(groups(&[]).await, expect(&[("", 255)]));
    let nobody = query(&["nobody"], "m", "2024-06-01T00:00:00Z", "2024-07-01T00:00:00Z");
    assert_eq!(store.usage_by_group(&scope, ask(nobody, &[])).await.unwrap(), [vec![]]);
}

async fn rows_are_filtered_as_meters_filter(store: &dyn EventStore) {
    let scope = scope("rows_are_filtered_as_meters_filter");
    // Spec 10 §18 cases 1 and 2.
    let sent = [
        ("web", r#"{"region":"eu","tier":2}"#),
        ("web", r#"{"region":"EU","tier":2}"#),
        ("app", r#"{"region":"us","tier":"2.0"}"#),
        ("app", r#"{"region":"eu"}"#),
        ("", r#"{"size":2500000}"#),
        ("", r#"{"size":"2500000"}"#),
        ("", ""),
    ];
    let events: Vec<_> = sent
        .iter()
        .enumerate()
        .map(|(i, (source, properties))| {
            with(metered(&format!("e{i}"), "c", "2024-06-01T10:00:00Z", vec![entry("m", 1 << i, None)]), source, properties)
        })
        .collect();
    store.append(&scope, events).await.unwrap();
    let texts = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
    for (sources, properties, units) in [
        (&[][..], &[][..], 127),
        (&["web", "nowhere"], &[], 3),
        (&["", "app"], &[], 124),
        (&[], &[("region", &["eu", "us"][..]), ("tier", &["2"])], 5),
        (&["app"], &[("region", &["eu", "us"])], 12),
        (&[], &[("size", &["2500000"])], 48),
        (&[], &[("size", &["2.5e6"])], 48),
        (&[], &[("nothing", &[""])], 0),
    ] {
        let properties = properties.iter().map(|(key, values)| ((*key).to_owned(), texts(values))).collect();
        let filter = RowFilter { sources: texts(sources), properties };
        let june = query(&["c"], "m", "2024-06-01T00:00:00Z", "2024-07-01T00:00:00Z");
        let found = store.usage_by_group(&scope, grouped_query(june, filter.clone(), &[], None)).await.unwrap().remove(0);
        assert_eq!(found.iter().map(|row| row.usage.sum.to_units()).sum::<i128>(), units, "{filter:?}");
        assert_eq!(found.len(), usize::from(units > 0), "{filter:?}");
    }
}

async fn groups_count_their_own_unique_values(store: &dyn EventStore) {
    let scope = scope("groups_count_their_own_unique_values");
    // Enough values that a store which holds few at a time has to go through them more than once.
    let mut model = Model::default();
    let events: Vec<_> = (0..240_usize)
        .map(|i| {
            let unique = u8::try_from(i * 7 % 60).unwrap();
            let (day, group) = (i % 20 + 1, ["a", "b", "c"][i / 7 % 3]);
            let entries = vec![LedgerEntry { group: Some(group.into()), ..entry("m", 1, Some(unique)) }];
            let event = metered(&format!("e{i}"), ["c", "d"][i % 2], &format!("2024-06-{day:02}T10:00:00Z"), entries);
            with(event, group, &format!(r#"{{"odd":{}}}"#, i % 2 == 1))
        })
        .collect();
    model.append(&events);
    store.append(&scope, events).await.unwrap();
    for by in [&[][..], &[GroupKey::Meter], &[property("odd"), GroupKey::Source]] {
        for window in [None, Some(WindowSize::Week)] {
            let june = query(&[], "m", "2024-06-02T00:00:00Z", "2024-06-18T00:00:00Z");
            let asked = grouped_query(june, RowFilter::default(), by, window.map(|size| Window::new(size, Zone::UTC)));
            assert_eq!(Some(store.usage_by_group(&scope, asked.clone()).await.unwrap()), model.usage_by_group(&asked), "{asked:?}");
        }
    }
}

async fn more_groups_than_asked_for_are_refused(store: &dyn EventStore) {
    let scope = scope("more_groups_than_asked_for_are_refused");
    let events = (0..600).map(|i| {
        let time = format!("2024-06-01T{:02}:00:00Z", i % 24);
        with(metered(&format!("e{i}"), "c", &time, vec![grouped("m", 1, &format!("g{i}"))]), "", &format!(r#"{{"n":{}}}"#, i % 3))
    });
    store.append(&scope, events.collect()).await.unwrap();
    let hours = Some(Window::new(WindowSize::Hour, Zone::UTC));
    for (by, window, groups) in [
        (&[GroupKey::Meter][..], None, 600),
        (&[property("n")], None, 3),
        (&[property("n")], hours, 24),
        // Windows alone are bounded as well, whatever answers them.
        (&[], hours, 24),
        (&[], Some(Window::new(WindowSize::Minutes15, Zone::UTC)), 24),
    ] {
        let june = query(&["c"], "m", "2024-06-01T00:00:00Z", "2024-07-01T00:00:00Z");
        let asked = GroupedQuery { groups_max: groups, ..grouped_query(june, RowFilter::default(), by, window) };
        assert_eq!(store.usage_by_group(&scope, asked.clone()).await.unwrap()[0].len(), groups);
        for groups_max in [0, 1, groups - 1] {
            let refused = store.usage_by_group(&scope, GroupedQuery { groups_max, ..asked.clone() }).await;
            assert!(matches!(refused, Err(EventStoreError::TooManyGroups(max)) if max == groups_max), "{refused:?}");
        }
    }
}

/// Several meters of an event, some of them grouped, each in its own time and by its own keys; one asked for twice, one unknown.
async fn meters_of_one_question_have_answers_of_their_own(store: &dyn EventStore) {
    let scope = scope("meters_of_one_question_have_answers_of_their_own");
    let mut model = Model::default();
    let events: Vec<_> = (0..300_usize)
        .map(|i| {
            let group = ["a", "b", ""][i % 3];
            let mut entries =
                vec![LedgerEntry { group: Some(group.into()), ..entry("m", 1 << (i % 9), Some(u8::try_from(i % 40).unwrap())) }];
            if i % 2 == 0 {
                entries.push(weighted("n", 7));
            }
            if i % 5 == 0 {
                entries.push(entry("o", 3, Some(u8::try_from(i % 7).unwrap())));
            }
            let time = format!("2024-06-{:02}T{:02}:{:02}:30Z", i % 30 + 1, i % 24, i % 60);
            with(metered(&format!("e{i}"), ["c", "d"][i % 2], &time, entries), ["", "web"][i / 2 % 2], &format!(r#"{{"user":{}}}"#, i % 11))
        })
        .collect();
    model.append(&events);
    store.append(&scope, events).await.unwrap();
    let (user, source) = (property("user"), GroupKey::Source);
    let days = Some(Window::new(WindowSize::Day, Zone::parse("Asia/Kolkata").unwrap()));
    let hours = Some(Window::new(WindowSize::Hour, Zone::UTC));
    let part = |meter: &str, start: &str, end: &str, by: &[&GroupKey], window| GroupedPart {
        meter_id: meter.into(),
        period: Period::new(at(start), at(end)),
        by: by.iter().map(|key| (*key).clone()).collect(),
        window,
    };
    let (first, last) = ("2024-06-01T00:00:00Z", "2024-07-01T00:00:00Z");
    let parts = vec![
        part("m", first, last, &[&user], None),
        part("n", first, last, &[&user], None),
        part("m", "2024-06-03T10:30:00Z", "2024-06-09T07:15:00Z", &[&user], days),
        part("unknown", first, last, &[&user], days),
        part("n", "2024-06-20T00:00:00Z", last, &[&source, &user], days),
        part("o", first, last, &[&user], None),
        part("m", first, last, &[&GroupKey::Meter, &source], hours),
        part("m", first, last, &[], None),
        part("n", "2024-06-03T10:30:00Z", last, &[], days),
        part("o", "2024-06-03T10:30:00Z", last, &[], days),
        part("o", first, last, &[], hours),
        part("m", first, last, &[], hours),
        part("m", last, first, &[&user], hours),
        part("m", first, last, &[&user], None),
        part("m", first, last, &[], hours),
    ];
    let filtered =
        RowFilter { sources: vec!["web".to_owned()], properties: [("user".to_owned(), vec!["3".to_owned(), "4.0".to_owned()])].into() };
    for filter in [RowFilter::default(), RowFilter { properties: Default::default(), ..filtered.clone() }, filtered] {
        for customers in [&[][..], &["c"], &["c", "d", "nobody"]] {
            let external_customer_ids = customers.iter().map(|name| (*name).to_owned()).collect();
            let asked = GroupedQuery { external_customer_ids, filter: filter.clone(), parts: parts.clone(), groups_max: 10_000 };
            let found = store.usage_by_group(&scope, asked.clone()).await.unwrap();
            let expected = model.usage_by_group(&asked).unwrap();
            for ((found, expected), part) in found.iter().zip(&expected).zip(&parts) {
                assert_eq!(found, expected, "{filter:?} {customers:?} {part:?}");
            }
            assert_eq!(found.len(), parts.len());
        }
    }
    let nothing = GroupedQuery { external_customer_ids: Vec::new(), filter: RowFilter::default(), parts: Vec::new(), groups_max: 0 };
    assert_eq!(store.usage_by_group(&scope, nothing).await.unwrap(), Vec::<Vec<_>>::new());
}

async fn the_bound_holds_for_all_meters_together(store: &dyn EventStore) {
    let scope = scope("the_bound_holds_for_all_meters_together");
    let events = (0..20).map(|i| {
        let entries = ["m", "n"].map(|meter| grouped(meter, 1, &format!("g{}", i % 4))).into();
        metered(&format!("e{i}"), "c", &format!("2024-06-{:02}T10:00:00Z", i % 10 + 1), entries)
    });
    store.append(&scope, events.collect()).await.unwrap();
    let part = |meter: &str, by: &[GroupKey], size: Option<WindowSize>| GroupedPart {
        meter_id: meter.into(),
        period: Period::new(at("2024-06-01T00:00:00Z"), at("2024-07-01T00:00:00Z")),
        by: by.to_vec(),
        window: size.map(|size| Window::new(size, Zone::UTC)),
    };
    // 4 groups, 1 total, 10 days, 10 hours, and 4 groups again.
    let parts = vec![
        part("m", &[GroupKey::Meter], None),
        part("n", &[], None),
        part("m", &[], Some(WindowSize::Day)),
        part("n", &[], Some(WindowSize::Hour)),
        part("n", &[GroupKey::Meter], None),
    ];
    let asked = |groups_max| GroupedQuery {
        external_customer_ids: vec!["c".into()],
        filter: RowFilter::default(),
        parts: parts.clone(),
        groups_max,
    };
    let found = store.usage_by_group(&scope, asked(29)).await.unwrap();
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [4, 1, 10, 10, 4]);
    for groups_max in [0, 4, 5, 20, 28] {
        let refused = store.usage_by_group(&scope, asked(groups_max)).await;
        assert!(matches!(refused, Err(EventStoreError::TooManyGroups(max)) if max == groups_max), "{groups_max}: {refused:?}");
    }
}

/// Spec 10 §18 case 11, negatives clamped; and the same rows over other periods.
async fn quantities_weigh_by_the_rest_of_the_period(store: &dyn EventStore) {
    let scope = scope("quantities_weigh_by_the_rest_of_the_period");
    let units = |quantity: i128| quantity * Quantity::ONE.to_units();
    for (id, time, quantity) in [("a", "2024-06-01T00:00:00Z", 100), ("b", "2024-06-06T00:00:00Z", 50), ("c", "2024-06-10T12:00:00Z", 0)] {
        // Another meter of the same events is not weighted.
        let entries = vec![weighted("m", units(quantity)), entry("sum", units(quantity), None)];
        store.append(&scope, vec![metered(id, "c", time, entries)]).await.unwrap();
    }
    for (start, end, share) in [
        ("2024-06-01T00:00:00Z", "2024-06-11T00:00:00Z", "125"),
        // Of 20 days: all of the first, three quarters of the second.
        ("2024-06-01T00:00:00Z", "2024-06-21T00:00:00Z", "137.5"),
        ("2024-06-06T00:00:00Z", "2024-06-06T00:00:01Z", "50"),
        ("2024-06-05T12:00:00Z", "2024-06-06T12:00:00Z", "25"),
    ] {
        let asked = query(&["c"], "m", start, end);
        let usage = store.usage(&scope, vec![asked.clone()]).await.unwrap().remove(0);
        assert_eq!(usage.usage(AggregationType::WeightedSum, asked.period).to_string(), share, "{start} to {end}");
        let grouped = store.usage_by_group(&scope, ask(asked, &[])).await.unwrap().remove(0).remove(0);
        assert_eq!(grouped.usage, usage);
        let plain = query(&["c"], "sum", start, end);
        let plain = store.usage(&scope, vec![plain]).await.unwrap().remove(0);
        assert!(plain.moment.is_zero() && plain.sum == usage.sum);
    }
}

async fn moments_are_exact(store: &dyn EventStore) {
    let scope = scope("moments_are_exact");
    let mut model = Model::default();
    // A moment of these needs more than 128 bits.
    let events: Vec<_> = (0..30_i64)
        .map(|i| {
            let units = 1_000_000_000_000_000_000_000_000_000_000 - i128::from(i);
            let mut event = metered(&format!("e{i}"), "c", "2024-05-30T10:00:00Z", vec![weighted("m", units)]);
            event.event.timestamp = at("2024-05-30T10:00:00Z").plus_micros(i * 7_200_000_001);
            event
        })
        .collect();
    model.append(&events);
    for batch in events.chunks(4) {
        store.append(&scope, batch.to_vec()).await.unwrap();
    }
    let all = query(&["c"], "m", "2024-05-01T00:00:00Z", "2024-07-01T00:00:00Z");
    assert_eq!(store.usage(&scope, vec![all.clone()]).await.unwrap(), [model.usage(&all)]);
    for size in WindowSize::ALL {
        let window = Window::new(*size, Zone::parse("Asia/Kolkata").unwrap());
        let cut = UsageQuery { period: Period::new(at("2024-05-30T12:30:00Z"), at("2024-06-01T06:00:00.5Z")), ..all.clone() };
        let asked = by_window(cut, window);
        assert_eq!(Some(store.usage_by_group(&scope, asked.clone()).await.unwrap()), model.usage_by_group(&asked), "{size}");
    }
}
