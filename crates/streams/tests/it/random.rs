//! Random histories: whatever was appended, in whatever order and groups, every answer is that of the plain formula.

use domain::meter::{Window, WindowSize};
use domain::scope::Scope;
use domain::time::{Period, Timestamp, Zone};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use streams::{EmbeddedEventStore, EmbeddedOptions, EventFilter, EventOrder, EventStore, MeteredEvent, UsageQuery};

use crate::model::{Model, at, entry, metered, scope};

const CUSTOMERS: [&str; 3] = ["c1", "c2", "c3"];
const METERS: [&str; 4] = ["m1", "m2", "m3", "m4"];
const NAMES: [&str; 2] = ["api", "login"];
const SOURCES: [&str; 2] = ["", "web"];

#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Several requests at once.
    Append(Vec<Vec<MeteredEvent>>),
    Reopen,
    Usage(Vec<UsageQuery>),
    Windows(UsageQuery, Window),
    Events(EventFilter, EventOrder, usize),
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

fn event() -> impl Strategy<Value = MeteredEvent> {
    let units = prop_oneof![0..5_i128, 0..1_000_000_000_000_000_000_000_000_000_000_i128];
    let entries = (subsequence(&METERS[..], 0..=4), vec((units, proptest::option::of(0..9_u8)), 4)).prop_map(|(meters, values)| {
        meters.into_iter().zip(values).map(|(meter, (units, unique))| entry(meter, units, unique)).collect::<Vec<_>>()
    });
    let texts = (select(&CUSTOMERS[..]), select(&NAMES[..]), select(&SOURCES[..]), 0..3);
    (0..90_u32, texts, timestamp(), entries).prop_map(|(id, (customer, name, source, region), timestamp, entries)| {
        let mut event = metered(&format!("event-{id}"), customer, "2024-02-01T00:00:00Z", entries);
        event.event.name = name.to_owned();
        event.event.source = source.to_owned();
        event.event.timestamp = timestamp;
        event.event.properties = format!(r#"{{"region":{region}}}"#);
        event
    })
}

fn usage_query() -> impl Strategy<Value = UsageQuery> {
    let period = prop_oneof![
        4 => (timestamp(), timestamp()).prop_map(|(one, two)| Period::new(one.min(two), one.max(two))),
        1 => timestamp().prop_map(|at| Period::new(at, Timestamp::MAX)),
        1 => Just(Period::new(Timestamp::MIN, Timestamp::MAX)),
        1 => Just(Period::new(at("2024-03-01T00:00:00Z"), at("2024-04-01T00:00:00Z"))),
    ];
    (subsequence(&CUSTOMERS[..], 0..=3), select(&METERS[..]), period).prop_map(|(customers, meter, period)| UsageQuery {
        external_customer_ids: customers.into_iter().map(str::to_owned).collect(),
        meter_id: meter.into(),
        period,
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
    let id = proptest::option::weighted(0.1, (0..90_u32).prop_map(|id| format!("event-{id}")));
    let region = proptest::option::weighted(0.3, vec(0..3_u8, 1..3));
    let bounds = (proptest::option::of(timestamp()), proptest::option::of(timestamp()));
    (texts, id, region, bounds).prop_map(|((external_customer_id, event_name, source), event_id, region, (from, until))| EventFilter {
        external_customer_id,
        event_name,
        event_id,
        source,
        properties: region.into_iter().map(|values| ("region".to_owned(), values.iter().map(u8::to_string).collect())).collect(),
        from,
        until,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => vec(vec(event(), 1..12), 1..4).prop_map(Step::Append),
        1 => Just(Step::Reopen),
        4 => vec(usage_query(), 1..5).prop_map(Step::Usage),
        4 => (usage_query(), window()).prop_map(|(query, window)| Step::Windows(query, window)),
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
            EmbeddedOptions { cell_cache_bytes: 0, unique_hashes_max: 3, memtable_bytes: 4 << 10, ..EmbeddedOptions::default() }
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
    for step in steps {
        match step {
            Step::Append(requests) => {
                for request in requests {
                    assert_eq!(store.append(scope, request.clone()).await.unwrap(), model.append(&request));
                }
            }
            Step::Reopen => {
                store.close().await;
                // Gone before the next one opens: a directory has one owner.
                drop(store);
                store = open();
            }
            Step::Usage(queries) => {
                let expected: Vec<_> = queries.iter().map(|query| model.usage(query)).collect();
                assert_eq!(store.usage(scope, queries.clone()).await.unwrap(), expected, "{queries:?}");
            }
            Step::Windows(query, window) => {
                let expected = model.usage_by_window(&query, window);
                assert_eq!(store.usage_by_window(scope, query.clone(), window).await.unwrap(), expected, "{query:?} {window:?}");
            }
            Step::Events(filter, order, page) => {
                let expected = model.events(&filter, order);
                assert_eq!(store.count_events(scope, filter.clone()).await.unwrap(), expected.len() as u64, "{filter:?}");
                let mut after = None;
                for expected in expected.chunks(page) {
                    let found = store.events(scope, filter.clone(), order, after, page).await.unwrap();
                    assert_eq!(found, expected, "{filter:?} {order:?}");
                    after = found.last().map(|last| (last.timestamp, last.id.clone()));
                }
                assert_eq!(store.events(scope, filter.clone(), order, after, page).await.unwrap(), []);
            }
        }
    }
    assert_eq!(store.count_events(scope, EventFilter::default()).await.unwrap(), model.len() as u64);
}
