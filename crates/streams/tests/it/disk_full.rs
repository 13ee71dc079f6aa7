//! A disk that fills up: appends are refused, reads go on, nothing acknowledged is lost, and the store recovers by itself.
//!
//! These tests mount a small file system and so need the rights of root; without them they fail.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use domain::time::Timestamp;
use streams::{EmbeddedEventStore, EmbeddedOptions, EventFilter, EventStore, EventStoreError, MeteredEvent};

use crate::model::{Model, entry, metered, query, scope};

/// A file system in memory, unmounted at the end.
struct SmallDisk {
    dir: tempfile::TempDir,
}

impl SmallDisk {
    fn mount(mebibytes: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"])
            .arg(dir.path())
            .status()
            .expect("mount must be installed");
        assert!(status.success(), "this test must be allowed to mount a file system");
        Self { dir }
    }

    fn store(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    fn filler(&self) -> PathBuf {
        self.dir.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.dir.path()).status();
        assert!(std::thread::panicking() || unmounted.is_ok_and(|status| status.success()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_survived() {
    fill_and_free(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reserve_keeps_the_disk_from_filling() {
    fill_and_free(8 << 20).await;
}

async fn fill_and_free(disk_reserve_bytes: u64) {
    let disk = SmallDisk::mount(56);
    std::fs::write(disk.filler(), vec![1_u8; 32 << 20]).unwrap();
    let options = EmbeddedOptions {
        memtable_bytes: 512 << 10,
        disk_reserve_bytes,
        reopen_pause: Duration::from_millis(20),
        ..EmbeddedOptions::default()
    };
    let store = EmbeddedEventStore::open(disk.store(), options.clone()).unwrap();
    let scope = scope("t");
    let mut model = Model::default();
    let mut number = 0;
    for round in 0..3 {
        let error = append_until_refused(&store, &mut model, &mut number).await;
        assert!(matches!(error, EventStoreError::Unavailable(_)), "{error}");
        // Still full: refused again, and what was acknowledged can be read.
        for _ in 0..3 {
            let again = store.append(&scope, batch(number)).await;
            assert!(matches!(again, Err(EventStoreError::Unavailable(_))), "{again:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if disk_reserve_bytes > 0 {
            verify(&store, &model).await;
        }
        if round == 2 {
            break;
        }
        let file = std::fs::File::options().write(true).open(disk.filler()).unwrap();
        file.set_len(if round == 0 { 16 << 20 } else { 0 }).unwrap();
        // What was refused is sent again until it is taken.
        let freed = Instant::now();
        while let Err(error) = store.append(&scope, batch(number)).await {
            assert!(matches!(error, EventStoreError::Unavailable(_)), "{error}");
            assert!(freed.elapsed() < Duration::from_secs(20), "the store did not recover: {error}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        model.append(&batch(number));
        number += 1;
        verify(&store, &model).await;
    }
    store.close().await;
    drop(store);
    std::fs::remove_file(disk.filler()).unwrap();
    let moved = copy_to_roomy_disk(&disk.store());
    let store = EmbeddedEventStore::open(moved.path(), EmbeddedOptions::default()).unwrap();
    // The last batch was refused, which leaves open whether it was kept.
    if store.count_events(&scope, EventFilter::default()).await.unwrap() > model.len() as u64 {
        model.append(&batch(number));
    }
    verify(&store, &model).await;
}

async fn append_until_refused(store: &EmbeddedEventStore, model: &mut Model, number: &mut u64) -> EventStoreError {
    loop {
        match store.append(&scope("t"), batch(*number)).await {
            Ok(_) => model.append(&batch(*number)),
            Err(error) => return error,
        };
        *number += 1;
        assert!(*number < 10_000, "the disk never filled up");
    }
}

async fn verify(store: &EmbeddedEventStore, model: &Model) {
    let scope = scope("t");
    let all = query(&[], "m", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z");
    assert_eq!(store.usage(&scope, vec![all.clone()]).await.unwrap(), [model.usage(&all)]);
    assert_eq!(store.count_events(&scope, EventFilter::default()).await.unwrap(), model.len() as u64);
}

fn batch(number: u64) -> Vec<MeteredEvent> {
    (0..100)
        .map(|i| {
            let entries = vec![entry("m", i128::from(number), Some((i % 100) as u8))];
            let mut event = metered(&format!("{number}/{i}"), &format!("c{}", i % 10), "2024-05-01T00:00:00Z", entries);
            event.event.timestamp = Timestamp::from_micros(event.event.timestamp.micros() + i64::try_from(number * 1_000 + i).unwrap());
            event.event.properties = noise(number * 100 + i);
            event
        })
        .collect()
}

/// A text that does not compress.
fn noise(seed: u64) -> String {
    static NOISE: OnceLock<String> = OnceLock::new();
    let digits = |i: u64| format!("{:016x}", i.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ i.wrapping_mul(i).wrapping_mul(0xbf58_476d_1ce4_e5b9));
    let noise = NOISE.get_or_init(|| (1..20_000).map(digits).collect());
    let start = usize::try_from(seed).unwrap() * 1_009 % (noise.len() - 2_000);
    noise[start..start + 2_000].to_owned()
}

fn copy_to_roomy_disk(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("--archive").arg(from.join(".")).arg(to.path()).status().unwrap();
    assert!(copied.success());
    to
}
