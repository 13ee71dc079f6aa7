//! Options of `flexprice demo`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

/// The public key of a server in local mode.
const LOCAL_KEY: &str = "sk_local_flexprice_test_key";

/// Arguments of `demo`. Where the server is and which key it takes come from the environment that `dev/cluster env` prints, too.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Where the server listens
    #[arg(long, value_name = "URL", env = "FLEXPRICE_URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// API key; the default is the public one for local use
    #[arg(long, value_name = "KEY", env = "FLEXPRICE_API_KEY", hide_env_values = true, default_value = LOCAL_KEY, hide_default_value = true)]
    pub api_key: String,
    /// Write all invoices with their lines here
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// The flights, CSV compressed with gzip
    #[arg(long, value_name = "FILE", default_value = "examples/flights/nycflights13.csv.gz")]
    pub data: PathBuf,
    /// Only every K-th flight, in order of time
    #[arg(long, value_name = "K", default_value = "1", hide_default_value = true)]
    pub every: NonZeroUsize,
    /// Only the first N flights, in order of time
    #[arg(long, value_name = "N")]
    pub limit: Option<NonZeroUsize>,
    /// The program that computes the invoices on its own and compares
    #[arg(long, value_name = "FILE", default_value = "examples/flights/check.py")]
    pub check: PathBuf,
    /// Skip the comparison
    #[arg(long)]
    pub no_check: bool,
}
