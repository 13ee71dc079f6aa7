//! Sentinel, replicas and a cluster.

use std::process::Command;
use std::time::Duration;

use streams::{Coordination, RateLimit, RedisCoordination, RedisOptions};

use super::servers::{Server, command, until};

fn keys(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("key {number}")).collect()
}

async fn field(port: u16, name: &str, value: &str) -> bool {
    let Ok(answer) = command(port, &["INFO", "replication"]).await else { return false };
    answer.as_str().is_some_and(|text| text.lines().any(|line| line.trim() == format!("{name}:{value}")))
}

async fn replica_of(primary: &Server) -> Server {
    let replica = Server::start(&["--replicaof", &format!("127.0.0.1 {}", primary.port)]);
    until("the replica follows", async || field(replica.port, "master_link_status", "up").await).await;
    replica
}

fn sentinel_of(primary: &Server) -> (tempfile::TempDir, Server) {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("sentinel.conf");
    let text = format!(
        "sentinel monitor billing 127.0.0.1 {} 1\nsentinel down-after-milliseconds billing 300\nsentinel failover-timeout billing 3000\n",
        primary.port
    );
    std::fs::write(&file, text).unwrap();
    let sentinel = Server::start(&[file.to_str().unwrap(), "--sentinel"]);
    (directory, sentinel)
}

fn by_sentinel(sentinel: &Server) -> RedisOptions {
    RedisOptions {
        host: "nowhere.invalid".into(),
        cluster_mode: true,
        sentinel_master_name: "billing".into(),
        sentinel_addrs: vec![format!("127.0.0.1:{}", sentinel.port)],
        route_reads_to_replicas: true,
        timeout: Duration::from_secs(2),
        ..sentinel.options()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinel_leads_to_the_new_master_after_a_fail_over() {
    let mut primary = Server::start(&[]);
    let replica = replica_of(&primary).await;
    let (_directory, sentinel) = sentinel_of(&primary);
    until("the sentinel knows the replica", async || {
        let answer = command(sentinel.port, &["SENTINEL", "REPLICAS", "billing"]).await;
        answer.is_ok_and(|answer| answer.into_array().len() == 1)
    })
    .await;
    let redis = RedisCoordination::connect(by_sentinel(&sentinel)).await.unwrap();
    redis.advance(&keys(2)).await.unwrap();
    let before = redis.generations(&keys(2)).await.unwrap();
    primary.kill();
    until("the replica is the master", async || field(replica.port, "role", "master").await).await;
    until("calls find it", async || redis.check().await.is_ok()).await;
    let after = redis.generations(&keys(2)).await.unwrap();
    assert!(before.iter().zip(&after).all(|(before, after)| before != after), "{before:?} {after:?}");
    redis.advance(&keys(2)).await.unwrap();
    assert_ne!(redis.generations(&keys(2)).await.unwrap(), after);
}

#[tokio::test(flavor = "multi_thread")]
async fn generations_are_read_from_the_primary_while_its_replica_is_behind() {
    let primary = Server::start(&[]);
    let replica = replica_of(&primary).await;
    let (_directory, sentinel) = sentinel_of(&primary);
    let redis = RedisCoordination::connect(by_sentinel(&sentinel)).await.unwrap();
    let mut before = redis.generations(&keys(2)).await.unwrap();
    replica.signal("-STOP");
    for _ in 0..50 {
        redis.advance(&keys(2)).await.unwrap();
        let now = redis.generations(&keys(2)).await.unwrap();
        assert!(before.iter().zip(&now).all(|(before, now)| before != now), "an old number was read");
        before = now;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_keeps_keys_on_all_its_nodes() {
    let nodes: Vec<Server> = (0..3).map(|_| Server::start(&["--cluster-enabled", "yes"])).collect();
    let addresses = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port));
    let created = Command::new("redis-cli").args(["--cluster", "create"]).args(addresses).arg("--cluster-yes").output().unwrap();
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stdout));
    let redis = RedisCoordination::connect(RedisOptions { cluster_mode: true, ..nodes[0].options() }).await.unwrap();
    until("all nodes serve", async || redis.generations(&keys(30)).await.is_ok()).await;
    let before = redis.generations(&keys(30)).await.unwrap();
    assert_eq!(before, redis.generations(&keys(30)).await.unwrap());
    redis.advance(&keys(15)).await.unwrap();
    let after = redis.generations(&keys(30)).await.unwrap();
    for number in 0..30 {
        assert_eq!(before[number] != after[number], number < 15, "key {number}");
    }
    for node in &nodes {
        assert!(command(node.port, &["DBSIZE"]).await.unwrap().as_u64().unwrap() > 0, "a node keeps nothing");
    }
    let limit = RateLimit { per_second: 1.try_into().unwrap(), burst: 1.try_into().unwrap() };
    for key in keys(10) {
        let lock = redis.lock(&key, Duration::from_secs(60)).await.unwrap().unwrap();
        assert!(redis.lock(&key, Duration::from_secs(60)).await.unwrap().is_none());
        assert!(redis.release(&lock).await.unwrap());
        assert!(redis.take(&key, limit, 1).await.unwrap().is_none());
    }
}
