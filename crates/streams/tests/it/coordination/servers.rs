//! Redis for tests: keys of one's own on the shared server, and servers of one's own that may be killed.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fred::clients::Client;
use fred::interfaces::{ClientLike, KeysInterface};
use fred::types::Value;
use fred::types::config::{Config, ReconnectPolicy, ServerConfig};
use futures::StreamExt;
use streams::{Coordination, RedisCoordination, RedisOptions};
use tempfile::TempDir;

fn variable(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

/// A prefix of one's own on the shared server.
pub(super) struct Space {
    options: RedisOptions,
}

impl Space {
    pub(super) async fn new() -> Self {
        let host = variable("FLEXPRICE_TEST_REDIS_HOST", "127.0.0.1");
        let port = variable("FLEXPRICE_TEST_REDIS_PORT", "6379").parse().unwrap();
        let key_prefix = format!("test:{:016x}", rand::random::<u64>());
        let options = RedisOptions { host, port, key_prefix, pool_size: 3, ..RedisOptions::default() };
        Self { options }
    }

    pub(super) async fn connect(&self) -> Arc<dyn Coordination> {
        let redis = RedisCoordination::connect(self.options.clone()).await.unwrap();
        redis.check().await.expect("no Redis at the address of the tests: run dev/services up");
        Arc::new(redis)
    }

    pub(super) async fn clean(&self) {
        let client = admin(&self.options.host, self.options.port).await.unwrap();
        let mut scan = client.scan_buffered(format!("{}:*", self.options.key_prefix), Some(1_000), None);
        while let Some(key) = scan.next().await {
            let _: u32 = client.del(key.unwrap()).await.unwrap();
        }
        client.quit().await.unwrap();
    }
}

/// A plain client of one server.
pub(super) async fn admin(host: &str, port: u16) -> Result<Client, fred::error::Error> {
    let config = Config { server: ServerConfig::new_centralized(host, port), ..Config::default() };
    let client = Client::new(config, None, None, Some(ReconnectPolicy::new_constant(0, 20)));
    client.init().await?;
    Ok(client)
}

/// Sends one command to a server and answers what came.
pub(super) async fn command(port: u16, words: &[&str]) -> Result<Value, fred::error::Error> {
    let client = admin("127.0.0.1", port).await?;
    let kind = fred::types::CustomCommand::new(words[0].to_owned(), fred::types::ClusterHash::FirstKey, false);
    let result = client.custom(kind, words[1..].iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()).await;
    drop(client.quit().await);
    result
}

/// A server on a free port, with a directory of its own, that dies with its value.
pub(super) struct Server {
    pub(super) port: u16,
    directory: TempDir,
    process: Option<Child>,
    arguments: Vec<String>,
}

impl Server {
    /// Starts `redis-server` without persistence, with these arguments besides.
    pub(super) fn start(arguments: &[&str]) -> Self {
        // Below 55536, so that the bus of a cluster, 10000 above, is a port, too.
        let port = std::iter::repeat_with(|| TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port())
            .find(|port| *port < 55_000)
            .unwrap();
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut server = Self { port, directory: TempDir::new().unwrap(), process: None, arguments };
        server.restart();
        server
    }

    /// The directory of the server.
    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Starts it (again) and waits until it listens.
    pub(super) fn restart(&mut self) {
        let port = self.port.to_string();
        let mut command = Command::new("redis-server");
        if self.arguments.first().is_some_and(|first| !first.starts_with("--")) {
            command.arg(self.path().join(&self.arguments[0])).args(&self.arguments[1..]);
        } else {
            command.args(&self.arguments);
        }
        command.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]).arg("--dir").arg(self.path());
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.process = Some(process.expect("redis-server cannot be started"));
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < deadline, "redis-server does not listen");
            std::thread::yield_now();
        }
    }

    /// Ends it without a word, as a crash does.
    pub(super) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Stops it from answering, with its connections open; or lets it go on.
    pub(super) fn signal(&self, signal: &str) {
        let process = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
    }

    pub(super) fn options(&self) -> RedisOptions {
        RedisOptions { host: "127.0.0.1".into(), port: self.port, key_prefix: "test".into(), pool_size: 3, ..RedisOptions::default() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Tries until it holds, at most thirty seconds.
pub(super) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::task::yield_now().await;
    }
}
