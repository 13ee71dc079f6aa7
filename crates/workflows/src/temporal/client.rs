//! The connection to the workflow server: connecting with patience, health, and starting the workflows of due work.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use app::due_work::{DueWork, Kind};
use futures::{FutureExt as _, StreamExt as _};
use temporalio_client::errors::WorkflowStartError;
use temporalio_client::grpc::WorkflowService;
use temporalio_client::tonic::IntoRequest as _;
use temporalio_client::{
    Client, Connection, ConnectionOptions, NamespacedClient as _, Priority, TlsOptions, Url, WorkflowIdConflictPolicy,
    WorkflowIdReusePolicy, WorkflowStartOptions,
};
use temporalio_common::protos::temporal::api::workflowservice::v1::DescribeNamespaceRequest;
use tokio::time::{Instant, sleep, timeout};

use super::piece::{Piece, PieceWorkflow};
use super::table::entry;
use super::{ClientOptions, EngineError, Queue};

/// One attempt to connect takes no longer.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// Pauses between attempts to connect double up to this.
const ATTEMPT_PAUSE_MAX: Duration = Duration::from_secs(5);
/// A health check takes no longer.
const CHECK_TIMEOUT: Duration = Duration::from_secs(3);
/// Workflows that one call starts at the same time.
const STARTS_AT_ONCE: usize = 32;
/// The server's limit for fairness keys, bytes.
const FAIRNESS_KEY_BYTES_MAX: usize = 64;

/// Who asks for work to be done: what somebody waits for overtakes what a schedule found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    Interactive,
    Scheduled,
}

/// How many workflows were started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Started {
    /// Started now.
    pub started: u32,
    /// Not started again: the workflow of that piece runs or has run.
    pub known: u32,
}

/// A client of the workflow server. Clones share the connection, which mends itself.
#[derive(Clone)]
pub struct TemporalClient {
    client: Client,
    options: Arc<ClientOptions>,
}

impl TemporalClient {
    /// Connects, trying again while the server is not up, for as long as the options say.
    ///
    /// # Errors
    /// [`EngineError::Options`] for an address that is none, [`EngineError::Unreachable`] when time is up.
    pub async fn connect(options: ClientOptions) -> Result<Self, EngineError> {
        let connecting = connection_options(&options)?;
        let give_up_at = Instant::now() + options.connect_timeout;
        let mut pause = Duration::from_millis(250);
        let mut attempts = 0;
        let connection = loop {
            attempts += 1;
            let cause = match timeout(ATTEMPT_TIMEOUT, Connection::connect(connecting.clone())).await {
                Ok(Ok(connection)) => break connection,
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no answer in {} s", ATTEMPT_TIMEOUT.as_secs()),
            };
            if Instant::now() + pause >= give_up_at {
                return Err(EngineError::Unreachable { address: options.address, attempts, cause });
            }
            tracing::warn!(address = options.address, attempts, %cause, "temporal does not answer yet: trying again");
            sleep(pause).await;
            pause = (pause * 2).min(ATTEMPT_PAUSE_MAX);
        };
        let of_client = temporalio_client::ClientOptions::new(options.namespace.clone()).build();
        let client = Client::new(connection, of_client).map_err(|error| EngineError::Options(error.to_string()))?;
        let connected = Self { client, options: Arc::new(options) };
        tracing::info!(address = connected.options.address, namespace = connected.options.namespace, "connected to temporal");
        Ok(connected)
    }

