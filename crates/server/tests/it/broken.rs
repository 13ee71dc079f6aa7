//! Ways of breaking an installation: `doctor`, the start, `check` and `/ready` say what is broken, each in words of its own.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::faults::client::{Answer, Client};
use crate::faults::serving::Serving;
use crate::faults::small_disk::SmallDisk;
use crate::support::{Place, assert_has};

/// Longer than a good look at the stores counts.
const PATIENCE: Duration = Duration::from_secs(20);

/// An installation with data, on a disk of its own.
struct Installation {
    place: Place,
    disk: SmallDisk,
    data: PathBuf,
}

impl Installation {
    async fn with_data() -> (Self, Serving) {
        let disk = SmallDisk::mount(256);
        let data = disk.path().join("data");
        let place = Place::new().env("FLEXPRICE_DATA_DIR", data.to_str().expect("UTF-8"));
        let place = place.env("FLEXPRICE_SERVER_ADDRESS", "127.0.0.1:0").env("FLEXPRICE_DATA_MIN_FREE_BYTES", "1");
        let server = Serving::start(&place);
        let client = Client::new(&server.url);
        client.post("/v1/customers", json!({"external_id": "acme", "name": "Acme"})).await;
        // More than the engine keeps in memory, so that some of it is in tables.
        for request in 0..12 {
            let events: Vec<_> = (0..1_000).map(|number| event(request * 1_000 + number)).collect();
            client.post("/v1/events/bulk", json!({ "events": events })).await;
        }
        (Self { place, disk, data }, server)
    }

    fn database(&self) -> PathBuf {
        self.data.join("flexprice.db")
    }

    fn tables(&self) -> Vec<PathBuf> {
        let keyspaces = fs::read_dir(self.data.join("events/keyspaces")).expect("keyspaces");
        // In the first are the names of the others: without it nothing opens.
        let keyspaces = keyspaces.map(|keyspace| keyspace.expect("an entry").path()).filter(|keyspace| !keyspace.ends_with("0"));
        let tables = keyspaces.filter_map(|keyspace| fs::read_dir(keyspace.join("tables")).ok());
        tables.flatten().map(|table| table.expect("an entry").path()).collect()
    }

    fn remount(&self, how: &str) {
        let options = format!("remount,{how}");
        let ran = Command::new("mount").args(["-o", &options]).arg(self.disk.path()).output().expect("mount runs");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }
}

fn event(number: u32) -> Value {
    json!({
        "event_id": format!("event-{number}"), "event_name": "api", "external_customer_id": "acme",
        "timestamp": "2024-05-01T10:00:00Z", "properties": {"text": "x".repeat(1_000)},
    })
}

/// Turns the bits of some bytes where the data is. Twice, they are as they were.
fn turn_bits(path: &Path, places: impl IntoIterator<Item = u64>) {
    let file = File::options().read(true).write(true).open(path).expect("opens");
    for place in places {
        let mut byte = [0];
        file.read_exact_at(&mut byte, place).expect("read");
        file.write_all_at(&[!byte[0]], place).expect("written");
    }
}

fn turn_tables(installation: &Installation) {
    let tables = installation.tables();
    assert!(!tables.is_empty(), "no events are in tables yet");
    tables.iter().for_each(|table| turn_bits(table, [40]));
}

fn from_the_future(installation: &Installation) {
    let database = rusqlite::Connection::open(installation.database()).expect("opens");
    let newer =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', 1, x'00', 0)";
    database.execute(newer, []).expect("written");
}

/// Every page but the first holds what it should not.
fn damage_pages(installation: &Installation) {
    let size = fs::metadata(installation.database()).expect("there").len();
    turn_bits(&installation.database(), (4_096..size).step_by(4_096));
}

/// A way of breaking a stopped installation, and what is said of it.
struct Way {
    name: &'static str,
    damage: fn(&Installation),
    /// Of `doctor`, which ends with 4.
    doctor: &'static [&'static str],
    /// Of `serve`, which ends with 1; nothing when it starts, and is not ready.
    start: &'static [&'static str],
    /// Of `check`, which ends with 5; nothing when it has nothing to say.
    check: &'static [&'static str],
}

