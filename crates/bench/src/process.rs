//! The processes under load: started on a free loopback port, watched, stopped by their own id.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

/// Linux counts processor time in ticks of 10 ms.
const TICK: Duration = Duration::from_millis(10);

/// A server that this process started; it ends with it.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// Memory of a process, bytes.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct Memory {
    pub(crate) resident: u64,
    pub(crate) resident_peak: u64,
}

impl Server {
    /// The product, with its data in a directory.
    pub(crate) fn start(binary: &Path, data: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(binary);
        command.args(["serve", "--address", "127.0.0.1:0", "--data-dir"]).arg(data);
        // The shipped defaults are measured, not what the caller's shell sets.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FLEXPRICE_")) {
            command.env_remove(name);
        }
        command.stderr(File::create(data.with_extension("log"))?);
        Self::launch(command)
    }

    /// The baseline, by this binary.
    pub(crate) fn start_bare() -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("bare");
        Self::launch(command)
    }

    /// Both say their address in the first line.
    fn launch(mut command: Command) -> anyhow::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot start the server")?;
        let mut banner = String::new();
        let said = child.stdout.take().map_or(Ok(0), |out| BufReader::new(out).read_line(&mut banner));
        let address = banner.split_whitespace().find_map(|word| word.strip_prefix("http://")?.parse().ok());
        let Some(address) = address else {
            // It has ended or says something else: either way it is of no use.
            let _ended_already = child.kill();
            let status = child.wait()?;
            said?;
            bail!("the server said no address ({status}): {banner:?}");
        };
        Ok(Self { child, address })
    }

    /// Processor time used so far, in all threads.
    pub(crate) fn processor_time(&self) -> anyhow::Result<Duration> {
        processor_time(&self.child.id().to_string())
    }

    /// Resident memory.
    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kib = |name: &str| -> anyhow::Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
            Ok(line.split_whitespace().next().unwrap_or_default().parse()?)
        };
        Ok(Memory { resident: kib("VmRSS:")? << 10, resident_peak: kib("VmHWM:")? << 10 })
    }

    /// Asks it to stop and waits.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().context("cannot run kill")?;
        if !asked.success() {
            bail!("the server was gone before it was stopped");
        }
        let status = self.child.wait()?;
        if !status.success() && status.code().is_some() {
            bail!("the server ended with {status}");
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Only after a failure; a stopped server is gone already.
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Processor time of this process.
pub(crate) fn own_processor_time() -> anyhow::Result<Duration> {
    processor_time("self")
}

fn processor_time(process: &str) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in parentheses, may hold spaces; user and system time are the 12th and 13th field after it.
    let (_, fields) = stat.rsplit_once(") ").context("no name in the statistics")?;
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u32>).sum::<Result<u32, _>>()?;
    Ok(TICK * ticks)
}
