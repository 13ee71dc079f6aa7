//! No key of the configuration is accepted without effect: each has a reader in the code, or it is named as planned, and then a start that sets
//! it says so.

use std::fs;
use std::path::Path;

use server::config::{Key, Kind, Status, sections};

use crate::support::Place;

fn keys() -> impl Iterator<Item = &'static Key> {
    sections::tables().into_iter().flat_map(|(_, keys)| keys)
}

/// The shell's own code without the table itself.
fn sources(dir: &Path, texts: &mut Vec<String>) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "sections") {
                sources(&path, texts);
            }
        } else {
            // Tests of the code are no readers.
            let text = fs::read_to_string(&path).expect("text");
            texts.push(text.split("#[cfg(test)]").next().unwrap_or_default().to_owned());
        }
    }
}

/// Whether a word stands in a text behind a dot: `config.kafka.topic` reads `topic`.
fn is_read(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let ends = !text[at + word.len()..].starts_with(|next: char| next.is_alphanumeric() || next == '_' || next == '(');
        text[..at].trim_end().ends_with('.') && ends
    })
}

#[test]
fn every_key_that_is_not_planned_has_a_reader() {
    let mut texts = Vec::new();
    sources(Path::new("src"), &mut texts);
    let without: Vec<&str> = keys()
        .filter(|key| key.status == Status::Used)
        .filter(|key| {
            let parts: Vec<&str> = key.path.split('.').collect();
            let (section, leaf) = (parts[0], parts[parts.len() - 1]);
            // A file that reads the key names its section, or takes it as an argument of the section's type.
            let typed = section.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect::<String>();
            let reads = |text: &String| (is_read(text, section) || text.contains(&format!("&{typed}"))) && is_read(text, leaf);
            !texts.iter().any(reads)
        })
        .map(|key| key.path)
        .collect();
    assert!(without.is_empty(), "mark them `planned()` until their part comes: {without:?}");
}

/// The key set to something of its form that is not its default.
fn set_to_another(key: &Key) -> Place {
    let words = ["true", "false", "7", "77777", "3s", "0.5", "other", "{\"a\":{\"b\":[\"c\"]}}"];
    let choices: &[&str] = if let Kind::OneOf(choices) = &key.kind { choices } else { &words };
    let place = |text: &&str| match key.env_names().pop() {
        Some(name) => Place::new().env(&name, text),
        None => Place::new().file("config/config.yaml", &in_file(key.path, text)),
    };
    let is_another = |place: &Place| {
        let loaded = place.load();
        loaded.is_ok_and(|loaded| loaded.settings.get(key.path).is_some_and(|entry| entry.value != key.default_value()))
    };
    choices.iter().map(place).find(is_another).unwrap_or_else(|| panic!("no other value for {}", key.path))
}

/// A path with a value, in the YAML that JSON is as well.
fn in_file(path: &str, value: &str) -> String {
    format!("{{{}: {value}{}", path.replace('.', ": {"), "}".repeat(path.matches('.').count() + 1))
}

#[test]
fn every_planned_key_that_is_set_is_named_at_start() {
    for key in keys().filter(|key| key.status == Status::Planned) {
        let warnings = set_to_another(key).loaded().warnings;
        let is_named = |warning: &String| warning.starts_with(&format!("{} is set by ", key.path)) && warning.contains("without effect");
        assert!(warnings.iter().any(is_named), "{}: {warnings:?}", key.path);
    }
}

/// At the default nothing is said: the example file holds all keys.
#[test]
fn what_is_set_to_its_default_is_not_named() {
    let place = Place::new().env("FLEXPRICE_WEBHOOK_ENABLED", "true").env("FLEXPRICE_KAFKA_BULK_MAX_BATCH_SIZE", "200");
    assert_eq!(place.loaded().warnings, Vec::<String>::new());
}
