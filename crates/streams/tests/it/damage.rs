//! Files that do not hold what was written: found by whoever reads them and by a check beside the store. A damaged store takes nothing
//! more, also after a restart, until it is sound again.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use streams::{
    EmbeddedEventStore, EmbeddedOptions, EventFilter, EventOrder, EventStore, EventStoreError, MeteredEvent, known_damage,
    verify_embedded_files,
};

use crate::model::{entry, metered, scope};

/// Much on disk and nothing in memory.
fn options() -> EmbeddedOptions {
    EmbeddedOptions { cache_bytes: 0, memtable_bytes: 16 << 10, disk_reserve_bytes: 0, ..EmbeddedOptions::default() }
}

fn batch(number: u64) -> Vec<MeteredEvent> {
    let event = |i: u64| metered(&format!("e{number}-{i}"), "c", "2024-05-01T10:00:00Z", vec![entry("m", 1, None)]);
    (0..100).map(event).collect()
}

async fn filled(dir: &Path) -> EmbeddedEventStore {
    let store = EmbeddedEventStore::open(dir, options()).unwrap();
    for number in 0..30 {
        store.append(&scope("t"), batch(number)).await.unwrap();
    }
    store
}

fn tables(dir: &Path) -> Vec<PathBuf> {
    let keyspaces = fs::read_dir(dir.join("keyspaces")).unwrap().map(|entry| entry.unwrap().path().join("tables"));
    let mut tables: Vec<_> =
        keyspaces.filter_map(|tables| fs::read_dir(tables).ok()).flatten().map(|entry| entry.unwrap().path()).collect();
    tables.sort();
    tables
}

/// Turns the bits of a byte near the beginning, where the data is.
fn flip(table: &Path) {
    let file = File::options().read(true).write(true).open(table).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 40).unwrap();
    file.write_all_at(&[!byte[0]], 40).unwrap();
}

fn verify(dir: &Path) -> Vec<String> {
    let mut told = 0;
    let found = verify_embedded_files(dir, &mut |read, all| {
        assert!(told <= read && all > 0, "{told}, {read} of {all}");
        told = read;
    });
    found.unwrap().damaged
}

async fn every_event(store: &EmbeddedEventStore) -> Result<usize, EventStoreError> {
    let events = store.events(&scope("t"), EventFilter::default(), EventOrder::Ascending, None, 10_000).await?;
    Ok(events.len())
}

#[tokio::test]
async fn each_way_of_damaging_a_table_is_found() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await.close().await;
    assert_eq!(verify(dir.path()), Vec::<String>::new());
    let all = tables(dir.path());
    assert!(all.len() > 8, "{all:?}");
    for table in &all {
        let whole = fs::read(table).unwrap();
        let ways: [(&str, &dyn Fn()); 3] = [
            ("does not match its checksum", &|| flip(table)),
            ("does not match its checksum", &|| File::options().write(true).open(table).unwrap().set_len(30).unwrap()),
            ("is gone", &|| fs::remove_file(table).unwrap()),
        ];
        for (words, damage) in ways {
            damage();
            let damaged = verify(dir.path());
            assert!(damaged.len() == 1 && damaged[0].contains(words) && damaged[0].contains(table.to_str().unwrap()), "{damaged:?}");
            assert_eq!(known_damage(dir.path()).as_ref(), damaged.first());
            fs::write(table, &whole).unwrap();
        }
    }
    assert_eq!(verify(dir.path()), Vec::<String>::new());
    assert_eq!(known_damage(dir.path()), None);
    let keyspace = all[0].parent().unwrap().parent().unwrap();
    let id = u64::from_le_bytes(fs::read(keyspace.join("current")).unwrap()[..8].try_into().unwrap());
    for name in ["current".to_owned(), format!("v{id}")] {
        let list = keyspace.join(&name);
        let whole = fs::read(&list).unwrap();
        File::options().write(true).open(&list).unwrap().write_all_at(b"x", 10).unwrap();
        assert!(verify(dir.path())[0].contains("list of tables"), "{name}");
        fs::write(&list, whole).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_written_can_be_verified() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path()).await;
    for number in 100..140 {
        let path = dir.path().to_owned();
        let verifying = tokio::task::spawn_blocking(move || verify(&path));
        store.append(&scope("t"), batch(number)).await.unwrap();
        assert_eq!(verifying.await.unwrap(), Vec::<String>::new());
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_store_takes_nothing_until_it_is_sound() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path()).await;
    // What is in tables now stays there.
    store.close().await;
    let store = EmbeddedEventStore::open(dir.path(), options()).unwrap();
    store.check().await.unwrap();
    // In the first keyspace are the names of the others: without it nothing opens.
    let mut turned = tables(dir.path());
    turned.retain(|table| !table.starts_with(dir.path().join("keyspaces/0")));
    turned.iter().for_each(|table| flip(table));
    let damaged = |outcome: &EventStoreError| matches!(outcome, EventStoreError::Damaged(reason) if !reason.is_empty());
    assert!(damaged(&every_event(&store).await.unwrap_err()));
    assert!(damaged(&store.append(&scope("t"), batch(900)).await.unwrap_err()));
    assert!(damaged(&store.check().await.unwrap_err()));
    store.close().await;

    let store = EmbeddedEventStore::open(dir.path(), options()).unwrap();
    assert!(damaged(&store.check().await.unwrap_err()), "a restart changes nothing");
    turned.iter().for_each(|table| flip(table));
    assert_eq!(every_event(&store).await.unwrap(), 3_000, "what can be read is");
    assert_eq!(verify(dir.path()), Vec::<String>::new());
    assert!(damaged(&store.append(&scope("t"), batch(900)).await.unwrap_err()), "until it is opened anew");
    store.close().await;

    let store = EmbeddedEventStore::open(dir.path(), options()).unwrap();
    store.append(&scope("t"), batch(900)).await.unwrap();
    assert_eq!(every_event(&store).await.unwrap(), 3_100);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_beside_a_store_stops_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path()).await;
    store.close().await;
    let store = EmbeddedEventStore::open(dir.path(), options()).unwrap();
    let table = tables(dir.path()).pop().unwrap();
    flip(&table);
    assert_eq!(verify(dir.path()).len(), 1);
    assert!(
        matches!(store.append(&scope("t"), batch(900)).await, Err(EventStoreError::Damaged(reason)) if reason.contains(table.to_str().unwrap()))
    );
    store.close().await;
}

