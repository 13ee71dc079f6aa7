//! A process that is killed while it writes: everything it acknowledged is there once, and the aggregates are those of the rows.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use domain::meter::{Window, WindowSize};
use domain::time::Zone;
use streams::{EmbeddedEventStore, EmbeddedOptions, EventFilter, EventOrder, EventStore, LateEntry, MeteredEvent};

use crate::model::{Model, by_window, entries_of, entry, late, metered, query, scope};

const CHILD_DIR: &str = "FLEXPRICE_CRASH_TEST_DIR";
const CHILD_FIRST: &str = "FLEXPRICE_CRASH_TEST_FIRST";
const BATCH: u64 = 40;
const ROUNDS: usize = 4;

/// Small memtables, so that flushes, compactions and journal rotations are under way when the end comes.
fn options() -> EmbeddedOptions {
    EmbeddedOptions { memtable_bytes: 128 << 10, cell_cache_bytes: 64 << 10, loose_rows_max: 2, ..EmbeddedOptions::default() }
}

/// The events of one batch: the same in both processes. Every third repeats one of the batch before.
fn batch(number: u64) -> Vec<MeteredEvent> {
    (0..BATCH)
        .map(|i| {
            let serial = if i % 3 == 0 && number > 0 { (number - 1) * BATCH + i + 1 } else { number * BATCH + i };
            let (day, hour) = (serial * 7 % 60, serial * 5 % 24);
            let time = format!("2024-{:02}-{:02}T{hour:02}:{:02}:00Z", day / 28 + 1, day % 28 + 1, serial % 60);
            let entries = vec![entry("m1", i128::from(serial), None), entry("m2", 1, Some((serial % 50) as u8))];
            let mut event = metered(&format!("event-{serial}"), &format!("c{}", serial % 9), &time, entries);
            event.event.properties = format!(r#"{{"text":"{}"}}"#, "x".repeat((serial % 300) as usize));
            event
        })
        .collect()
}

/// Entries for a batch's events of a meter that came later, in both processes.
fn late_entries(number: u64) -> Vec<LateEntry> {
    batch(number).iter().step_by(2).map(|event| late(event, entry("m3", 3, Some((number % 50) as u8)))).collect()
}

#[test]
fn what_was_acknowledged_survives_sigkill() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged: Vec<u64> = Vec::new();
    for round in 0..ROUNDS {
        let first = acknowledged.last().map_or(0, |last| last + 1);
        acknowledged.extend(kill_while_writing(dir.path(), first, Duration::from_millis(400 + 350 * round as u64)));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(verify(dir.path(), &acknowledged));
    }
}

/// Runs this test binary as a child that writes, and returns the batches it acknowledged before it was killed.
fn kill_while_writing(dir: &Path, first: u64, after: Duration) -> Vec<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["crash::child", "--exact", "--ignored", "--nocapture"])
        .env(CHILD_DIR, dir)
        .env(CHILD_FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (sender, acknowledged) = channel();
    let reader = std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if let Some(number) = line.strip_prefix("acknowledged ") {
                sender.send(number.parse::<u64>().unwrap()).unwrap();
            }
        }
    });
    let mut numbers = vec![acknowledged.recv_timeout(Duration::from_secs(60)).expect("the child never acknowledged anything")];
    std::thread::sleep(after);
    assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    numbers.extend(acknowledged.iter());
    numbers
}

async fn verify(dir: &Path, acknowledged: &[u64]) {
    let store = EmbeddedEventStore::open(dir, options()).unwrap();
    let scope = scope("t");
    let stored = store.events(&scope, EventFilter::default(), EventOrder::Ascending, None, usize::MAX).await.unwrap();
    // The batch that was under way may be there too: whole or not at all.
    let mut model = Model::default();
    for number in acknowledged {
        model.append(&batch(*number));
        model.add_entries(&late_entries(*number));
    }
    let next = acknowledged.last().map_or(0, |last| last + 1);
    if stored.len() > model.len() {
        model.append(&batch(next));
    }
    // So may its late entries, if they were not repeated ones.
    let of_next = late_entries(next);
    let mut with_next = model.clone();
    with_next.add_entries(&of_next);
    for LateEntry { event_id, .. } in &of_next {
        if entries_of(&store, &scope, event_id).await.unwrap_or_default() != model.entries(event_id) {
            model = with_next;
            break;
        }
    }
    assert_eq!(stored, model.events(&EventFilter::default(), EventOrder::Ascending));
    assert_eq!(store.count_events(&scope, EventFilter::default()).await.unwrap(), model.len() as u64);
    for customer in (0..9).map(|i| format!("c{i}")) {
        let of_customer = EventFilter { external_customer_id: Some(customer.clone()), ..EventFilter::default() };
        let listed = store.events(&scope, of_customer.clone(), EventOrder::Descending, None, usize::MAX).await.unwrap();
        assert_eq!(listed, model.events(&of_customer, EventOrder::Descending));
        for meter in ["m1", "m2", "m3"] {
            let asked = query(&[&customer], meter, "2024-01-01T00:00:00Z", "2024-05-01T00:00:00Z");
            assert_eq!(store.usage(&scope, vec![asked.clone()]).await.unwrap(), [model.usage(&asked)]);
            let hours = Window::new(WindowSize::Hour, Zone::UTC);
            let by_hour = by_window(asked.clone(), hours);
            assert_eq!(Some(store.usage_by_group(&scope, by_hour.clone()).await.unwrap()), model.usage_by_group(&by_hour));
        }
        for sent in listed.iter().take(20) {
            assert_eq!(store.event(&scope, &sent.id).await.unwrap().as_ref(), model.event(&sent.id));
            assert_eq!(entries_of(&store, &scope, &sent.id).await.unwrap(), model.entries(&sent.id));
            // Events are sent anew by the next process, which finds them: it has no copies but these.
            assert!(store.copies(&scope, &sent.id).await.unwrap().iter().all(|copy| copy.event == *sent));
        }
    }
    store.close().await;
}

/// Not a test: the process that is killed.
#[test]
#[ignore = "the child process of what_was_acknowledged_survives_sigkill"]
fn child() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else { return };
    let first: u64 = std::env::var(CHILD_FIRST).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = EmbeddedEventStore::open(Path::new(&dir), options()).unwrap();
        for number in first.. {
            store.append(&scope("t"), batch(number)).await.unwrap();
            store.add_entries(&scope("t"), late_entries(number)).await.unwrap();
            println!("acknowledged {number}");
            std::io::stdout().flush().unwrap();
        }
    });
}
