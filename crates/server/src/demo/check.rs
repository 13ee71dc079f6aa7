//! The check: a program in another language computes every invoice straight from the flights and compares.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use super::DemoArgs;

/// Gives the invoices to the check, which says on standard output what differs.
pub(super) fn run(arguments: &DemoArgs, invoices: &str) -> anyhow::Result<()> {
    let mut command = Command::new("python3");
    command.arg(&arguments.check).arg("-").arg("--data").arg(&arguments.data).arg("--every").arg(arguments.every.to_string());
    if let Some(limit) = arguments.limit {
        command.arg("--limit").arg(limit.to_string());
    }
    let mut check = command.stdin(Stdio::piped()).spawn().context("cannot run python3, which the check needs; --no-check skips it")?;
    let written = check.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(invoices.as_bytes()));
    let status = check.wait()?;
    match status.code() {
        Some(0) => written.context("the check did not read all invoices"),
        Some(1) => bail!("the invoices differ from what {} computes from the flights", arguments.check.display()),
        _ => bail!("{} could not compare: {status}", arguments.check.display()),
    }
}
