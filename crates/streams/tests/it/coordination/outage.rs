//! A server that goes, is silent, forgets, or remembers something old.

use std::time::{Duration, Instant};

use streams::{Coordination, RedisCoordination};

use super::servers::{Server, command, until};

fn keys() -> Vec<String> {
    vec!["moved".into(), "never moved".into()]
}

/// Counts the calls that fail within a second: with one that waits, they are a handful.
async fn fails_fast(redis: &RedisCoordination) {
    let began = Instant::now();
    let mut failed = 0;
    while failed < 1_000 {
        redis.generations(&keys()).await.expect_err("it is down");
        failed += 1;
        assert!(began.elapsed() < Duration::from_secs(5), "only {failed} calls failed in five seconds");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_fails_calls_at_once_and_comes_back_with_new_numbers() {
    let mut server = Server::start(&[]);
    let redis = RedisCoordination::connect(server.options()).await.unwrap();
    redis.advance(&keys()[..1]).await.unwrap();
    let before = redis.generations(&keys()).await.unwrap();
    server.kill();
    until("a call fails", async || redis.generations(&keys()).await.is_err()).await;
    fails_fast(&redis).await;
    redis.advance(&keys()).await.expect_err("it is down");
    redis.check().await.expect_err("it is down");
    server.restart();
    until("it comes back", async || redis.check().await.is_ok()).await;
    let after = redis.generations(&keys()).await.unwrap();
    assert!(before.iter().zip(&after).all(|(before, after)| before != after), "{before:?} {after:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_forgets_all_while_connected_changes_all_numbers() {
    let server = Server::start(&[]);
    let redis = RedisCoordination::connect(server.options()).await.unwrap();
    redis.advance(&keys()[..1]).await.unwrap();
    let before = redis.generations(&keys()).await.unwrap();
    command(server.port, &["FLUSHALL"]).await.unwrap();
    let after = redis.generations(&keys()).await.unwrap();
    assert!(before.iter().zip(&after).all(|(before, after)| before != after), "{before:?} {after:?}");
}

/// The same happens when a replica takes over that lagged: it knows an old number, and a reader who did not ask in between knows the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_remembers_an_old_number_does_not_bring_it_back() {
    let mut server = Server::start(&[]);
    let writer = RedisCoordination::connect(server.options()).await.unwrap();
    let reader = RedisCoordination::connect(server.options()).await.unwrap();
    writer.advance(&keys()).await.unwrap();
    let heard = reader.generations(&keys()).await.unwrap();
    command(server.port, &["SAVE"]).await.unwrap();
    writer.advance(&keys()).await.unwrap();
    server.kill();
    server.restart();
    until("it comes back", async || reader.check().await.is_ok()).await;
    let raw = command(server.port, &["GET", "test:moved"]).await.unwrap();
    assert!(!raw.is_null(), "the server read its snapshot");
    let now = reader.generations(&keys()).await.unwrap();
    assert!(heard.iter().zip(&now).all(|(heard, now)| heard != now), "a change would go unheard");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_costs_one_time_out_and_not_one_for_each_call() {
    let server = Server::start(&[]);
    let timeout = Duration::from_secs(2);
    let redis = RedisCoordination::connect(streams::RedisOptions { timeout, ..server.options() }).await.unwrap();
    redis.generations(&keys()).await.unwrap();
    server.signal("-STOP");
    let began = Instant::now();
    until("a call fails", async || redis.generations(&keys()).await.is_err()).await;
    fails_fast(&redis).await;
    assert!(began.elapsed() < 4 * timeout, "{:?}", began.elapsed());
    server.signal("-CONT");
    until("it comes back", async || redis.generations(&keys()).await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_writes_is_down() {
    let server = Server::start(&[]);
    let redis = RedisCoordination::connect(server.options()).await.unwrap();
    command(server.port, &["CONFIG", "SET", "min-replicas-to-write", "1"]).await.unwrap();
    until("reads fail, too", async || redis.generations(&keys()).await.is_err()).await;
    command(server.port, &["CONFIG", "SET", "min-replicas-to-write", "0"]).await.unwrap();
    until("it comes back", async || redis.generations(&keys()).await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_later_is_found() {
    let mut server = Server::start(&[]);
    server.kill();
    let options = streams::RedisOptions { timeout: Duration::from_millis(200), ..server.options() };
    let redis = RedisCoordination::connect(options).await.unwrap();
    fails_fast(&redis).await;
    server.restart();
    until("it is found", async || redis.check().await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_an_error_until_it_is_right() {
    let server = Server::start(&["--requirepass", "first"]);
    let options = streams::RedisOptions { password: "second".into(), timeout: Duration::from_millis(500), ..server.options() };
    assert!(!format!("{options:?}").contains("second"), "passwords do not print");
    let redis = RedisCoordination::connect(options).await.unwrap();
    redis.check().await.expect_err("the password is wrong");
    let mut change = std::process::Command::new("redis-cli");
    change.args(["-p", &server.port.to_string(), "-a", "first", "CONFIG", "SET", "requirepass", "second"]);
    assert!(change.output().unwrap().status.success());
    until("it lets us in", async || redis.check().await.is_ok()).await;
}
