//! Whether the stores are as they were written: what `flexprice check` asks.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use storage::{Database, Depth};

#[cfg(feature = "cluster")]
use super::cluster;
use super::embedded::{database_file, database_options, events_dir};
use crate::config::Config;
use crate::finding::{Check, Finding};

const BAR: &str = "{msg} [{bar:40}] {bytes} of {total_bytes}, {eta} left";
const SPINNER: &str = "{msg} {spinner} {elapsed}";

/// Reads all of the embedded stores, and asks servers whether they answer. Shows on standard error how far it is.
pub async fn verify(config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    if config.postgres.host.is_empty() {
        checks.push(("database", verify_database(config).await));
    }
    if config.clickhouse.address.is_empty() {
        checks.push(("event store", verify_events(config).await));
    }
    #[cfg(feature = "cluster")]
    checks.extend(cluster::inspect(config).await);
    checks
}

async fn verify_database(config: &Config) -> Finding {
    let file = database_file(config);
    let Ok(size) = std::fs::metadata(&file).map(|metadata| metadata.len()) else {
        return Finding::Bad(format!("{} is not there: set FLEXPRICE_DATA_DIR, or restore a backup", file.display()));
    };
    let spinner = progress(ProgressBar::new_spinner(), SPINNER, "reading the database");
    let found = Database::verify(&file, &database_options(config), Depth::Everything).await;
    spinner.finish_and_clear();
    match found {
        Ok(wrong) if wrong.is_empty() => Finding::Good(format!("{} is sound, {size} bytes", file.display())),
        Ok(wrong) => Finding::Bad(format!("{} is damaged: {}", file.display(), wrong.join("; "))),
        Err(error) => Finding::Bad(format!("{}: {error}", file.display())),
    }
}

async fn verify_events(config: &Config) -> Finding {
    let dir = events_dir(config);
    let was = streams::known_damage(&dir);
    let bar = progress(ProgressBar::new(0), BAR, "reading the event store");
    let reading = tokio::task::spawn_blocking({
        let (dir, bar) = (dir.clone(), bar.clone());
        move || {
            streams::verify_embedded_files(&dir, &mut |read, all| {
                bar.set_length(all);
                bar.set_position(read);
            })
        }
    });
    let found = reading.await;
    bar.finish_and_clear();
    let at = dir.display();
    match found {
        Ok(Ok(found)) if found.damaged.is_empty() => {
            let again = if was.is_some() { "; it was found damaged before, and takes events again from the next start" } else { "" };
            Finding::Good(format!("{at} is sound, {} tables, {} bytes{again}", found.tables, found.bytes))
        }
        Ok(Ok(found)) => Finding::Bad(format!("{at} is damaged and takes no events: {}", found.damaged.join("; "))),
        Ok(Err(error)) => Finding::Bad(format!("{at}: {error}")),
        Err(error) => Finding::Bad(format!("{at}: the check ended early: {error}")),
    }
}

/// Shown on a terminal alone.
fn progress(bar: ProgressBar, template: &str, message: &'static str) -> ProgressBar {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_message(message);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