    /// Proves that the server answers and knows the namespace: for readiness.
    ///
    /// # Errors
    /// When it does not within three seconds.
    pub async fn check(&self) -> Result<(), EngineError> {
        let what = || format!("describe the namespace {}", self.options.namespace);
        let request = DescribeNamespaceRequest { namespace: self.client.namespace(), ..DescribeNamespaceRequest::default() };
        let mut client = self.client.clone();
        match timeout(CHECK_TIMEOUT, WorkflowService::describe_namespace(&mut client, request.into_request())).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(status)) => Err(EngineError::refused(what(), status.message())),
            Err(_) => Err(EngineError::refused(what(), format!("no answer in {} s", CHECK_TIMEOUT.as_secs()))),
        }
    }

    /// Starts the workflows of work that is due now, so that it need not wait for a schedule. A piece whose workflow runs or has run is
    /// not started again. What is not started, a schedule finds later.
    ///
    /// # Errors
    /// When the server does not take a start; pieces before and after it may have been started.
    pub async fn start_due(&self, due: &[DueWork]) -> Result<Started, EngineError> {
        self.start_all(due, Urgency::Interactive).await
    }

    pub(super) async fn start_all(&self, due: &[DueWork], urgency: Urgency) -> Result<Started, EngineError> {
        let starts: Vec<_> = due.iter().map(|due| self.start(due, urgency).boxed()).collect();
        let mut outcomes = futures::stream::iter(starts).buffer_unordered(STARTS_AT_ONCE);
        let mut total = Started::default();
        let mut failure = None;
        while let Some(outcome) = outcomes.next().await {
            match outcome {
                Ok(true) => total.started += 1,
                Ok(false) => total.known += 1,
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(total), Err)
    }

    /// Starts the workflow of one piece; `false` when it runs or has run.
    async fn start(&self, due: &DueWork, urgency: Urgency) -> Result<bool, EngineError> {
        let Some(kind) = Kind::of(due) else {
            // A newer release plans kinds that this one does not know. It will do them.
            tracing::error!(kind = due.kind, id = due.id, "no workflow does this kind of due work");
            return Ok(false);
        };
        let entry = entry(kind);
        let workflow = PieceWorkflow { type_name: entry.workflow_type };
        match self.client.start_workflow(workflow, Piece::from(due), self.start_options(kind, due, urgency)).await {
            Ok(_) => {
                let labels = [("workflow_type", entry.workflow_type), ("task_queue", entry.queue.name())];
                metrics::counter!("flexprice_workflows_started_total", &labels).increment(1);
                Ok(true)
            }
            Err(WorkflowStartError::AlreadyStarted { .. }) => Ok(false),
            Err(error) => Err(EngineError::refused(format!("start the workflow of {}", due.id), error)),
        }
    }

    fn start_options(&self, kind: Kind, due: &DueWork, urgency: Urgency) -> WorkflowStartOptions {
        let mut priority = Priority::default();
        // 1 is first, 5 is last. Tenants share what the workers can do, however much is due in one of them.
        priority.priority_key = Some(match urgency {
            Urgency::Interactive => 1,
            Urgency::Scheduled => 4,
        });
        let tenant = due.scope.tenant_id.to_string();
        priority.fairness_key = (tenant.len() <= FAIRNESS_KEY_BYTES_MAX).then_some(tenant);
        WorkflowStartOptions::new(self.queue_name(entry(kind).queue), self.workflow_id(kind, due))
            // One that failed may be started again, one that runs or is done never.
            .id_reuse_policy(WorkflowIdReusePolicy::AllowDuplicateFailedOnly)
            .id_conflict_policy(WorkflowIdConflictPolicy::Fail)
            .priority(priority)
            .static_summary(due.id.clone())
            .build()
    }

    /// The id of a piece's workflow on the server.
    pub fn workflow_id(&self, kind: Kind, due: &DueWork) -> String {
        format!("{}{}", self.options.prefix, entry(kind).workflow_id(due))
    }

    /// A queue's name on the server.
    pub fn queue_name(&self, queue: Queue) -> String {
        format!("{}{queue}", self.options.prefix)
    }

    /// A schedule's id on the server.
    pub fn schedule_id(&self, id: &str) -> String {
        format!("{}{id}", self.options.prefix)
    }

    /// The server's own client, for what is not wrapped here.
    pub fn raw(&self) -> &Client {
        &self.client
    }
}

fn connection_options(options: &ClientOptions) -> Result<ConnectionOptions, EngineError> {
    let address = options.address.trim();
    let with_scheme = match (address.contains("://"), options.tls) {
        (true, _) => address.to_owned(),
        (false, true) => format!("https://{address}"),
        (false, false) => format!("http://{address}"),
    };
    let wrong = |cause: String| EngineError::Options(format!("`{address}` is no address of temporal: {cause}"));
    let target: Url = with_scheme.parse().map_err(|error| wrong(format!("{error}")))?;
    if target.host_str().is_none_or(str::is_empty) {
        return Err(wrong("it names no host".to_owned()));
    }
    let encrypted = options.tls || target.scheme() == "https";
    let headers = options.api_key.as_ref().map(|key| {
        // As a header, because the client library's own option would force encryption.
        let bearer = ("authorization".to_owned(), format!("Bearer {key}"));
        HashMap::from([bearer, ("temporal-namespace".to_owned(), options.namespace.clone())])
    });
    if headers.is_some() && !encrypted {
        tracing::warn!(address, "the key for temporal is sent over a connection that is not encrypted");
    }
    Ok(ConnectionOptions::new(target)
        .identity(options.identity.clone())
        .maybe_tls_options(encrypted.then(TlsOptions::default))
        .maybe_headers(headers)
        .connect_timeout(ATTEMPT_TIMEOUT)
        .build())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(address: &str, tls: bool) -> String {
        let options = ClientOptions { address: address.to_owned(), tls, ..ClientOptions::default() };
        connection_options(&options).unwrap().target.to_string()
    }

    #[test]
    fn an_address_takes_its_scheme_from_the_encryption() {
        assert_eq!(target("temporal:7233", false), "http://temporal:7233/");
        assert_eq!(target("temporal:7233", true), "https://temporal:7233/");
        assert_eq!(target("https://cloud.example:443", false), "https://cloud.example/");
    }

    #[test]
    fn a_key_goes_with_every_call_and_forces_no_encryption() {
        let options = ClientOptions { api_key: Some("secret".to_owned()), ..ClientOptions::default() };
        let connecting = connection_options(&options).unwrap();
        let headers = connecting.headers.unwrap();
        assert_eq!(headers["authorization"], "Bearer secret");
        assert_eq!(headers["temporal-namespace"], "default");
        assert!(connecting.tls_options.is_none());
    }

    #[test]
    fn no_address_is_refused() {
        for address in ["", "http://", "a b:7233"] {
            let options = ClientOptions { address: address.to_owned(), ..ClientOptions::default() };
            assert!(matches!(connection_options(&options), Err(EngineError::Options(_))), "{address:?}");
        }
    }
}
