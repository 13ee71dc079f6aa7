//! The invoice run: month after month of the same subscriptions. The first year is the baseline of the later ones, for the time that a
//! month takes must not grow with the number of those before.

use std::time::{Duration, Instant};

use anyhow::bail;
use serde_json::json;

use crate::connection::Connection;
use crate::process::Server;
use crate::setup::{self, SANDBOX};

/// Subscriptions, each with an invoice a month of its fee and its twenty meters.
pub(crate) const SUBSCRIPTIONS: u32 = 120;
const FIRST_YEAR: u32 = 2026;
/// The month after that in which the contracts begin.
const FIRST_MONTH: u32 = 7;
const YEARS: u32 = 3;

/// A year of invoices.
pub(crate) struct YearOfInvoices {
    pub(crate) invoices: u64,
    pub(crate) took: Duration,
}

impl YearOfInvoices {
    #[expect(clippy::cast_precision_loss, reason = "a figure for reading")]
    pub(crate) fn per_second(&self) -> f64 {
        self.invoices as f64 / self.took.as_secs_f64().max(1e-9)
    }
}

/// The years, one after the other.
pub(crate) fn run(server: &Server) -> anyhow::Result<Vec<YearOfInvoices>> {
    setup::create(server, SUBSCRIPTIONS)?;
    let mut connection = Connection::open(server.address)?;
    let bar = crate::report::bar("months", u64::from(YEARS * 12), true);
    let mut years = Vec::new();
    let mut finalized = count(&mut connection)?;
    for year in 0..YEARS {
        let begun = Instant::now();
        for month in year * 12..(year + 1) * 12 {
            let number = FIRST_MONTH - 1 + month;
            // After the drafts have waited for late events and the invoices have become final.
            let to = format!("{}-{:02}-01T12:00:00Z", FIRST_YEAR + number / 12, number % 12 + 1);
            connection.call("POST", &format!("/environments/{SANDBOX}/clock/advance"), Some(&json!({ "to": to })))?;
            bar.inc(1);
        }
        let took = begun.elapsed();
        let before = std::mem::replace(&mut finalized, count(&mut connection)?);
        let invoices = finalized - before;
        if invoices != u64::from(SUBSCRIPTIONS) * 12 {
            bail!("{invoices} invoices became final in year {}", year + 1);
        }
        years.push(YearOfInvoices { invoices, took });
    }
    bar.finish_and_clear();
    Ok(years)
}

fn count(connection: &mut Connection) -> anyhow::Result<u64> {
    let found = connection.call("GET", "/invoices?invoice_status=FINALIZED&limit=1", None)?;
    found["pagination"]["total"].as_u64().ok_or_else(|| anyhow::anyhow!("a list without a total: {found}"))
}
