//! Help, exit codes, and what each command prints.

use std::net::TcpListener;

use crate::support::{Place, assert_has};

/// One line per command and option, so that a change of the surface shows up here.
fn surface(help: &str) -> Vec<&str> {
    help.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

#[test]
fn the_short_help_lists_the_commands() {
    let ran = Place::new().run(&["-h"]);
    assert_eq!(ran.code, Some(0));
    let mut lines = surface(&ran.out);
    if cfg!(feature = "cluster") {
        let kafka = "kafka    Look after the event log: topics, lag, dead letters";
        assert_eq!(lines.extract_if(.., |line| *line == kafka).count(), 1, "{}", ran.out);
    }
    assert_eq!(
        lines,
        [
            "Usage metering and billing in one binary: events in, invoices out",
            "Usage: flexprice [OPTIONS] [COMMAND]",
            "Commands:",
            "serve    Serve the API (the default)",
            "migrate  Bring the database to the schema of this build",
            "config   Show the configuration in force, with the source of each value",
            "openapi  Print the API description (OpenAPI, JSON)",
            "doctor   Check that the server could start here",
            "check    Verify that the stores are as they were written",
            "demo     Bill a year of real flights on a running server, and check every figure",
            "help     Print this message or the help of the given subcommand(s)",
            "Options:",
            "--config <FILE>        Configuration file in YAML, over FLEXPRICE_CONFIG",
            "--address <HOST:PORT>  Listen address, over FLEXPRICE_SERVER_ADDRESS",
            "--data-dir <DIR>       Directory of the embedded stores, over FLEXPRICE_DATA_DIR",
            "-h, --help                 Print help (see more with '--help')",
            "-V, --version              Print version",
        ]
    );
}

#[test]
fn the_long_help_teaches() {
    let ran = Place::new().run(&["--help"]);
    assert_eq!(ran.code, Some(0));
    assert_has(&ran.out, &["Examples:", "Exit codes:", "FLEXPRICE_SERVER_ADDRESS", "FLEXPRICE_DATA_DIR", "flexprice doctor"]);
    for command in ["serve", "migrate", "config", "openapi", "doctor", "check", "demo"] {
        let help = Place::new().run(&["help", command]);
        assert_eq!(help.code, Some(0), "{command}");
        assert!(help.out.lines().count() > 5, "{}", help.out);
    }
}

#[test]
fn the_long_help_names_keys_that_exist() {
    let names: Vec<String> = server::config::sections::tables().iter().flat_map(|(_, keys)| keys).flat_map(|key| key.env_names()).collect();
    let help = Place::new().run(&["--help"]).out;
    let mentioned = help.split(|c: char| !(c.is_ascii_uppercase() || c == '_')).filter(|word| word.starts_with("FLEXPRICE_"));
    for name in mentioned.filter(|name| *name != "FLEXPRICE_CONFIG") {
        assert!(names.iter().any(|known| known == name), "{name} is no key");
    }
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    for args in [&["no-such-command"][..], &["--no-such-option"], &["config", "--format", "toml"]] {
        let ran = Place::new().run(args);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{args:?}");
        assert_has(&ran.err, &["error:"]);
    }
}

#[test]
fn a_refused_configuration_ends_with_3() {
    for args in [&["serve"][..], &["migrate"], &["config"], &[]] {
        let ran = Place::new().env("FLEXPRICE_SERVER_MAX_BODY_BYTES", "many").run(args);
        assert_eq!(ran.code, Some(3), "{args:?}: {}", ran.err);
        assert_has(&ran.err, &["flexprice: the configuration is refused:", "server.max_body_bytes: `many` is not allowed"]);
    }
}

#[test]
fn development_secrets_on_all_interfaces_end_with_3() {
    let ran = Place::new().run(&["serve", "--address", ":0"]);
    assert_eq!(ran.code, Some(3));
    assert_has(&ran.err, &["auth.secret", "secrets.encryption_key", "auth.api_key.keys", "0.0.0.0:0", "openssl rand -hex 32"]);
}

#[test]
fn config_shows_values_before_it_refuses_them() {
    let ran = Place::new().env("FLEXPRICE_DEPLOYMENT_MODE", "api").run(&["config", "--changed"]);
    assert_eq!(ran.code, Some(3));
    assert_has(&ran.out, &["deployment.mode = api  # env FLEXPRICE_DEPLOYMENT_MODE"]);
    assert_has(&ran.err, &["the configuration is refused", "auth.secret"]);
}

#[test]
fn config_shows_options_of_the_command_line_and_warns() {
    let ran = Place::new().env("FLEXPRICE_DATA_DRI", "x").run(&["config", "--changed", "--data-dir", "elsewhere"]);
    assert_eq!(ran.code, Some(0));
    assert_has(&ran.out, &["data.dir = elsewhere  # --data-dir"]);
    assert_has(&ran.err, &["did you mean FLEXPRICE_DATA_DIR?"]);
}

#[test]
fn an_address_in_use_ends_with_1_and_says_so() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let ran = Place::new().run(&["serve", "--address", &address]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert_has(&ran.err, &[&format!("cannot listen on {address}"), "another process listens there", "FLEXPRICE_SERVER_ADDRESS"]);
}

#[test]
fn doctor_is_content_with_an_empty_directory() {
    let ran = Place::new().run(&["doctor", "--address", "127.0.0.1:0"]);
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    assert_has(
        &ran.out,
        &["ok    configuration: no file", "ok    data directory: ./data will be created", "free disk", "The server can start."],
    );
}

#[test]
fn doctor_ends_with_4_and_names_what_failed() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let place = Place::new().file("data", "a file, not a directory").env("FLEXPRICE_SERVER_ADDRESS", &address);
    let ran = place.run(&["doctor"]);
    assert_eq!(ran.code, Some(4), "{}", ran.err);
    assert_has(&ran.out, &["FAIL  data directory", "FAIL  listen address", "The server cannot start: 2 failed."]);
    let ran = place.env("FLEXPRICE_SERVER_ADDRESS", "nowhere").run(&["doctor"]);
    assert_eq!(ran.code, Some(4));
    assert_has(&ran.out, &["FAIL  configuration", "server.address: `nowhere`"]);
}
