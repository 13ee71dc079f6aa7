//! Random histories: whatever was appended, in whatever order and groups, every answer is that of the plain formula.

use std::collections::BTreeMap;

use domain::meter::{LedgerEntry, Window, WindowSize};
use domain::scope::Scope;
use domain::time::{Period, Timestamp, Zone};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use streams::{
    EmbeddedEventStore, EmbeddedOptions, EventFilter, EventOrder, EventStore, EventStoreError, GroupKey, GroupedPart, GroupedQuery,
    LateEntry, MeteredEvent, RowFilter, UsageQuery,
};

use crate::model::{Model, at, entries_of, entry, late, metered, scanned, scope};

const CUSTOMERS: [&str; 3] = ["c1", "c2", "c3"];
const METERS: [&str; 4] = ["m1", "m2", "m3", "m4"];
const NAMES: [&str; 2] = ["api", "login"];
const SOURCES: [&str; 2] = ["", "web"];
/// Values that are the same and values that differ, by the rule of meter filters and as texts.
const PROPERTIES: [&str; 7] = [
    "",
    "{}",
    r#"{"region":0}"#,
    r#"{"region":1.0,"tier":"gold"}"#,
    r#"{"region":"1.0","tier":null}"#,
    r#"{"tier":"gr\u00fcn"}"#,
    r#"{"region":2,"region":1}"#,
];
/// Ids are `event-0` up to this.
const IDS: u32 = 90;

#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Several requests at once.
    Append(Vec<Vec<MeteredEvent>>),
    Reopen,
    Usage(Vec<UsageQuery>),
    Groups(GroupedQuery),
    Events(EventFilter, EventOrder, usize),
    Counts(Period, Window),
    /// What an event holds and which copies of it were refused.
    Event(String),
    /// Requests of late entries, by event id.
    Late(Vec<Vec<(String, LedgerEntry)>>),
}

/// Around bounds of months, days, hours and changes of daylight-saving time, and anywhere between.
fn timestamp() -> impl Strategy<Value = Timestamp> {
    const BOUNDS: [&str; 5] =
        ["2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z", "2024-03-10T07:00:00Z", "2024-03-14T18:30:00Z", "2024-04-06T15:00:00Z"];
    let near = (select(&BOUNDS[..]), prop_oneof![-3_i64..3, -7_200_000_000..7_200_000_000_i64, Just(0)])
        .prop_map(|(bound, micros)| at(bound).plus_micros(micros));
    let anywhere = (0..70 * 86_400_i64).prop_map(|seconds| at("2024-02-01T00:00:00Z").plus_seconds(seconds));
    prop_oneof![3 => near, 1 => anywhere]
}

fn ledger_entry(meter: &'static str) -> impl Strategy<Value = LedgerEntry> {
    let units = prop_oneof![0..5_i128, 0..1_000_000_000_000_000_000_000_000_000_000_i128];
    let group = proptest::option::of(select(&["", "a", "b", "grün/\u{0}"][..]));
    (units, proptest::option::of(0..9_u8), group, proptest::bool::weighted(0.3)).prop_map(move |(units, unique, group, weighted)| {
        LedgerEntry { group: group.map(Into::into), weighted, ..entry(meter, units, unique) }
    })
}

fn id() -> impl Strategy<Value = String> {
    (0..IDS).prop_map(|id| format!("event-{id}"))
}

fn event() -> impl Strategy<Value = MeteredEvent> {
    let entries = (subsequence(&METERS[..], 0..=4), METERS.map(ledger_entry))
        .prop_map(|(meters, entries)| entries.into_iter().filter(|entry| meters.contains(&entry.meter_id.as_str())).collect::<Vec<_>>());
    let texts = (select(&CUSTOMERS[..]), select(&NAMES[..]), select(&SOURCES[..]), select(&PROPERTIES[..]));
    (id(), texts, timestamp(), entries).prop_map(|(id, (customer, name, source, properties), timestamp, entries)| {
        let mut event = metered(&id, customer, "2024-02-01T00:00:00Z", entries);
        event.event.name = name.to_owned();
        event.event.source = source.to_owned();
        event.event.timestamp = timestamp;
        event.event.properties = properties.to_owned();
        event
    })
}

fn late_entry() -> impl Strategy<Value = (String, LedgerEntry)> {
    (id(), select(&METERS[..]).prop_flat_map(ledger_entry))
}

