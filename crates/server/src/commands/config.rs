//! `flexprice config`: what is in force and where it comes from.

use crate::cli::{ConfigArgs, ConfigFormat, ConfigTopic, Options};
use crate::config::{Show, check, example_yaml, load, reference_markdown, show_json, show_text};
use crate::exit::Failure;
use crate::output;

/// Shows first and checks afterwards: who must correct a refused configuration wants to see it.
pub(super) fn run(options: &Options, args: &ConfigArgs) -> Result<(), Failure> {
    match args.topic {
        Some(ConfigTopic::Reference) => return Ok(output::write(&reference_markdown())?),
        Some(ConfigTopic::Example) => return Ok(output::write(&example_yaml())?),
        Some(ConfigTopic::Metrics) => return Ok(output::write(&crate::metrics::table::reference_markdown())?),
        None => {}
    }
    let loaded = load(&options.inputs())?;
    let show = if args.changed { Show::Changed } else { Show::All };
    output::write(&match args.format {
        ConfigFormat::Text => show_text(&loaded, show),
        ConfigFormat::Json => show_json(&loaded, show),
    })?;
    for warning in &loaded.warnings {
        eprintln!("flexprice: warning: {warning}");
    }
    Ok(check(&loaded)?)
}
