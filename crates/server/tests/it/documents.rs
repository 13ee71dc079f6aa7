//! Documents written from the key table are up to date. `make docs` writes them anew.

use std::path::{Path, PathBuf};

use server::config::{Source, example_yaml, load, reference_markdown, sections};

use crate::support::Place;

fn in_repository(name: &str) -> PathBuf {
    Path::new("../..").join(name)
}

fn assert_current(name: &str, expected: &str) {
    let found = std::fs::read_to_string(in_repository(name)).unwrap_or_default();
    assert!(found == expected, "{name} is out of date; write it anew with `make docs`");
}

#[test]
fn the_reference_is_current() {
    assert_current("docs/configuration.md", &reference_markdown());
}

#[test]
fn the_reference_of_metrics_is_current() {
    assert_current("docs/metrics.md", &server::metrics::table::reference_markdown());
}

#[test]
fn the_example_file_is_current() {
    assert_current("config.example.yaml", &example_yaml());
}

#[test]
fn the_example_file_changes_nothing() {
    let defaults = Place::new().loaded();
    let place = Place::new().file("config/config.yaml", &example_yaml());
    let loaded = load(&place.inputs()).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    for (_, keys) in sections::tables() {
        for key in keys {
            let (of_file, default) = (loaded.settings.get(key.path).expect("known"), defaults.settings.get(key.path).expect("known"));
            assert_eq!(of_file.value, default.value, "{}", key.path);
            let is_from_file = matches!(of_file.source, Source::File(_));
            let is_left_out = key.is_secret || (of_file.value.is_empty() && key.kind.allowed().starts_with("empty or"));
            assert!(is_from_file || is_left_out, "{} is missing from the example", key.path);
        }
    }
}
