//! A worker process is killed in the middle of an activity, or of a scan. Another takes over: nothing is lost, nothing is done twice.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use app::due_work::{Again, DuePosition, DueWork, Kind, Outcome};
use app::{App, Error};
use async_trait::async_trait;
use domain::time::Timestamp;
use tempfile::TempDir;
use temporalio_client::WorkflowExecutionStatus;
use tokio::process::Command;
use workflows::temporal::{Started, Work};

use crate::identity::status;
use crate::support::{Billing, connect, eager, eventually, fresh_prefix, patient, serve};

/// When the child shows that it may be killed, and hangs.
const BEFORE: &str = "before";
const AFTER: &str = "after";
/// While it looks for due work.
pub(crate) const SCAN: &str = "scan";

const DIR: &str = "TAKEOVER_TEST_DIR";
const PREFIX: &str = "TAKEOVER_TEST_PREFIX";
const POINT: &str = "TAKEOVER_TEST_POINT";

/// The period has ended a second ago.
pub(crate) const NOW: &str = "2025-02-01T00:00:01Z";

fn marker(dir: &Path) -> PathBuf {
    dir.join("in-the-activity")
}

/// The real use cases, but a piece never ends: it hangs before or after the use case; or the look for it never does.
struct Hanging {
    app: App,
    dir: PathBuf,
    point: String,
}

impl Hanging {
    async fn hang<T>(&self, at: &str) -> T {
        std::fs::write(marker(&self.dir), at).expect("a marker");
        std::future::pending().await
    }
}

#[async_trait]
impl Work for Hanging {
    fn now(&self) -> Timestamp {
        Work::now(&self.app)
    }

    async fn due_page(&self, kinds: &[Kind], until: Timestamp, after: Option<&DuePosition>, limit: i64) -> Result<Vec<DueWork>, Error> {
        if self.point == SCAN && kinds.contains(&Kind::RollOverSubscription) {
            self.hang::<()>("the scan").await;
        }
        self.app.due_page(kinds, until, after, limit).await
    }

    async fn run(&self, found: &DueWork) -> Result<Outcome, Error> {
        if self.point == AFTER {
            assert_eq!(self.app.run_planned(found).await?, Outcome::Done);
        }
        self.hang(&found.id).await
    }

    async fn failed(&self, found: &DueWork, error: &Error, again: Again) -> Result<(), Error> {
        self.app.due_work_failed(found, error, again).await
    }

    async fn forget_answers(&self, days: i64) -> Result<u64, Error> {
        self.app.forget_answers(days).await
    }
}

/// The process that is killed: this test, run by the others with the environment set.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the process that other tests start and kill"]
async fn worker_process() {
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is set by the test that starts this"));
    let dir = PathBuf::from(variable(DIR));
    let billing = Billing::open(&dir, NOW).await;
    let client = connect(&variable(PREFIX)).await;
    let hanging = Hanging { app: billing.app.clone(), dir, point: variable(POINT) };
    let _workers = serve(&client, Arc::new(hanging), eager()).await;
    std::future::pending::<()>().await;
}

/// Starts a worker process on a subscription whose period has ended, kills it in its activity, and returns what it left behind.
pub(crate) async fn killed_in_an_activity(dir: &Path, prefix: &str, point: &str) -> (Billing, String, DueWork) {
    let billing = Billing::open(dir, "2025-01-01T00:00:00Z").await;
    let subscription = billing.subscription().await;
    let mut due = billing.due(&[Kind::RollOverSubscription], NOW).await;
    let due = due.pop().expect("the turn of the period");
    billing.app.close().await;
    drop(billing);

    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "takeover::worker_process", "--ignored"])
        .envs([(DIR, dir.as_os_str()), (PREFIX, prefix.as_ref()), (POINT, point.as_ref())])
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("a worker process");
    eventually("the worker process is in its activity", || {
        assert!(child.try_wait().expect("a process").is_none(), "the worker process ended by itself");
        let there = marker(dir).exists().then_some(());
        async move { there }
    })
    .await;
    // SIGKILL.
    child.kill().await.expect("killed");
    (Billing::open(dir, NOW).await, subscription, due)
}

#[tokio::test(flavor = "multi_thread")]
async fn work_of_a_killed_worker_is_done_by_another() {
    let (dir, prefix) = (TempDir::new().unwrap(), fresh_prefix());
    let (billing, subscription, due) = killed_in_an_activity(dir.path(), &prefix, BEFORE).await;
    assert_eq!(billing.invoices(&subscription).await, [""; 0], "it was killed before it did anything");
    let client = connect(&prefix).await;
    let workers = serve(&client, Arc::new(billing.app.clone()), eager()).await;
    let id = client.workflow_id(Kind::RollOverSubscription, &due);
    eventually("another has done it", || async { (status(&client, &id).await == WorkflowExecutionStatus::Completed).then_some(()) }).await;
    assert_eq!(billing.invoices(&subscription).await.len(), 1);
    assert_eq!(billing.due(&[Kind::RollOverSubscription], NOW).await, []);
    workers.stop().await;
    client.remove_schedules().await.unwrap();
    billing.app.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_was_done_and_not_reported_is_not_done_twice() {
    let (dir, prefix) = (TempDir::new().unwrap(), fresh_prefix());
    let (billing, subscription, due) = killed_in_an_activity(dir.path(), &prefix, AFTER).await;
    let invoices = billing.invoices(&subscription).await;
    assert_eq!(invoices.len(), 1, "it was killed after its unit of work had committed");
    let client = connect(&prefix).await;
    let workers = serve(&client, Arc::new(billing.app.clone()), patient()).await;
    let id = client.workflow_id(Kind::RollOverSubscription, &due);
    eventually("the server has noticed", || async { (status(&client, &id).await == WorkflowExecutionStatus::Failed).then_some(()) }).await;
    // Whoever still has the piece in hand may start it again.
    assert_eq!(client.start_due(std::slice::from_ref(&due)).await.unwrap(), Started { started: 1, known: 0 });
    eventually("the repetition ends", || async { (status(&client, &id).await == WorkflowExecutionStatus::Completed).then_some(()) }).await;
    assert_eq!(billing.invoices(&subscription).await, invoices);
    workers.stop().await;
    client.remove_schedules().await.unwrap();
    billing.app.close().await;
}
