//! Grouped usage takes a few queries, however many windows and groups it has.

use domain::meter::{Window, WindowSize};
use domain::time::Zone;
use streams::{EventStore, GroupKey, GroupedQuery, RowFilter};

use super::fixture::Database;
use super::wire::{Wire, through};
use crate::model::{Model, grouped, metered, query, scope};

#[tokio::test]
async fn a_month_of_short_windows_is_two_queries() {
    let database = Database::new().await;
    let wire = Wire::to(&database.options.address).await;
    let (store, scope) = (through(&wire, &database, 0), scope("t"));
    let mut model = Model::default();
    let events: Vec<_> = (0..600_usize)
        .map(|i| {
            let time = format!("2024-05-{:02}T{:02}:{:02}:00Z", i % 28 + 1, i % 24, i % 60);
            let mut event = metered(&format!("e{i}"), "c", &time, vec![grouped("m", 1 << (i % 7), ["a", "b"][i % 2])]);
            event.event.properties = format!(r#"{{"node":{},"zone":"{}.0"}}"#, i % 5, i % 3);
            event
        })
        .collect();
    model.append(&events);
    store.append(&scope, events).await.unwrap();
    for (by, zone) in [(GroupKey::Meter, None), (GroupKey::Property("node".to_owned()), Some("1"))] {
        let filter = zone.map(|zone| RowFilter { properties: [("zone".to_owned(), vec![zone.to_owned()])].into(), ..RowFilter::default() });
        let asked = GroupedQuery {
            query: query(&["c"], "m", "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z"),
            filter: filter.unwrap_or_default(),
            by: vec![by],
            window: Some(Window::new(WindowSize::Minutes15, Zone::UTC)),
            groups_max: 10_000,
        };
        let before = wire.times_asked("SELECT ");
        let found = store.usage_by_group(&scope, asked.clone()).await.unwrap();
        assert!(found.len() > 100);
        assert_eq!(Some(found), model.usage_by_group(&asked), "{asked:?}");
        // One of hours, one of groups; the second has further selects within.
        assert!(wire.times_asked("SELECT ") - before <= 5, "{}", wire.times_asked("SELECT ") - before);
    }
    database.remove().await;
}
