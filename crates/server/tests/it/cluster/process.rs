//! One process of an installation.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::Place;

/// How long a start, or an end, may take: many times what it takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);
const LOG_LINES_SHOWN: usize = 40;

/// A process in a role. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
    /// `http://` and the address on which it answers probes, and an API process requests.
    pub(crate) url: String,
}

impl Process {
    /// Starts it and waits until it is ready.
    pub(crate) fn start(place: &Place, mode: &str, more: &[(&str, &str)]) -> Self {
        let mut process = Self::spawn(place, mode, "127.0.0.1:0", more);
        let mut output = BufReader::new(process.child.stdout.take().expect("piped"));
        let (found, banner) = mpsc::channel();
        // A read cannot be given up, a wait for its outcome can.
        thread::spawn(move || {
            let mut line = String::new();
            let _ended_early = output.read_line(&mut line);
            let _given_up = found.send(line);
        });
        let banner = banner.recv_timeout(PATIENCE).expect("the process says nothing");
        let url = banner.split_whitespace().find(|word| word.starts_with("http://"));
        process.url = url.unwrap_or_else(|| panic!("{mode} did not start: {banner:?}")).to_owned();
        process
    }

    /// Starts it and waits for nothing.
    pub(crate) fn spawn(place: &Place, mode: &str, address: &str, more: &[(&str, &str)]) -> Self {
        let log = place.path().join(format!("{mode}.log"));
        let log_file = File::options().create(true).append(true).open(&log).expect("a log");
        let mut command = place.flexprice(&["serve", "--address", address]);
        command.env("FLEXPRICE_DEPLOYMENT_MODE", mode).envs(more.iter().copied());
        let child = command.stdout(Stdio::piped()).stderr(log_file).spawn().expect("starts");
        Self { child, log, url: format!("http://{address}") }
    }

    /// Ends it as a power cut would, and returns when it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("SIGKILL can be sent");
        self.child.wait().expect("it ends");
    }

    /// Stops it in good order.
    pub(crate) fn stop(mut self) {
        let sent = std::process::Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success(), "SIGTERM can be sent");
        let asked = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                break status;
            }
            assert!(asked.elapsed() < PATIENCE, "the process does not end");
            thread::sleep(Duration::from_millis(5));
        };
        assert_eq!(status.code(), Some(0), "{}", self.log_end());
    }

    /// Its log, with those of earlier processes of its role.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The last lines of its log.
    pub(crate) fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
        if thread::panicking() {
            eprintln!("the end of {}:\n{}", self.log.display(), self.log_end());
        }
    }
}
