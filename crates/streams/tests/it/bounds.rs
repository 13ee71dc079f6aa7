//! Memory stays bounded whatever comes: names by the hundred thousand, long texts, wide properties, one customer with most of the events.

use std::ops::ControlFlow;
use std::process::Command;

use domain::meter::{Window, WindowSize};
use domain::time::Zone;
use streams::{
    EmbeddedEventStore, EmbeddedOptions, EventFilter, EventOrder, EventStore, EventStoreError, GroupKey, GroupedQuery, MeteredEvent,
    RowFilter, ScannedEvent,
};

use crate::model::{at, entry, grouped_query, late, metered, query, scope};

const CHILD: &str = "FLEXPRICE_BOUNDS_TEST_CHILD";
/// Events with names of their own; half as many of one customer. To be raised when `child` is run by itself.
const EVENTS: &str = "FLEXPRICE_BOUNDS_TEST_EVENTS";
const EVENTS_DEFAULT: usize = 8_000;
/// What the process may hold at most, MiB.
const RESIDENT_MIB_MAX: u64 = 128;

#[test]
fn memory_is_bounded() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["bounds::child", "--exact", "--ignored", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let peak = text.split("peak MiB ").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("the child tells its peak");
    assert!(peak.parse::<u64>().unwrap() < RESIDENT_MIB_MAX, "{peak} MiB");
}

/// Not a test: the process that is measured.
#[test]
#[ignore = "the child process of memory_is_bounded"]
fn child() {
    if std::env::var_os(CHILD).is_some() {
        tokio::runtime::Runtime::new().unwrap().block_on(fill_and_ask());
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse::<u64>().ok()).unwrap();
        println!("peak MiB {}", peak >> 10);
    }
}

/// An event of a name, a customer and a meter of its own.
fn own_names(serial: usize) -> MeteredEvent {
    let long = "x".repeat(900);
    let time = format!("2024-05-{:02}T{:02}:00:00Z", serial % 28 + 1, serial % 24);
    let mut event =
        metered(&format!("own-{serial}"), &format!("customer-{serial}-{long}"), &time, vec![entry(&format!("{serial}-{long}"), 1, None)]);
    event.event.name = format!("name-{serial}-{long}");
    event
}

/// An event of the one customer, all within an hour; each with its own property, some with thousands.
fn of_one(serial: usize) -> MeteredEvent {
    let mut event =
        metered(&format!("one-{serial}"), "one", "2024-05-01T10:00:00Z", vec![entry("m", 1, Some(u8::try_from(serial % 256).unwrap()))]);
    event.event.timestamp = at("2024-05-01T10:00:00Z").plus_micros(i64::try_from(serial).unwrap() * 60_000);
    let more: String = (0..if serial.is_multiple_of(500) { 10_000 } else { 0 }).map(|key| format!(r#","key-{key}":{serial}"#)).collect();
    event.event.properties = format!(r#"{{"serial":{serial},"region":{}{more}}}"#, serial % 5);
    event
}

async fn fill_and_ask() {
    let own = std::env::var(EVENTS).map_or(EVENTS_DEFAULT, |text| text.parse().unwrap());
    let (own, one) = (own / 2_000 * 2_000, own / 2_000 * 1_000);
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedEventStore::open(dir.path(), EmbeddedOptions::default()).unwrap();
    let scope = scope("t");
    for first in (0..own).step_by(1_000) {
        store.append(&scope, (first..first + 1_000).map(own_names).collect()).await.unwrap();
    }
    for first in (0..one).step_by(1_000) {
        let events: Vec<_> = (first..first + 1_000).map(of_one).collect();
        store.append(&scope, events.clone()).await.unwrap();
        let entries = events.iter().map(|event| late(event, entry("later", 1, None))).collect();
        assert_eq!(store.add_entries(&scope, entries).await.unwrap(), 1_000);
    }
    let month = |meter| query(&[], meter, "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z");
    let usages = store.usage(&scope, vec![month("m"), month("later")]).await.unwrap();
    assert_eq!(usages.iter().map(|usage| (usage.events, usage.unique)).collect::<Vec<_>>(), [(one as u64, 256), (one as u64, 0)]);
    let grouped = |by: &str, groups_max| {
        let (query, days) = (query(&["one"], "m", "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z"), Window::new(WindowSize::Day, Zone::UTC));
        let by = [GroupKey::Property(by.to_owned())];
        GroupedQuery { groups_max, ..grouped_query(query, RowFilter::default(), &by, Some(days)) }
    };
    let regions = store.usage_by_group(&scope, grouped("region", 10)).await.unwrap().remove(0);
    assert_eq!(regions.iter().map(|region| (region.usage.events, region.usage.unique)).collect::<Vec<_>>(), [(one as u64 / 5, 256); 5]);
    let serials = store.usage_by_group(&scope, grouped("serial", 1_000)).await;
    assert!(matches!(serials, Err(EventStoreError::TooManyGroups(1_000))), "{serials:?}");
    let of_one = EventFilter { external_customer_id: Some("one".into()), ..EventFilter::default() };
    for filter in [EventFilter::default(), of_one] {
        let page = store.events(&scope, filter.clone(), EventOrder::Ascending, None, 50).await.unwrap();
        assert_eq!(page.len(), 50);
        let all = if filter.external_customer_id.is_some() { one } else { own + one };
        assert_eq!(store.count_events(&scope, filter.clone()).await.unwrap(), all as u64);
        let mut scanned = 0;
        let mut count = |chunk: Vec<ScannedEvent>| {
            scanned += chunk.len();
            ControlFlow::Continue(())
        };
        store.scan(&scope, filter, &mut count).await.unwrap();
        assert_eq!(scanned, all);
    }
    let days = store.count_events_by_window(&scope, month("m").period, Window::new(WindowSize::Month, Zone::UTC), 10).await.unwrap();
    assert_eq!(days, [(month("m").period, (own + one) as u64)]);
    store.close().await;
}