const WAYS: &[Way] = &[
    Way {
        name: "damaged tables",
        damage: turn_tables,
        doctor: &["FAIL  event store", "the event store is damaged", "flexprice check"],
        start: &[],
        check: &["FAIL  event store", "does not match its checksum", "takes no events", "repair-a-store.md"],
    },
    Way {
        name: "a table that is gone",
        damage: |installation| installation.tables().iter().for_each(|table| fs::remove_file(table).expect("removed")),
        doctor: &["FAIL  event store", "the event store is damaged"],
        start: &["the event store", "is damaged"],
        check: &["FAIL  event store", "is gone"],
    },
    Way {
        name: "a database that is gone",
        damage: |installation| fs::remove_file(installation.database()).expect("removed"),
        doctor: &["FAIL  data directory", "flexprice.db is gone", "restore it from a backup"],
        start: &["flexprice.db is gone", "restore it from a backup"],
        check: &["FAIL  database", "is not there"],
    },
    Way {
        name: "an event store that is gone",
        damage: |installation| fs::remove_dir_all(installation.data.join("events")).expect("removed"),
        doctor: &["FAIL  data directory", "events is gone", "restore it from a backup"],
        start: &["events is gone", "restore it from a backup"],
        check: &["FAIL  event store", "is gone"],
    },
    Way {
        name: "a data directory that is gone",
        damage: |installation| fs::remove_dir_all(&installation.data).expect("removed"),
        doctor: &[],
        start: &[],
        check: &["FAIL  database", "is not there", "FAIL  event store", "is gone"],
    },
    Way {
        name: "damaged pages of the database",
        damage: damage_pages,
        doctor: &["FAIL  database", "the database is damaged", "restore a backup"],
        start: &[],
        check: &["FAIL  database", "is damaged"],
    },
    Way {
        name: "a file that is no database",
        damage: |installation| fs::write(installation.database(), "x".repeat(8_192)).expect("written"),
        doctor: &["FAIL  database", "file is not a database"],
        start: &["the database is damaged", "file is not a database", "restore a backup"],
        check: &["FAIL  database", "file is not a database"],
    },
    Way {
        name: "a newer version",
        damage: from_the_future,
        doctor: &["FAIL  database", "newer version of this program", "9999"],
        start: &["newer version of this program", "9999", "use that version"],
        check: &[],
    },
    Way {
        name: "a read-only disk",
        damage: |installation| installation.remount("ro"),
        doctor: &["FAIL  data directory", "is mounted read-only", "dmesg"],
        start: &["is mounted read-only", "dmesg"],
        check: &[],
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_way_of_breaking_a_stopped_installation_has_words_of_its_own() {
    let (installation, server) = Installation::with_data().await;
    assert_eq!(installation.place.run(&["check"]).code, Some(0), "beside a running server");
    server.stop();
    let sound = installation.place.run(&["check"]);
    assert_eq!(sound.code, Some(0), "{}{}", sound.out, sound.err);
    assert_has(&sound.out, &["ok    database", "ok    event store", "tables", "The stores are sound."]);
    let kept = Place::new();
    copy(&installation.data, kept.path());
    for Way { name, damage, doctor, start, check } in WAYS {
        damage(&installation);
        let checked = installation.place.run(&["check"]);
        // A disk that is not written cannot be read as a database with a log either.
        if !check.is_empty() {
            assert_eq!(checked.code, Some(5), "{name}: {}", checked.out);
            assert_has(&checked.out, check);
        }
        if !doctor.is_empty() {
            let looked = installation.place.run(&["doctor"]);
            assert_eq!(looked.code, Some(4), "{name}: {}", looked.out);
            assert_has(&looked.out, doctor);
        }
        if !start.is_empty() {
            let started = installation.place.run(&["serve"]);
            assert_eq!(started.code, Some(1), "{name}: {}", started.err);
            assert_has(&started.err, start);
        }
        installation.remount("rw");
        let _gone_already = fs::remove_dir_all(&installation.data);
        copy(kept.path(), &installation.data);
        assert_eq!(installation.place.run(&["check"]).code, Some(0), "repaired after {name}");
    }
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().expect("cp runs");
    assert!(copied.success());
}

/// `/ready` as soon as an earlier good look counts no longer.
async fn not_ready(client: &Client) -> Answer {
    let asked = Instant::now();
    loop {
        let ready = client.readiness().await;
        if !ready.status.is_success() {
            assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE, "{ready:?}");
            return ready;
        }
        assert!(asked.elapsed() < PATIENCE, "it is still ready");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_while_the_server_runs_takes_its_readiness() {
    type Damage = fn(&Installation);
    let ways: [(Damage, &[&str]); 3] = [
        (
            |installation| fs::rename(&installation.data, installation.data.with_extension("away")).expect("moved"),
            &["database", "event_store"],
        ),
        (|installation| fs::remove_file(installation.database()).expect("removed"), &["database"]),
        (|installation| fs::remove_dir_all(installation.data.join("events")).expect("removed"), &["event_store"]),
    ];
    for (damage, stores) in ways {
        let (installation, server) = Installation::with_data().await;
        let client = Client::new(&server.url);
        damage(&installation);
        let ready = not_ready(&client).await;
        for store in stores {
            assert_has(ready.body["failing"][store].as_str().unwrap_or_default(), &["is gone", "backup", "start again"]);
        }
        assert_eq!(ready.body["failing"].as_object().expect("stores").len(), stores.len(), "{ready:?}");
        if stores.contains(&"database") {
            let refused = client.try_post("/v1/customers", &json!({"external_id": "lost", "name": "Lost"})).await.expect("answers");
            assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "what would be lost is refused: {refused:?}");
        }
        if stores.contains(&"event_store") {
            client.try_post("/v1/events", &event(1_000_000)).await.expect("answers").assert_try_again();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_on_damaged_tables_is_read_only_until_an_operator_acts() {
    let (installation, server) = Installation::with_data().await;
    let client = Client::new(&server.url);
    let all = json!({"external_customer_id": "acme", "page_size": 50});
    client.post("/v1/events/query", all.clone()).await;
    turn_tables(&installation);
    let checked = installation.place.run(&["check"]);
    assert_eq!(checked.code, Some(5), "beside a running server: {}", checked.out);
    let refused = client.try_post("/v1/events", &event(1_000_000)).await.expect("answers");
    refused.assert_try_again();
    assert_has(not_ready(&client).await.body["failing"]["event_store"].as_str().unwrap_or_default(), &["is damaged", "flexprice check"]);
    client.get("/v1/customers").await;
    client.post("/v1/customers", json!({"external_id": "other", "name": "The database is sound"})).await;
    server.stop();

    let server = Serving::start(&installation.place);
    let client = Client::new(&server.url);
    not_ready(&client).await;
    client.try_post("/v1/events", &event(1_000_000)).await.expect("answers").assert_try_again();
    server.stop();
    assert_has(&installation.place.run(&["doctor"]).out, &["FAIL  event store", "is damaged", "flexprice check"]);

    turn_tables(&installation);
    let checked = installation.place.run(&["check"]);
    assert_eq!(checked.code, Some(0), "{}", checked.out);
    assert_has(&checked.out, &["takes events again from the next start"]);
    let server = Serving::start(&installation.place);
    let client = Client::new(&server.url);
    assert_eq!(client.readiness().await.status, StatusCode::OK);
    client.post("/v1/events", event(1_000_000)).await;
    server.stop();
}

#[test]
fn doctor_calls_a_weak_key_weak() {
    let place = Place::new().env("FLEXPRICE_SERVER_ADDRESS", ":0").env("FLEXPRICE_AUTH_API_KEY_KEYS", "{}");
    let place = place.env("FLEXPRICE_AUTH_SECRET", "9f86d081884c7d659a2feaa0c55ad015");
    let looked = place.env("FLEXPRICE_SECRETS_ENCRYPTION_KEY", &"0".repeat(64)).run(&["doctor"]);
    assert_eq!(looked.code, Some(4), "{}", looked.out);
    assert_has(&looked.out, &["FAIL  configuration", "secrets.encryption_key", "is weak", "openssl rand -hex 16"]);
}
