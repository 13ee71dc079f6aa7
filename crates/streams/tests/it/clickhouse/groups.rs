//! Grouped usage takes a few queries, however many meters, windows and groups it has.

use domain::meter::{Window, WindowSize};
use domain::time::Zone;
use streams::{EventStore, GroupKey, GroupedPart, RowFilter};

use super::fixture::Database;
use super::wire::{Wire, through};
use crate::model::{Model, grouped, grouped_query, metered, query, scope};

#[tokio::test]
async fn a_month_of_short_windows_is_two_queries() {
    let database = Database::new().await;
    let wire = Wire::to(&database.options.address).await;
    let (store, scope) = (through(&wire, &database, 0), scope("t"));
    let mut model = Model::default();
    let events: Vec<_> = (0..600_usize)
        .map(|i| {
            let time = format!("2024-05-{:02}T{:02}:{:02}:00Z", i % 28 + 1, i % 24, i % 60);
            let mut event =
                metered(&format!("e{i}"), "c", &time, ["m", "n", "o"].map(|meter| grouped(meter, 1 << (i % 7), ["a", "b"][i % 2])).into());
            event.event.properties = format!(r#"{{"node":{},"zone":"{}.0"}}"#, i % 5, i % 3);
            event
        })
        .collect();
    model.append(&events);
    store.append(&scope, events).await.unwrap();
    for (by, zone) in [(GroupKey::Meter, None), (GroupKey::Property("node".to_owned()), Some("1"))] {
        let filter = zone.map(|zone| RowFilter { properties: [("zone".to_owned(), vec![zone.to_owned()])].into(), ..RowFilter::default() });
        let month = query(&["c"], "m", "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z");
        let quarters = Some(Window::new(WindowSize::Minutes15, Zone::UTC));
        let mut asked = grouped_query(month, filter.unwrap_or_default(), &[by], quarters);
        for meter in ["n", "o", "p"] {
            asked.parts.push(GroupedPart { meter_id: meter.into(), ..asked.parts[0].clone() });
        }
        let before = wire.times_asked("SELECT ");
        let found = store.usage_by_group(&scope, asked.clone()).await.unwrap();
        assert!(found[0].len() > 100 && found[1..] == [found[0].clone(), found[0].clone(), vec![]]);
        assert_eq!(Some(found), model.usage_by_group(&asked), "{asked:?}");
        // One of hours, one of groups; the second has further selects within.
        assert!(wire.times_asked("SELECT ") - before <= 5, "{}", wire.times_asked("SELECT ") - before);
    }
    database.remove().await;
}
