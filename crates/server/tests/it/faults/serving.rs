//! The binary while it serves, on a data directory that outlives it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::Place;

/// How long a start, or an end, may take: many times what it takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at the process.
const LOOK: Duration = Duration::from_millis(5);
/// Lines of the log that a failed test shows.
const LOG_LINES_SHOWN: usize = 40;

/// A server. Killed when dropped.
pub(crate) struct Serving {
    child: Child,
    log: PathBuf,
    /// `http://` and the address.
    pub(crate) url: String,
}

impl Serving {
    /// Starts the server on the place's data directory and waits until it listens.
    pub(crate) fn start(place: &Place) -> Self {
        let log = place.path().join("serve.log");
        let log_file = File::options().create(true).append(true).open(&log).expect("a log");
        let mut command = place.flexprice(&["serve", "--address", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(log_file).spawn().expect("starts");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let mut serving = Self { child, log, url: String::new() };
        let (found, banner) = mpsc::channel();
        // A read cannot be given up, a wait for its outcome can.
        thread::spawn(move || {
            let mut line = String::new();
            let _ended_early = output.read_line(&mut line);
            let _given_up = found.send(line);
        });
        let banner = banner.recv_timeout(PATIENCE).expect("the server says nothing");
        let url = banner.split_whitespace().find(|word| word.starts_with("http://"));
        serving.url = url.unwrap_or_else(|| panic!("the server did not start: {banner:?}")).to_owned();
        serving
    }

    /// Ends it as a power cut would, and returns when it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("SIGKILL can be sent");
        self.child.wait().expect("it ends");
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success(), "SIGTERM can be sent");
    }

    /// The exit code, once it has ended.
    pub(crate) fn exit_code(mut self) -> Option<i32> {
        let asked = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return status.code();
            }
            assert!(asked.elapsed() < PATIENCE, "the server does not end");
            thread::sleep(LOOK);
        }
    }

    /// Stops it in good order.
    pub(crate) fn stop(self) {
        self.terminate();
        assert_eq!(self.exit_code(), Some(0));
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
        if thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("the end of the server's log:\n{}", lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n"));
        }
    }
}