#[tokio::test]
async fn a_directory_that_is_gone_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path()).await;
    fs::rename(dir.path(), dir.path().with_extension("moved")).unwrap();
    for outcome in [store.check().await.unwrap_err(), store.append(&scope("t"), batch(900)).await.unwrap_err()] {
        assert!(matches!(&outcome, EventStoreError::Unavailable(reason) if reason.contains("is gone")), "{outcome}");
    }
    let _unreadable = every_event(&store).await;
    fs::rename(dir.path().with_extension("moved"), dir.path()).unwrap();
    assert_eq!(known_damage(dir.path()), None);
    store.close().await;
}

/// Copies a store that nobody has open.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() { copy(&entry.path(), &target) } else { fs::copy(entry.path(), target).map(|_| ()).unwrap() }
    }
}

fn journal(dir: &Path) -> PathBuf {
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "jnl")).max().unwrap()
}

/// What was acknowledged is never missed without a word: the engine takes a wrong byte for the torn end of a crash, and cuts off what follows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_byte_anywhere_in_the_journal_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions { disk_reserve_bytes: 0, ..EmbeddedOptions::default() };
    let store = EmbeddedEventStore::open(dir.path(), options.clone()).unwrap();
    for number in 0..30 {
        store.append(&scope("t"), batch(number)).await.unwrap();
    }
    store.close().await;
    let written = fs::read(journal(dir.path())).unwrap();
    let end = written.iter().rposition(|byte| *byte != 0).unwrap();
    let (mut opened, mut refused) = (0, 0);
    // A prime, so that all parts of entries are met.
    for place in (0..=end).step_by(end / 97) {
        let damaged = tempfile::tempdir().unwrap();
        copy(dir.path(), damaged.path());
        let file = File::options().write(true).open(journal(damaged.path())).unwrap();
        file.write_all_at(&[!written[place]], place as u64).unwrap();
        match EmbeddedEventStore::open(damaged.path(), options.clone()) {
            Ok(store) => {
                let outcome = store.check().await;
                assert!(matches!(outcome, Err(EventStoreError::Damaged(_))), "byte {place} of {end}: {outcome:?}");
                let outcome = store.append(&scope("t"), batch(900)).await;
                assert!(matches!(outcome, Err(EventStoreError::Damaged(_))), "byte {place} of {end}: {outcome:?}");
                store.close().await;
                assert!(known_damage(damaged.path()).is_some_and(|reason| reason.contains("journal")), "byte {place} of {end}");
                opened += 1;
            }
            Err(EventStoreError::Damaged(_)) => refused += 1,
            Err(error) => panic!("byte {place} of {end}: {error}"),
        }
    }
    assert!(opened > 0 && refused > 0, "{opened} {refused}");
}
