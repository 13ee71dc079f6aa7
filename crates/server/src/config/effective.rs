//! The configuration in force, for people and for scripts: every value masked when secret, with its source.

use super::load::Loaded;
use super::sections;
use super::settings::Entry;
use super::source::Source;

/// Which keys to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// All keys.
    All,
    /// Only those that something other than the default set.
    Changed,
}

fn entries(loaded: &Loaded, show: Show) -> Vec<(&'static str, Vec<&Entry>)> {
    let shown = |entry: &&Entry| show == Show::All || entry.source != Source::Default;
    sections::tables()
        .into_iter()
        .map(|(title, keys)| (title, keys.into_iter().filter_map(|key| loaded.settings.get(key.path)).filter(shown).collect()))
        .filter(|(_, entries): &(_, Vec<&Entry>)| !entries.is_empty())
        .collect()
}

/// `key = value  # source` lines under the titles of the reference.
#[must_use]
pub fn show_text(loaded: &Loaded, show: Show) -> String {
    let mut text = match &loaded.file {
        Some(path) => format!("# file: {}\n", path.display()),
        None => "# file: none\n".to_owned(),
    };
    for (title, entries) in entries(loaded, show) {
        text.push_str(&format!("\n# {title}\n"));
        for Entry { key, value, source } in entries {
            let shown = key.show(value);
            let gap = if shown.is_empty() { "" } else { " " };
            text.push_str(&format!("{} ={gap}{shown}  # {source}\n", key.path));
        }
    }
    text
}

/// A JSON object by key: `{"value", "source", "env", "secret"}`, values in their text form.
#[must_use]
pub fn show_json(loaded: &Loaded, show: Show) -> String {
    let object: serde_json::Map<String, serde_json::Value> = entries(loaded, show)
        .into_iter()
        .flat_map(|(_, entries)| entries)
        .map(|Entry { key, value, source }| {
            let fields = serde_json::json!({
                "value": key.show(value),
                "source": source.to_string(),
                "env": key.env_names().last(),
                "secret": key.is_secret,
            });
            (key.path.to_owned(), fields)
        })
        .collect();
    format!("{:#}\n", serde_json::Value::Object(object))
}
