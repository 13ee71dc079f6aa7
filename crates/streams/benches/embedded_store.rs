//! Which engine carries the embedded event store: SQLite's b-tree or fjall's log-structured trees (ADR 0003).
//!
//! Both do the same work: groups of events, each group one atomic commit with one fsync, that writes per event its dedup id (random),
//! its body (by time) and its ledger row (by customer), and per group the aggregates of the customers it touches. Ids are looked up
//! before they are written.
//!
//! `EVENTS=10000000 GROUP=5000 ENGINE=fjall cargo bench -p streams --bench embedded_store`

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use rand::{Rng, RngExt, SeedableRng};

const CUSTOMERS: u32 = 1_000;
/// Cache of both engines, bytes.
const CACHE_BYTES: u32 = 48 << 20;

struct Row {
    id: [u8; 20],
    time: [u8; 48],
    ledger: [u8; 20],
    body: [u8; 220],
    entries: [u8; 60],
}

trait Engine {
    fn commit(&mut self, rows: &[Row], cells: &[([u8; 20], [u8; 100])]) -> Result<u64>;
}

fn main() -> Result<()> {
    let number = |name: &str, default: usize| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let events = number("EVENTS", 200_000);
    let group = number("GROUP", 5_000);
    let wanted = std::env::var("ENGINE").unwrap_or_default();
    println!("| engine | events | events/s | events/s of the last fifth | commit p50 ms | p99 ms | disk MB | peak resident MB |");
    println!("|---|---|---|---|---|---|---|---|");
    for engine in ["fjall", "sqlite"] {
        if !wanted.is_empty() && wanted != engine {
            continue;
        }
        let dir = tempfile::tempdir_in(std::env::var("BENCH_DIR").unwrap_or_else(|_| ".".to_owned()))?;
        let mut store: Box<dyn Engine> = match engine {
            "fjall" => Box::new(Fjall::open(dir.path())?),
            _ => Box::new(Sqlite::open(dir.path())?),
        };
        let report = run(store.as_mut(), events, group)?;
        println!("| {engine} | {events} | {report} | {} | {} |", disk_bytes(dir.path())? >> 20, peak_resident_kib() >> 10);
    }
    Ok(())
}

fn run(store: &mut dyn Engine, events: usize, group: usize) -> Result<String> {
    let mut random = rand::rngs::StdRng::seed_from_u64(7);
    let mut commits: Vec<Duration> = Vec::new();
    let groups = events.div_ceil(group);
    let mut clock = 1_700_000_000_000_000_u64;
    for _ in 0..groups {
        let mut touched = std::collections::BTreeSet::new();
        let rows: Vec<Row> = (0..group)
            .map(|_| {
                let customer: u32 = random.random_range(0..CUSTOMERS);
                touched.insert(customer);
                clock += 20;
                row(&mut random, customer, clock)
            })
            .collect();
        let hour = clock / 3_600_000_000;
        let cells: Vec<_> = touched.iter().flat_map(|customer| cells(*customer, hour)).collect();
        let started = Instant::now();
        store.commit(&rows, &cells)?;
        commits.push(started.elapsed());
    }
    let rate = |of: &[Duration]| (of.len() * group) as u128 * 1_000_000 / of.iter().sum::<Duration>().as_micros().max(1);
    let last = rate(&commits[groups - groups.div_ceil(5)..]);
    let all = rate(&commits);
    commits.sort();
    let at = |percent: usize| commits[(commits.len() - 1) * percent / 100].as_micros() / 100;
    Ok(format!("{all} | {last} | {}.{} | {}.{}", at(50) / 10, at(50) % 10, at(99) / 10, at(99) % 10))
}

fn row(random: &mut impl Rng, customer: u32, clock: u64) -> Row {
    let mut row = Row { id: [0; 20], time: [0; 48], ledger: [0; 20], body: [b'x'; 220], entries: [1; 60] };
    random.fill_bytes(&mut row.id[4..]);
    row.time[4..12].copy_from_slice(&clock.to_be_bytes());
    random.fill_bytes(&mut row.time[12..]);
    row.ledger[..4].copy_from_slice(&customer.to_be_bytes());
    row.ledger[4..12].copy_from_slice(&clock.to_be_bytes());
    row.ledger[12..].copy_from_slice(&row.id[4..12]);
    random.fill_bytes(&mut row.body[..110]);
    random.fill_bytes(&mut row.entries[..36]);
    row
}

