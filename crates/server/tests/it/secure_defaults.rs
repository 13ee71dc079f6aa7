//! The values of local development guard nothing that another machine can reach.

use server::config::{Problem, check};

use crate::support::Place;

const SECRETS: [&str; 3] = ["auth.secret", "secrets.encryption_key", "auth.api_key.keys"];

fn refused(place: &Place) -> Vec<&'static str> {
    match check(&place.loaded()) {
        Ok(()) => vec![],
        Err(problems) => problems
            .0
            .iter()
            .map(|problem| match problem {
                Problem::Refused { path, .. } | Problem::Value { path, .. } => *path,
                Problem::File { .. } => "a file",
            })
            .collect(),
    }
}

fn at(address: &str) -> Place {
    Place::new().env("FLEXPRICE_SERVER_ADDRESS", address)
}

fn own_secrets(place: Place) -> Place {
    place
        .env("FLEXPRICE_AUTH_SECRET", "0123456789abcdef0123456789abcdef")
        .env("FLEXPRICE_SECRETS_ENCRYPTION_KEY", "an encryption key that is all my own")
        .env("FLEXPRICE_AUTH_API_KEY_KEYS", "{}")
}

#[test]
fn loopback_addresses_take_the_development_values() {
    for address in ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "127.0.0.1:0"] {
        assert_eq!(refused(&at(address)), [""; 0], "{address}");
    }
}

#[test]
fn reachable_addresses_refuse_them() {
    for address in [":8080", "0.0.0.0:8080", "[::]:8080", "10.1.2.3:80", "billing.example:443"] {
        assert_eq!(refused(&at(address)), SECRETS, "{address}");
    }
}

#[test]
fn reachable_addresses_take_secrets_of_ones_own() {
    assert_eq!(refused(&own_secrets(at(":8080"))), [""; 0]);
}

#[test]
fn each_development_value_is_refused_by_itself() {
    let dev_keys = Place::new().loaded().settings.get("auth.api_key.keys").expect("known").value.to_string();
    let place = own_secrets(at(":8080")).env("FLEXPRICE_AUTH_API_KEY_KEYS", &dev_keys.replace("0cfd", "0CFD"));
    assert_eq!(refused(&place), ["auth.api_key.keys"], "also in upper case");
    for (name, path) in [("FLEXPRICE_AUTH_SECRET", "auth.secret"), ("FLEXPRICE_SECRETS_ENCRYPTION_KEY", "secrets.encryption_key")] {
        for (weak, words) in [("short", "has 5 bytes"), (&"k".repeat(32), "has 1 different characters"), (&"abc".repeat(20), "has 3")] {
            let place = own_secrets(at(":8080")).env(name, weak);
            assert_eq!(refused(&place), [path], "{weak}");
            let said = check(&place.loaded()).expect_err("refused").to_string();
            crate::support::assert_has(&said, &["is weak", words, "openssl rand"]);
        }
        let own = own_secrets(at(":8080")).env(name, "9f86d081884c7d659a2feaa0c55ad015");
        assert_eq!(refused(&own), [""; 0]);
    }
}

#[test]
fn a_file_cannot_empty_a_secret() {
    let place = Place::new().file("config/config.yaml", "auth: {secret: ''}\nsecrets: {encryption_key: ' '}");
    assert_eq!(refused(&place), ["auth.secret", "secrets.encryption_key"]);
}

/// Every web page knows the development key.
#[test]
fn no_web_page_is_let_in_while_the_development_key_is_in_force() {
    let path = "server.allowed_origins";
    for origins in ["https://app.example", "*", "http://localhost:3000"] {
        assert_eq!(refused(&at("127.0.0.1:8080").env("FLEXPRICE_SERVER_ALLOWED_ORIGINS", origins)), [path], "{origins}");
    }
    let own = |origins: &str| own_secrets(at("127.0.0.1:8080")).env("FLEXPRICE_SERVER_ALLOWED_ORIGINS", origins);
    for origins in ["https://app.example", "*", "http://localhost:3000,https://app.example:8443", ""] {
        assert_eq!(refused(&own(origins)), [""; 0], "{origins}");
    }
    for origins in
        ["app.example", "https://app.example/", "https://app.example/path", "*,https://app.example", "ftp://a", "null", "https://"]
    {
        assert_eq!(refused(&own(origins)), [path], "{origins}");
    }
}

#[cfg(not(feature = "cluster"))]
#[test]
fn modes_of_the_cluster_are_refused_in_this_build() {
    for mode in ["api", "consumer", "temporal_worker"] {
        let place = own_secrets(Place::new().env("FLEXPRICE_DEPLOYMENT_MODE", mode));
        assert_eq!(refused(&place), ["deployment.mode"], "{mode}");
        let text = check(&place.loaded()).expect_err("is refused").to_string();
        crate::support::assert_has(&text, &[mode, "the `cluster` feature"]);
    }
}

#[test]
fn another_mode_is_never_private() {
    let place = Place::new().env("FLEXPRICE_DEPLOYMENT_MODE", "api");
    let refused = refused(&place);
    assert!(SECRETS.iter().all(|secret| refused.contains(secret)), "{refused:?}");
}

/// A role shares its work, so it needs the servers that it shares it through.
#[cfg(feature = "cluster")]
#[test]
fn roles_without_their_servers_are_refused() {
    let with = |mode: &str| own_secrets(Place::new().env("FLEXPRICE_DEPLOYMENT_MODE", mode));
    assert_eq!(refused(&with("api")), ["postgres.host", "clickhouse.address", "kafka.brokers"]);
    assert_eq!(refused(&with("temporal_worker")), ["postgres.host", "clickhouse.address", "kafka.brokers", "temporal.address"]);
    let log_without_store = Place::new().env("FLEXPRICE_KAFKA_BROKERS", "kafka:9092");
    assert_eq!(refused(&log_without_store), ["clickhouse.address"]);
    let second = Place::new().env("FLEXPRICE_KAFKA_SECONDARY_BROKERS", "kafka:9092");
    assert_eq!(refused(&second), ["kafka_secondary.brokers"]);
}

#[cfg(not(feature = "cluster"))]
#[test]
fn servers_that_this_build_cannot_reach_are_refused() {
    let place = Place::new().env("FLEXPRICE_POSTGRES_HOST", "pg").env("FLEXPRICE_KAFKA_BROKERS", "kafka:9092");
    assert_eq!(refused(&place), ["postgres.host", "kafka.brokers"]);
}
