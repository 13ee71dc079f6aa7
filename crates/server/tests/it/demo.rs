//! The main job, smaller: the real binary serves, the demo bills every so-manieth flight of the year, a separate program checks.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::{Place, Ran, assert_has};

/// Every month has its flights, and the busiest airlines reach the second step and tier.
const EVERY: &str = "5";
/// The key of a server in local mode.
const KEY: &str = "sk_local_flexprice_test_key";

/// The binary while it serves, killed in the end.
struct Serving {
    child: Child,
    url: String,
}

impl Serving {
    fn start(place: &Place) -> Self {
        let log = File::create(place.path().join("serve.log")).expect("a log");
        let mut command = place.flexprice(&["--address", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("starts");
        let mut banner = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut banner).expect("a banner");
        let url = banner.split_whitespace().find(|word| word.starts_with("http://"));
        let url = url.unwrap_or_else(|| panic!("no address in {banner:?}")).to_owned();
        Self { child, url }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn example(file: &str) -> PathBuf {
    std::path::absolute(Path::new("../../examples/flights").join(file)).expect("a working directory")
}

fn demo(place: &Place, url: &str, more: &[&str]) -> Ran {
    let (data, check) = (example("nycflights13.csv.gz"), example("check.py"));
    let mut command = place.flexprice(&["demo", "--url", url, "--every", EVERY]);
    // The search path, for python3.
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.arg("--data").arg(data).arg("--check").arg(check).args(more).output().expect("the demo runs").into()
}

#[test]
fn a_year_of_flights_is_billed_to_the_cent() {
    let place = Place::new();
    let server = Serving::start(&place);
    let ran = demo(&place, &server.url, &["--json", "invoices.json"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert_has(&ran.out, &["UA United Air Lines", "208 invoices", " passed, 0 failed", "/v1/invoices/inv_"]);
    let written = std::fs::read_to_string(place.path().join("invoices.json")).expect("written");
    let report: serde_json::Value = serde_json::from_str(&written).expect("JSON");
    assert_eq!(report["customers"].as_array().map(Vec::len), Some(16));

    // The data is there now: the sandbox's clock is not moved a second time.
    let again = demo(&place, &server.url, &[]);
    assert_eq!(again.code, Some(1), "{}", again.out);
    assert_has(&again.err, &["is not empty (16 customers, 1 plans)", "--data-dir"]);
}

#[test]
fn the_check_finds_what_is_wrong() {
    let ran: Ran = Command::new("python3").arg(example("check_test.py")).output().expect("python3 runs").into();
    assert_eq!(ran.code, Some(0), "{}", ran.err);
}

#[test]
fn the_demo_says_what_is_missing() {
    let place = Place::new();
    let no_data = place.run(&["demo"]);
    assert_eq!(no_data.code, Some(1));
    assert_has(&no_data.err, &["cannot read the flights in examples/flights/nycflights13.csv.gz", "--data"]);
    // Port 1 is nobody's.
    let no_server = demo(&place, "http://127.0.0.1:1", &[]);
    assert_eq!(no_server.code, Some(1));
    assert_has(&no_server.err, &["no answer from http://127.0.0.1:1: does a server run there?"]);
}

#[test]
fn the_demo_takes_server_and_key_from_the_environment() {
    let place = Place::new();
    let server = Serving::start(&place);
    let demo = |url: &str, key: &str| -> Ran {
        let mut command = place.flexprice(&["demo", "--every", "20000", "--no-check"]);
        command.envs([("FLEXPRICE_URL", url), ("FLEXPRICE_API_KEY", key)]);
        command.arg("--data").arg(example("nycflights13.csv.gz")).output().expect("the demo runs").into()
    };
    let elsewhere = demo("http://127.0.0.1:1", KEY);
    assert_has(&elsewhere.err, &["no answer from http://127.0.0.1:1"]);
    let stranger = demo(&server.url, "sk_of_nobody");
    assert_eq!(stranger.code, Some(1), "{}", stranger.out);
    assert_has(&stranger.err, &["401"]);
    let ran = demo(&server.url, KEY);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
}

#[test]
fn the_help_names_the_variables_and_shows_no_key() {
    let place = Place::new();
    let help: Ran = place.flexprice(&["demo", "--help"]).env("FLEXPRICE_API_KEY", "sk_secret").output().expect("runs").into();
    assert_has(&help.out, &["[env: FLEXPRICE_URL=]", "[env: FLEXPRICE_API_KEY]"]);
    assert!(!help.out.contains("sk_"), "{}", help.out);
}