fn cells(customer: u32, hour: u64) -> [([u8; 20], [u8; 100]); 3] {
    [(0_u8, hour), (1, hour / 24), (2, hour / 720)].map(|(level, start)| {
        let mut key = [0; 20];
        key[..4].copy_from_slice(&customer.to_be_bytes());
        key[4] = level;
        key[5..13].copy_from_slice(&start.to_be_bytes());
        (key, [7; 100])
    })
}

struct Fjall {
    db: Database,
    ids: Keyspace,
    events: Keyspace,
    ledger: Keyspace,
    cells: Keyspace,
}

impl Fjall {
    fn open(dir: &Path) -> Result<Self> {
        let db = Database::builder(dir)
            .cache_size(u64::from(CACHE_BYTES))
            .manual_journal_persist(true)
            .worker_threads(1)
            .max_journaling_size(256 << 20)
            .open()?;
        let open = |name: &str| db.keyspace(name, || KeyspaceCreateOptions::default().max_memtable_size(8 << 20));
        Ok(Self { ids: open("ids")?, events: open("events")?, ledger: open("ledger")?, cells: open("cells")?, db })
    }
}

impl Engine for Fjall {
    fn commit(&mut self, rows: &[Row], cells: &[([u8; 20], [u8; 100])]) -> Result<u64> {
        let mut batch = self.db.batch().durability(Some(PersistMode::SyncData));
        let mut fresh = 0;
        for row in rows {
            if self.ids.contains_key(row.id)? {
                continue;
            }
            fresh += 1;
            batch.insert(&self.ids, row.id, &row.time[4..12]);
            batch.insert(&self.events, row.time, row.body);
            batch.insert(&self.ledger, row.ledger, row.entries);
        }
        for (key, value) in cells {
            batch.insert(&self.cells, *key, *value);
        }
        batch.commit()?;
        Ok(fresh)
    }
}

struct Sqlite(rusqlite::Connection);

impl Sqlite {
    fn open(dir: &Path) -> Result<Self> {
        let connection = rusqlite::Connection::open(dir.join("events.db"))?;
        connection.execute_batch(&format!(
            "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -{};
             CREATE TABLE ids (id BLOB PRIMARY KEY, place BLOB NOT NULL) WITHOUT ROWID;
             CREATE TABLE events (time BLOB PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
             CREATE TABLE ledger (place BLOB PRIMARY KEY, entries BLOB NOT NULL) WITHOUT ROWID;
             CREATE TABLE cells (cell BLOB PRIMARY KEY, aggregate BLOB NOT NULL) WITHOUT ROWID;",
            CACHE_BYTES >> 10
        ))?;
        Ok(Self(connection))
    }
}

impl Engine for Sqlite {
    fn commit(&mut self, rows: &[Row], cells: &[([u8; 20], [u8; 100])]) -> Result<u64> {
        let transaction = self.0.transaction()?;
        let mut fresh = 0;
        {
            let mut ids = transaction.prepare("INSERT OR IGNORE INTO ids VALUES (?1, ?2)")?;
            let mut events = transaction.prepare("INSERT INTO events VALUES (?1, ?2)")?;
            let mut ledger = transaction.prepare("INSERT INTO ledger VALUES (?1, ?2)")?;
            let mut put = transaction.prepare("INSERT OR REPLACE INTO cells VALUES (?1, ?2)")?;
            for row in rows {
                if ids.execute((&row.id[..], &row.time[4..12]))? == 0 {
                    continue;
                }
                fresh += 1;
                events.execute((&row.time[..], &row.body[..]))?;
                ledger.execute((&row.ledger[..], &row.entries[..]))?;
            }
            for (key, value) in cells {
                put.execute((&key[..], &value[..]))?;
            }
        }
        transaction.commit()?;
        Ok(fresh)
    }
}

fn disk_bytes(dir: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() { disk_bytes(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}

/// High-water mark of the resident set since the process began, KiB; 0 where the system does not tell.
fn peak_resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
