//! Usage told apart by group, narrowed by what events carry, and weighted by time.

use domain::meter::{AggregationType, LedgerEntry, Window, WindowSize};
use domain::money::Quantity;
use domain::time::{Period, Zone};
use streams::{EventStore, EventStoreError, GroupKey, GroupedQuery, MeteredEvent, RowFilter, UsageQuery};

use crate::model::{Model, at, entry, grouped, metered, query, scope, weighted};

pub(super) async fn run(store: &dyn EventStore) {
    buckets_have_a_maximum_per_group(store).await;
    sources_and_properties_make_groups(store).await;
    rows_are_filtered_as_meters_filter(store).await;
    groups_count_their_own_unique_values(store).await;
    more_groups_than_asked_for_are_refused(store).await;
    quantities_weigh_by_the_rest_of_the_period(store).await;
    moments_are_exact(store).await;
}

fn ask(query: UsageQuery, by: &[GroupKey]) -> GroupedQuery {
    GroupedQuery { query, filter: RowFilter::default(), by: by.to_vec(), window: None, groups_max: 1_000 }
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
    let found = store.usage_by_group(&scope, GroupedQuery { window: hours, ..ask(asked, &[GroupKey::Meter]) }).await.unwrap();
    let found: Vec<_> = found
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
        let found = store.usage_by_group(&scope, ask(june.clone(), by)).await.unwrap();
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
    assert_eq!(store.usage_by_group(&scope, ask(nobody, &[])).await.unwrap(), []);
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
        let found = store.usage_by_group(&scope, GroupedQuery { filter: filter.clone(), ..ask(june, &[]) }).await.unwrap();
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
            let asked = GroupedQuery { window: window.map(|size| Window::new(size, Zone::UTC)), ..ask(june, by) };
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
    for (by, window, groups) in [(GroupKey::Meter, None, 600), (property("n"), None, 3), (property("n"), hours, 24)] {
        let june = query(&["c"], "m", "2024-06-01T00:00:00Z", "2024-07-01T00:00:00Z");
        let asked = GroupedQuery { groups_max: groups, window, ..ask(june, &[by]) };
        assert_eq!(store.usage_by_group(&scope, asked.clone()).await.unwrap().len(), groups);
        for groups_max in [1, groups - 1] {
            let refused = store.usage_by_group(&scope, GroupedQuery { groups_max, ..asked.clone() }).await;
            assert!(matches!(refused, Err(EventStoreError::TooManyGroups(max)) if max == groups_max), "{refused:?}");
        }
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
        let grouped = store.usage_by_group(&scope, ask(asked, &[])).await.unwrap().remove(0);
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
        assert_eq!(store.usage_by_window(&scope, cut.clone(), window).await.unwrap(), model.usage_by_window(&cut, window), "{size}");
    }
}