fn period() -> impl Strategy<Value = Period> {
    prop_oneof![
        4 => (timestamp(), timestamp()).prop_map(|(one, two)| Period::new(one.min(two), one.max(two))),
        1 => timestamp().prop_map(|at| Period::new(at, Timestamp::MAX)),
        1 => Just(Period::new(Timestamp::MIN, Timestamp::MAX)),
        1 => Just(Period::new(at("2024-03-01T00:00:00Z"), at("2024-04-01T00:00:00Z"))),
    ]
}

fn usage_query() -> impl Strategy<Value = UsageQuery> {
    (subsequence(&CUSTOMERS[..], 0..=3), select(&METERS[..]), period()).prop_map(|(customers, meter, period)| UsageQuery {
        external_customer_ids: customers.into_iter().map(str::to_owned).collect(),
        meter_id: meter.into(),
        period,
    })
}

/// Conditions on first-level properties.
fn wanted() -> impl Strategy<Value = BTreeMap<String, Vec<String>>> {
    let values = vec(select(&["0", "1", "1.00", "2", "gold", "grün", "<nil>"][..]).prop_map(str::to_owned), 1..4);
    btree_map(select(&["region", "tier"][..]).prop_map(str::to_owned), values, 0..3)
}

fn grouped_part() -> impl Strategy<Value = GroupedPart> {
    let keys = vec![GroupKey::Meter, GroupKey::Source, GroupKey::Property("region".to_owned()), GroupKey::Property("tier".to_owned())];
    let by = prop_oneof![1 => Just(Vec::new()), 2 => subsequence(keys, 0..=4).prop_shuffle()];
    (select(&METERS[..]), period(), by, proptest::option::of(window())).prop_map(|(meter, period, by, window)| GroupedPart {
        meter_id: meter.into(),
        period,
        by,
        window,
    })
}

/// Other meters in the same time and windows, by the same keys: stores read them together.
fn alike() -> impl Strategy<Value = Vec<GroupedPart>> {
    (grouped_part(), vec(select(&METERS[..]), 1..5))
        .prop_map(|(part, meters)| meters.into_iter().map(|meter| GroupedPart { meter_id: meter.into(), ..part.clone() }).collect())
}

fn grouped_query() -> impl Strategy<Value = GroupedQuery> {
    let filter = prop_oneof![
        2 => Just(RowFilter::default()),
        1 => (subsequence(&SOURCES[..], 0..=2), wanted()).prop_map(|(sources, properties)| RowFilter {
            sources: sources.into_iter().map(str::to_owned).collect(),
            properties,
        }),
    ];
    let customers = subsequence(&CUSTOMERS[..], 0..=3).prop_map(|customers| customers.into_iter().map(str::to_owned).collect());
    let parts = prop_oneof![alike(), vec(grouped_part(), 1..4), (alike(), alike()).prop_map(|(one, two)| [one, two].concat())];
    let groups_max = prop_oneof![3 => Just(10_000_usize), 1 => 0..12_usize];
    (customers, filter, parts, groups_max).prop_map(|(external_customer_ids, filter, parts, groups_max)| GroupedQuery {
        external_customer_ids,
        filter,
        parts,
        groups_max,
    })
}

