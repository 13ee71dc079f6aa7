//! The reference and the example file, written from the key table.

use super::key::{Key, Status};
use super::kind::Kind;
use super::sections;

const INTRO: &str = "\
# Configuration

<!-- Written by `flexprice config reference`; a test keeps it so. Change crates/server/src/config/sections instead. -->

A value comes from the strongest place that sets it:

1. an option of the command line (`--address`, `--data-dir`);
2. a variable of the process environment;
3. a variable in `.env.local`, then in `.env`, of the working directory;
4. the YAML file: `--config FILE` or `FLEXPRICE_CONFIG`, else the first of `./internal/config/config.yaml` and
   `./config/config.yaml` that exists;
5. the default.

`flexprice config` prints each value in force with its source, secrets masked; `flexprice config --changed` only what is not a
default; `flexprice config example` a whole YAML file. `flexprice doctor` checks that the process could start.

**Names.** A variable is `FLEXPRICE_` and the key in upper case with `_` for `.`: `auth.api_key.header` is
`FLEXPRICE_AUTH_API_KEY_HEADER`. An unknown `FLEXPRICE_*` name is reported with the closest known one. Older names
(`FLEXPRICE_FEATURE_USAGE_TRACKING_*` for `meter_usage_tracking`) still work; `FLEXPRICE_EVENT_POST_PROCESSING_*` other than its
rate limit, and `temporal.client_name`, `temporal.retry`, `temporal.connection`, are accepted and mean nothing.

**Forms.** bool: `true`, `false`, `1`, `0`, `t`, `f`. duration: numbers with units, `5m30s`, `168h`, `300ms`; `0s` is none. list:
texts separated by commas, in YAML also a list. object: JSON in a variable, a mapping in YAML; it replaces the default as a whole.
An empty variable counts as unset. A value that does not fit stops the start with exit code 3 and says what is allowed.

**Secrets.** The development API key `sk_local_flexprice_test_key` and the default `auth.secret` and `secrets.encryption_key` are
public. They work only in `local` mode on a loopback address; anything else refuses to start with them.

**Planned** keys are known, checked and shown, but no component of this build reads them yet; one that is set to something else than its
default is named in a warning at start.
";

/// `docs/configuration.md`.
#[must_use]
pub fn reference_markdown() -> String {
    let mut text = INTRO.to_owned();
    for (title, keys) in sections::tables() {
        text.push_str(&format!("\n## {title}\n\n| Key | Environment | Form | Default | Meaning |\n| --- | --- | --- | --- | --- |\n"));
        for key in keys {
            text.push_str(&row(key));
        }
    }
    text
}

fn row(key: &Key) -> String {
    let names: Vec<String> = key.env_names().iter().map(|name| format!("`{name}`")).collect();
    let names = if names.is_empty() { "file only".to_owned() } else { names.join(", ") };
    let default = match key.default_value() {
        value if value.is_empty() => String::new(),
        _ if key.is_secret => "development value".to_owned(),
        value => format!("`{value}`"),
    };
    let secret = if key.is_secret { ", secret" } else { "" };
    let planned = if key.status == Status::Planned { " *(planned)*" } else { "" };
    format!("| `{}` | {names} | {}{secret} | {default} | {}{planned} |\n", key.path, key.kind.word(), key.about)
}

const EXAMPLE_INTRO: &str = "\
# Every key with its default. Copy to ./config/config.yaml and keep the lines you change; the environment wins over this file.
# Secrets are better kept in the environment and are commented out here. Written by `flexprice config example`.
";

/// `config.example.yaml`: every key with its default, which changes nothing when it is loaded.
#[must_use]
pub fn example_yaml() -> String {
    let mut text = EXAMPLE_INTRO.to_owned();
    for (title, keys) in sections::tables() {
        text.push_str(&format!("\n# {title}\n"));
        let mut open: Vec<&str> = Vec::new();
        for key in keys {
            let mut parts: Vec<&str> = key.path.split('.').collect();
            let Some(leaf) = parts.pop() else { continue };
            let shared = open.iter().zip(&parts).take_while(|(a, b)| a == b).count();
            for (depth, part) in parts.iter().enumerate().skip(shared) {
                text.push_str(&format!("{}{part}:\n", "  ".repeat(depth)));
            }
            let indent = "  ".repeat(parts.len());
            let planned = if key.status == Status::Planned { " (planned)" } else { "" };
            text.push_str(&format!("{indent}# {}{planned}\n", key.about));
            let comment = if key.is_secret { "# " } else { "" };
            text.push_str(&format!("{indent}{comment}{leaf}: {}\n", yaml_default(key)));
            open = parts;
        }
    }
    text
}

fn yaml_default(key: &Key) -> String {
    match key.kind {
        Kind::Object if key.is_secret => "{}".to_owned(),
        _ if key.is_secret => "\"\"".to_owned(),
        Kind::Duration => key.default.to_owned(),
        // JSON is YAML.
        _ => key.default_value().0.to_string(),
    }
}
