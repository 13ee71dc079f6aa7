//! The sandbox's clock: a year of billing in steps of a month.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::SANDBOX;
use super::client::Client;

/// When the story begins.
pub(super) const YEAR_BEGINS: &str = "2013-01-01T00:00:00Z";

/// Where the clock stops: the second of each month, when the invoices of the month before are computed and final.
pub(super) const STEPS: [&str; 12] = [
    "2013-02-02T00:00:00Z",
    "2013-03-02T00:00:00Z",
    "2013-04-02T00:00:00Z",
    "2013-05-02T00:00:00Z",
    "2013-06-02T00:00:00Z",
    "2013-07-02T00:00:00Z",
    "2013-08-02T00:00:00Z",
    "2013-09-02T00:00:00Z",
    "2013-10-02T00:00:00Z",
    "2013-11-02T00:00:00Z",
    "2013-12-02T00:00:00Z",
    "2014-01-02T00:00:00Z",
];

/// Gives the sandbox a clock of its own, which stands still.
pub(super) async fn set_clock(client: &Client, time: &str) -> anyhow::Result<()> {
    client.put::<IgnoredAny>(&format!("/environments/{SANDBOX}/clock"), &json!({ "time": time })).await?;
    Ok(())
}

/// Advances the clock and waits for all that falls due on the way; says how many pieces of work that were.
pub(super) async fn advance(client: &Client, to: &str) -> anyhow::Result<u64> {
    #[derive(Deserialize)]
    struct Advanced {
        #[serde(default)]
        ran: u64,
    }
    let advanced: Advanced = client.post(&format!("/environments/{SANDBOX}/clock/advance"), &json!({ "to": to })).await?;
    Ok(advanced.ran)
}
