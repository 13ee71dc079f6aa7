//! The connection: refused with a clear message, checked, lost and found again.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use app::due_work::Kind;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use workflows::temporal::{ClientOptions, EngineError, TemporalClient};

use crate::support::{Table, address, client_options, connect, eventually, fresh_prefix, patient, piece, serve};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_up_is_waited_for_and_then_named() {
    // Bound and never listened on beyond this line: the port is free and nobody answers there.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let options = ClientOptions { address: free.to_string(), connect_timeout: Duration::from_secs(2), ..client_options("nobody-") };
    let Err(EngineError::Unreachable { address, attempts, cause }) = TemporalClient::connect(options).await else {
        panic!("nobody answers there");
    };
    assert_eq!(address, free.to_string());
    assert!(attempts > 1, "{attempts} attempts");
    assert!(!cause.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_needs_the_server_and_the_namespace() {
    let client = connect(&fresh_prefix()).await;
    client.check().await.expect("the server is up");
    let elsewhere = ClientOptions { namespace: "no-such-namespace".to_owned(), ..client_options("nowhere-") };
    let client = TemporalClient::connect(elsewhere).await.expect("the server is up");
    let error = client.check().await.unwrap_err().to_string();
    assert!(error.contains("no-such-namespace"), "{error}");
}

/// A way to the server that can be cut.
struct Cable {
    address: SocketAddr,
    upstream: String,
    accepting: Mutex<Option<AbortHandle>>,
}

impl Cable {
    async fn plug_in(listener: TcpListener, upstream: &str) -> Arc<Self> {
        let cable = Self { address: listener.local_addr().unwrap(), upstream: upstream.to_owned(), accepting: Mutex::default() };
        cable.carry(listener);
        Arc::new(cable)
    }

    fn carry(&self, listener: TcpListener) {
        let upstream = self.upstream.clone();
        let accepting = tokio::spawn(async move {
            // Dropped with the task: every connection is cut.
            let mut open = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let upstream = upstream.clone();
                open.spawn(async move {
                    if let Ok(mut far) = TcpStream::connect(upstream).await {
                        let _ = copy_bidirectional(&mut near, &mut far).await;
                    }
                });
            }
        });
        *self.accepting.lock().unwrap() = Some(accepting.abort_handle());
    }

    fn cut(&self) {
        self.accepting.lock().unwrap().take().expect("plugged in").abort();
    }

    async fn mend(&self) {
        let listener = eventually("the port is free again", || async { TcpListener::bind(self.address).await.ok() }).await;
        self.carry(listener);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_survive_the_loss_of_the_server() {
    let prefix = fresh_prefix();
    let direct = connect(&prefix).await;
    let cable = Cable::plug_in(TcpListener::bind("127.0.0.1:0").await.unwrap(), &address()).await;
    let options = ClientOptions { address: cable.address.to_string(), ..client_options(&prefix) };
    let far = TemporalClient::connect(options).await.expect("through the cable");
    let due: Vec<_> = (0..2).map(|_| piece(Kind::ComputeInvoice, "inv")).collect();
    let table = Table::new(&due);
    let workers = serve(&far, table.clone(), patient()).await;
    direct.start_due(&due[..1]).await.unwrap();
    eventually("the first is done", || async { (table.planned().len() == 1).then_some(()) }).await;

    cable.cut();
    assert!(far.check().await.is_err(), "readiness notices");
    direct.start_due(&due[1..]).await.unwrap();
    cable.mend().await;
    eventually("the second is done", || async { table.planned().is_empty().then_some(()) }).await;
    far.check().await.expect("ready again");
    workers.stop().await;
    direct.remove_schedules().await.unwrap();
}
