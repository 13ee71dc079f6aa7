//! The command line. Its help is meant to be enough to get started.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{Inputs, Override};
use crate::demo::DemoArgs;

const AFTER_HELP: &str = "\
Examples:
  flexprice                                     serve on 127.0.0.1:8080, data in ./data
  FLEXPRICE_DATA_DIR=/var/lib/flexprice flexprice
  flexprice --config config/config.yaml serve   with a configuration file
  flexprice config --changed                    what is not a default, and where it was set
  flexprice doctor                              would it start?
  flexprice check                               are the stores as they were written?
  flexprice demo                                bill a year of flights on the server above

Environment (all keys: `flexprice config reference`):
  FLEXPRICE_CONFIG                  configuration file [config/config.yaml, if there is one]
  FLEXPRICE_SERVER_ADDRESS          listen address [127.0.0.1:8080]
  FLEXPRICE_DATA_DIR                directory of the embedded stores [./data]
  FLEXPRICE_DEPLOYMENT_MODE         role of the process [local]
  FLEXPRICE_AUTH_SECRET             signs tokens; required on any address but loopback
  FLEXPRICE_SECRETS_ENCRYPTION_KEY  encrypts stored secrets; required likewise
  FLEXPRICE_AUTH_API_KEY_KEYS       API keys as JSON; required likewise, {} for none
  FLEXPRICE_LOGGING_LEVEL           trace, debug, info, warn, error [info]
  .env.local and .env of the working directory are read below the environment.

Exit codes:
  0    success
  1    failed while running, such as an address in use
  2    wrong command line
  3    configuration refused
  4    doctor found what keeps the server from starting
  5    check found a store that is damaged or does not answer
  130  stopped at once by a second signal";

/// Usage metering and billing in one binary: events in, invoices out.
#[derive(Debug, Parser)]
#[command(name = "flexprice", version, about, after_long_help = AFTER_HELP, max_term_width = 120)]
pub struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub options: Options,
    /// What to do; `serve` when absent.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Options that every command takes.
#[derive(Debug, Default, Args)]
pub struct Options {
    /// Configuration file in YAML, over FLEXPRICE_CONFIG
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Listen address, over FLEXPRICE_SERVER_ADDRESS
    #[arg(long, global = true, value_name = "HOST:PORT")]
    pub address: Option<String>,
    /// Directory of the embedded stores, over FLEXPRICE_DATA_DIR
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

impl Options {
    /// What the configuration is read from.
    #[must_use]
    pub fn inputs(&self) -> Inputs {
        let address = self.address.clone().map(|value| Override { path: "server.address", value, flag: "--address" });
        let dir =
            self.data_dir.as_ref().map(|dir| Override { path: "data.dir", value: dir.to_string_lossy().into_owned(), flag: "--data-dir" });
        Inputs::of_process(self.config.clone(), address.into_iter().chain(dir).collect())
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API (the default)
    ///
    /// Listens until SIGINT or SIGTERM, then finishes the requests in flight (at most
    /// server.shutdown_timeout) and closes the stores. A second signal stops at once; what was
    /// acknowledged is durable either way.
    Serve,
    /// Bring the database to the schema of this build
    ///
    /// `serve` does so too when it starts. Running it again changes nothing.
    Migrate,
    /// Show the configuration in force, with the source of each value
    ///
    /// Secrets are masked. Ends with code 3 when the server would refuse this configuration.
    Config(ConfigArgs),
    /// Print the API description (OpenAPI, JSON)
    Openapi(OpenapiArgs),
    /// Check that the server could start here
    ///
    /// Checks configuration, data directory, free disk, listen address, database and event store,
    /// changes nothing, and ends with code 4 when one of them fails.
    Doctor,
    /// Verify that the stores are as they were written
    ///
    /// Reads all of the embedded stores, whether a server runs on them or not: the database's pages
    /// and indexes, and each table of the event store by its checksum. Servers are asked whether
    /// they answer. Ends with code 5 when something is wrong.
    ///
    /// A running server takes no more events as soon as damage is found, and says so at /ready. It
    /// takes them again when check has found the store sound (after a repair, or a backup was
    /// restored) and the server was started again: see docs/recipes/repair-a-store.md.
    Check,
    /// Look after the event log: topics, lag, dead letters
    #[cfg(feature = "cluster")]
    #[command(subcommand)]
    Kafka(KafkaCommand),
    /// Bill a year of real flights on a running server, and check every figure
    ///
    /// Needs a server with an empty sandbox, whose clock it sets and advances, and the files of
    /// examples/flights. Ends with code 1 when a figure differs from the check.
    Demo(DemoArgs),
}

/// What can be done about the event log.
#[cfg(feature = "cluster")]
#[derive(Debug, Subcommand)]
pub enum KafkaCommand {
    /// The topics that the configuration wants
    #[command(subcommand)]
    Topics(TopicsCommand),
    /// How far each configured consumer is behind, per partition
    Lag,
    /// Send dead letters back to the topics they came from
    ///
    /// Each goes back once: mend the cause first. What fails again becomes a dead letter again.
    Redrive {
        /// Only this dead-letter topic; all of the configured consumers without
        topic: Option<String>,
    },
}

/// What can be done about topics.
#[cfg(feature = "cluster")]
#[derive(Debug, Subcommand)]
pub enum TopicsCommand {
    /// Show what `apply` would do
    Plan,
    /// Create missing topics and add missing partitions
    ///
    /// Running it again changes nothing. Partitions are added only when every group has read the
    /// topic to its end, because a copy of an earlier event may then land in another partition.
    Apply {
        /// Add partitions even when consumers are behind
        #[arg(long)]
        force: bool,
    },
}

/// Arguments of `openapi`.
#[derive(Debug, Args)]
pub struct OpenapiArgs {
    /// The page docs/coverage.md instead: which operations of the published API work
    #[arg(long, hide = true)]
    pub coverage: bool,
}

/// Arguments of `config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Another text than the configuration in force.
    #[command(subcommand)]
    pub topic: Option<ConfigTopic>,
    /// Only what something other than the default set
    #[arg(long)]
    pub changed: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t = ConfigFormat::Text)]
    pub format: ConfigFormat,
}

/// Texts about the configuration.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ConfigTopic {
    /// Print the reference of all keys (Markdown)
    Reference,
    /// Print a configuration file with every key at its default (YAML)
    Example,
    /// Print the reference of all metrics (Markdown)
    Metrics,
}

/// How `config` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ConfigFormat {
    /// `key = value  # source`
    Text,
    /// An object by key
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_parser_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_may_stand_on_either_side_of_the_command() {
        for line in [["flexprice", "--data-dir", "x", "serve"], ["flexprice", "serve", "--data-dir", "x"]] {
            let cli = Cli::try_parse_from(line).expect("parses");
            assert_eq!(cli.options.data_dir, Some("x".into()));
        }
    }
}
