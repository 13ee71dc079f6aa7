//! What the server writes is for its owner alone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::faults::client::Client;
use crate::faults::serving::Serving;
use crate::support::{Place, assert_has};

/// A directory and all below it, each with its mode.
fn modes(path: &Path) -> Vec<(PathBuf, u32)> {
    let metadata = fs::symlink_metadata(path).expect("readable");
    let mut found = vec![(path.to_owned(), metadata.permissions().mode() & 0o777)];
    if metadata.is_dir() {
        found.extend(fs::read_dir(path).expect("readable").flat_map(|entry| modes(&entry.expect("an entry").path())));
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_is_for_its_owner_alone_and_a_start_says_where_it_is_not() {
    let place = Place::new();
    let data = place.path().join("data");
    let server = Serving::start(&place);
    let client = Client::new(&server.url);
    client.post("/v1/customers", json!({"external_id": "acme", "name": "Acme"})).await;
    client.post("/v1/events", json!({"event_name": "api", "external_customer_id": "acme"})).await;
    // While it runs, with the write-ahead logs, and after.
    let running = modes(&data);
    server.stop();
    assert!(running.iter().any(|(path, _)| path.ends_with("flexprice.db-wal")), "{running:?}");
    assert!(running.iter().any(|(path, _)| path.starts_with(data.join("events"))), "{running:?}");
    for (path, mode) in running.into_iter().chain(modes(&data)) {
        // A file may be gone by the second look; its mode was noted in the first.
        assert!(matches!(mode, 0o700 | 0o600), "{} has mode {mode:o}", path.display());
    }
    let log = || fs::read_to_string(place.path().join("serve.log")).expect("a log");
    assert!(!log().contains("chmod"), "{}", log());

    fs::set_permissions(data.join("flexprice.db"), fs::Permissions::from_mode(0o644)).expect("changed");
    Serving::start(&place).stop();
    assert_has(&log(), &["flexprice.db", "has mode 0644", "chmod -R go="]);
    assert_has(&place.run(&["doctor"]).out, &["warn  data directory:", "has mode 0644", "chmod -R go="]);
}
