//! How a process speaks to the workflow server and what it serves.

use std::fmt;
use std::time::Duration;

use super::{EngineError, Queue};

/// Where the server is and who calls. Printing it does not print the key.
#[derive(Clone)]
pub struct ClientOptions {
    /// `host:port`, or an address with `http://` or `https://`.
    pub address: String,
    /// The namespace, which must exist.
    pub namespace: String,
    /// Encrypts the connection; certificates are checked against the system's store.
    pub tls: bool,
    /// Sent as a bearer token with every call; `None` sends nothing.
    pub api_key: Option<String>,
    /// Names this process to operators; empty = process and host.
    pub identity: String,
    /// How long the first connection is tried for.
    pub connect_timeout: Duration,
    /// Put before the names of queues, schedules and workflows, so that several installations can share a namespace. Normally empty.
    pub prefix: String,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:7233".to_owned(),
            namespace: "default".to_owned(),
            tls: false,
            api_key: None,
            identity: String::new(),
            connect_timeout: Duration::from_secs(60),
            prefix: String::new(),
        }
    }
}

impl fmt::Debug for ClientOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientOptions")
            .field("address", &self.address)
            .field("namespace", &self.namespace)
            .field("tls", &self.tls)
            .field("api_key", &self.api_key.as_ref().map(|_| "***"))
            .field("identity", &self.identity)
            .field("connect_timeout", &self.connect_timeout)
            .field("prefix", &self.prefix)
            .finish()
    }
}

/// What a worker process serves, and how much of it at the same time.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// Which queues.
    pub queues: Vec<Queue>,
    /// Activities at the same time, per queue.
    pub activities_max: usize,
    /// Workflow tasks at the same time, per queue; at least 2.
    pub workflow_tasks_max: usize,
    /// Activities per second of this process, per queue; `None` = no limit.
    pub activities_per_second: Option<f64>,
    /// Activities per second of all processes, per queue; `None` = no limit.
    pub queue_activities_per_second: Option<f64>,
    /// How long activities that run may go on after a stop.
    pub stop_timeout: Duration,
    /// The schedules.
    pub schedules: ScheduleOptions,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            queues: Queue::ALL.to_vec(),
            activities_max: 10,
            workflow_tasks_max: 10,
            activities_per_second: None,
            queue_activities_per_second: None,
            stop_timeout: Duration::from_secs(30),
            schedules: ScheduleOptions::default(),
        }
    }
}

impl WorkerOptions {
    /// # Errors
    /// When a limit would stop all work.
    pub(super) fn check(&self) -> Result<(), EngineError> {
        let wrong = |what: &str| Err(EngineError::Options(what.to_owned()));
        if self.queues.is_empty() {
            return wrong("a worker serves at least one queue");
        }
        if self.activities_max == 0 {
            return wrong("activities_max is at least 1");
        }
        if self.workflow_tasks_max < 2 {
            return wrong("workflow_tasks_max is at least 2: one for cached workflows, one for new ones");
        }
        let rates = [self.activities_per_second, self.queue_activities_per_second];
        if rates.into_iter().flatten().any(|rate| !rate.is_finite() || rate <= 0.0) {
            return wrong("activities per second are above 0; leave them out for no limit");
        }
        self.schedules.check()
    }
}

/// How often due work is looked for, and how much of it is started at once.
#[derive(Clone, Debug)]
pub struct ScheduleOptions {
    /// Pause between two looks for due subscriptions and due computations.
    pub subscription_billing_every: Duration,
    /// Pause between two looks for drafts to be finalized.
    pub draft_finalization_every: Duration,
    /// Pause between two rounds of forgetting old answers to idempotency keys.
    pub housekeeping_every: Duration,
    /// Pieces of due work that are read at once, 1 to 1,000.
    pub batch_size: u32,
    /// Most workflows that one run of a schedule starts; 0 = no limit.
    pub max_workflows_per_cron_run: u32,
    /// Days for which answers to idempotency keys are kept.
    pub answers_kept_days: i64,
}

impl Default for ScheduleOptions {
    fn default() -> Self {
        Self {
            subscription_billing_every: Duration::from_secs(120),
            draft_finalization_every: Duration::from_secs(1_800),
            housekeeping_every: Duration::from_secs(3_600),
            batch_size: 100,
            max_workflows_per_cron_run: 500,
            answers_kept_days: 7,
        }
    }
}

impl ScheduleOptions {
    fn check(&self) -> Result<(), EngineError> {
        let pauses = [self.subscription_billing_every, self.draft_finalization_every, self.housekeeping_every];
        if pauses.into_iter().any(|pause| pause < Duration::from_secs(1)) {
            return Err(EngineError::Options("a schedule pauses for at least a second".to_owned()));
        }
        if !(1..=1_000).contains(&self.batch_size) {
            return Err(EngineError::Options("batch_size is 1 to 1000".to_owned()));
        }
        if self.answers_kept_days < 1 {
            return Err(EngineError::Options("answers_kept_days is at least 1".to_owned()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut WorkerOptions)) -> String {
        let mut options = WorkerOptions::default();
        change(&mut options);
        options.check().unwrap_err().to_string()
    }

    #[test]
    fn defaults_are_fine() {
        WorkerOptions::default().check().unwrap();
    }

    #[test]
    fn limits_that_would_stop_all_work_are_refused() {
        assert!(refused(|options| options.queues.clear()).contains("queue"));
        assert!(refused(|options| options.activities_max = 0).contains("activities_max"));
        assert!(refused(|options| options.workflow_tasks_max = 1).contains("workflow_tasks_max"));
        assert!(refused(|options| options.activities_per_second = Some(0.0)).contains("per second"));
        assert!(refused(|options| options.queue_activities_per_second = Some(f64::NAN)).contains("per second"));
        assert!(refused(|options| options.schedules.batch_size = 0).contains("batch_size"));
        assert!(refused(|options| options.schedules.draft_finalization_every = Duration::ZERO).contains("second"));
        assert!(refused(|options| options.schedules.answers_kept_days = 0).contains("answers_kept_days"));
    }

    #[test]
    fn the_key_is_not_printed() {
        let options = ClientOptions { api_key: Some("top secret".to_owned()), ..ClientOptions::default() };
        let printed = format!("{options:?}");
        assert!(printed.contains("***") && !printed.contains("top secret"), "{printed}");
    }
}