fn window() -> impl Strategy<Value = Window> {
    const ZONES: [&str; 4] = ["", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"];
    (select(WindowSize::ALL), select(&ZONES[..]), select(&[1_u32, 15, 31][..])).prop_map(|(size, zone, month_day)| Window {
        size,
        zone: Zone::parse(zone).unwrap(),
        month_day,
    })
}

fn filter() -> impl Strategy<Value = EventFilter> {
    let some = |of: &'static [&'static str]| proptest::option::of(select(of).prop_map(str::to_owned));
    let texts = (some(&CUSTOMERS), some(&NAMES), proptest::option::weighted(0.2, select(&SOURCES[..]).prop_map(str::to_owned)));
    let id = proptest::option::weighted(0.1, id());
    let properties = prop_oneof![2 => Just(BTreeMap::new()), 1 => wanted()];
    let bounds = (proptest::option::of(timestamp()), proptest::option::of(timestamp()));
    (texts, id, properties, bounds).prop_map(|((external_customer_id, event_name, source), event_id, properties, (from, until))| {
        EventFilter { external_customer_id, event_name, event_id, source, properties, from, until }
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => vec(vec(event(), 1..12), 1..4).prop_map(Step::Append),
        1 => Just(Step::Reopen),
        4 => vec(usage_query(), 1..5).prop_map(Step::Usage),
        8 => grouped_query().prop_map(Step::Groups),
        3 => vec(vec(late_entry(), 1..12), 1..4).prop_map(Step::Late),
        2 => id().prop_map(Step::Event),
        1 => (period(), window()).prop_map(|(period, window)| Step::Counts(period, window)),
        3 => (filter(), select(&[EventOrder::Ascending, EventOrder::Descending][..]), 1..9_usize)
            .prop_map(|(filter, order, page)| Step::Events(filter, order, page)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_is_that_of_the_plain_formula(steps in history(), cramped in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let options = if cramped {
            EmbeddedOptions { cell_cache_bytes: 0, unique_hashes_max: 3, memtable_bytes: 4 << 10, loose_rows_max: 1, ..EmbeddedOptions::default() }
        } else {
            EmbeddedOptions::default()
        };
        runtime.block_on(play(steps, &scope("t"), || EmbeddedEventStore::open(dir.path(), options.clone()).unwrap()));
    }
}

/// Steps of one history.
pub(crate) fn history() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..24)
}

/// Plays a history in a scope of its own and compares every answer with the plain formula.
pub(crate) async fn play<S: EventStore>(steps: Vec<Step>, scope: &Scope, open: impl Fn() -> S) {
    let mut store = open();
    let mut model = Model::default();
    let mut now = at("2024-06-01T00:00:00Z");
    for step in steps {
        match step {
            Step::Append(requests) => {
                for mut request in requests {
                    for event in &mut request {
                        now = now.plus_micros(1);
                        event.event.ingested_at = now;
                    }
                    assert_eq!(store.append(scope, request.clone()).await.unwrap(), model.append(&request));
                }
            }
            Step::Late(requests) => {
                for request in requests {
                    let request: Vec<_> = request.into_iter().map(|(id, entry)| found_or_not(&model, &id, entry)).collect();
                    let expected = model.add_entries(&request);
                    assert_eq!(store.add_entries(scope, request.clone()).await.unwrap(), expected, "{request:?}");
                }
            }
            Step::Reopen => {
                store.close().await;
                // Gone before the next one opens: a directory has one owner.
                drop(store);
                store = open();
            }
            question => ask(&store, &model, scope, question).await,
        }
    }
    assert_eq!(store.count_events(scope, EventFilter::default()).await.unwrap(), model.len() as u64);
}

/// A late entry as its event says, or for an event that was never sent.
fn found_or_not(model: &Model, id: &str, entry: LedgerEntry) -> LateEntry {
    let found = model.event(id).cloned().unwrap_or_else(|| metered(id, CUSTOMERS[0], "2024-03-01T00:00:00Z", Vec::new()).event);
    late(&MeteredEvent { event: found, entries: Vec::new() }, entry)
}

async fn ask<S: EventStore>(store: &S, model: &Model, scope: &Scope, question: Step) {
    match question {
        Step::Append(_) | Step::Late(_) | Step::Reopen => unreachable!("a question changes nothing"),
        Step::Usage(queries) => {
            let expected: Vec<_> = queries.iter().map(|query| model.usage(query)).collect();
            assert_eq!(store.usage(scope, queries.clone()).await.unwrap(), expected, "{queries:?}");
        }
        Step::Groups(query) => {
            let found = store.usage_by_group(scope, query.clone()).await;
            match model.usage_by_group(&query) {
                Some(expected) => assert_eq!(found.unwrap(), expected, "{query:?}"),
                None => assert!(matches!(found, Err(EventStoreError::TooManyGroups(max)) if max == query.groups_max), "{query:?}"),
            }
        }
        Step::Events(filter, order, page) => {
            let expected = model.events(&filter, order);
            assert_eq!(store.count_events(scope, filter.clone()).await.unwrap(), expected.len() as u64, "{filter:?}");
            assert_eq!(scanned(store, scope, &filter).await, model.scanned(&filter), "{filter:?}");
            let mut after = None;
            for expected in expected.chunks(page) {
                let found = store.events(scope, filter.clone(), order, after, page).await.unwrap();
                assert_eq!(found, expected, "{filter:?} {order:?}");
                after = found.last().map(|last| (last.timestamp, last.id.clone()));
            }
            assert_eq!(store.events(scope, filter.clone(), order, after, page).await.unwrap(), []);
        }
        Step::Counts(period, window) => {
            let expected = model.count_events_by_window(period, window);
            let found = store.count_events_by_window(scope, period, window, expected.len()).await.unwrap();
            assert_eq!(found, expected, "{period:?} {window:?}");
        }
        Step::Event(id) => {
            assert_eq!(store.event(scope, &id).await.unwrap().as_ref(), model.event(&id));
            assert_eq!(entries_of(store, scope, &id).await, model.event(&id).map(|_| model.entries(&id)), "{id}");
            assert_eq!(store.copies(scope, &id).await.unwrap(), model.copies(&id), "{id}");
        }
    }
}
