//! The table of due work on the server (spec 60 §15): for each kind its workflow, the one activity of that, their queue and limits, and the
//! schedule that looks for it. A new row follows docs/recipes/add-a-kind-of-due-work.md.

use std::sync::Arc;
use std::time::Duration;

use app::due_work::{DueWork, Kind};
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use temporalio_sdk::{WorkflowContext, WorkflowRegistrationError, WorkflowResult};

use super::Queue;
use super::activities::{HEARTBEAT_TIMEOUT, PieceActivities};
use super::piece::{Piece, PieceOutcome};
use super::workflows::{Registry, piece_options};

/// Makes of each row a workflow type with its one activity, and the functions over all rows.
macro_rules! kinds {
    ($(
        $(#[$doc:meta])*
        $kind:ident => $workflow:ident {
            activity: $activity:ident = $activity_type:literal,
            $($column:ident: $value:expr),+ $(,)?
        }
    )+) => {
        /// How the server does a kind of due work.
        pub const fn entry(kind: Kind) -> Entry {
            match kind {
                $(Kind::$kind => Entry {
                    workflow_type: stringify!($workflow),
                    activity_type: $activity_type,
                    $($column: $value),+
                },)+
            }
        }

        #[cfg(test)]
        const ROWS: &[Kind] = &[$(Kind::$kind),+];

        /// Registers the workflow of each kind.
        pub(super) fn register_workflows(registry: &mut impl Registry) -> Result<(), WorkflowRegistrationError> {
            $(registry.register::<$workflow>()?;)+
            Ok(())
        }

        #[activities]
        impl PieceActivities {
            $(
                #[activity(name = $activity_type)]
                pub(crate) async fn $activity(self: Arc<Self>, ctx: ActivityContext, piece: Piece) -> Result<PieceOutcome, ActivityError> {
                    self.run(&ctx, piece).await
                }
            )+
        }

        $(
            $(#[$doc])*
            #[workflow]
            #[derive(Default)]
            pub(super) struct $workflow;

            #[workflow_methods]
            impl $workflow {
                #[run]
                pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, piece: Piece) -> WorkflowResult<PieceOutcome> {
                    Ok(ctx.execute_activity(PieceActivities::$activity, piece, piece_options(&entry(Kind::$kind))).await?)
                }
            }
        )+
    };
}

kinds! {
    /// One attempt: what fails is put off, and a schedule finds it again.
    RollOverSubscription => ProcessSubscriptionBillingWorkflow {
        activity: process_subscription_billing = "ProcessSubscriptionBilling",
        queue: Queue::HighPriority,
        scanner: Scanner::SubscriptionBilling,
        timeout: minutes(45),
        heartbeat_timeout: HEARTBEAT_TIMEOUT,
        attempts_max: 1,
    }

    ComputeInvoice => ComputeInvoiceWorkflow {
        activity: compute_invoice = "ComputeInvoice",
        queue: Queue::HighPriority,
        scanner: Scanner::SubscriptionBilling,
        timeout: minutes(10),
        heartbeat_timeout: HEARTBEAT_TIMEOUT,
        attempts_max: 3,
    }

    FinalizeInvoice => FinalizeDraftInvoiceWorkflow {
        activity: finalize_invoice = "FinalizeInvoice",
        queue: Queue::HighPriority,
        scanner: Scanner::DraftFinalization,
        timeout: minutes(10),
        heartbeat_timeout: HEARTBEAT_TIMEOUT,
        attempts_max: 3,
    }

    /// A run over many events: behind what concerns one subscription or one invoice.
    BackfillMeter => BackfillMeterWorkflow {
        activity: backfill_meter = "BackfillMeter",
        queue: Queue::Background,
        scanner: Scanner::SubscriptionBilling,
        timeout: minutes(10),
        heartbeat_timeout: HEARTBEAT_TIMEOUT,
        attempts_max: 3,
    }

    /// Likewise.
    ReprocessRawEvents => ReprocessRawEventsWorkflow {
        activity: reprocess_raw_events = "ReprocessRawEvents",
        queue: Queue::Background,
        scanner: Scanner::SubscriptionBilling,
        timeout: minutes(10),
        heartbeat_timeout: HEARTBEAT_TIMEOUT,
        attempts_max: 3,
    }
}

/// A row of the table. The names are the types' on the server: histories and dashboards know them, and they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The workflow's type.
    pub workflow_type: &'static str,
    /// The activity's type.
    pub activity_type: &'static str,
    /// The queue of both.
    pub queue: Queue,
    /// The schedule that looks for the work.
    pub scanner: Scanner,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// An attempt that is silent for this long is lost with its worker.
    pub heartbeat_timeout: Duration,
    /// Attempts of one workflow. Work that failed the last is put off, and a schedule finds it again.
    pub attempts_max: u32,
}

impl Entry {
    /// The workflow's id: `<type>/<tenant>/<entity>/<due>`. The same piece always has the same; a piece that was put off or planned
    /// anew is due at another instant and has another.
    pub fn workflow_id(&self, due: &DueWork) -> String {
        format!("{}/{}/{}/{}", self.workflow_type, due.scope.tenant_id, due.entity_id, due.due_at)
    }
}

/// A schedule that looks for due work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scanner {
    /// Subscriptions whose period ended, and the drafts that follow from that; runs over events, which look as often.
    SubscriptionBilling,
    /// Drafts past their delay.
    DraftFinalization,
}

impl Scanner {
    /// The kinds of due work that it looks for.
    pub fn kinds(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |kind| entry(*kind).scanner == self)
    }
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use domain::scope::Scope;
    use domain::time::Timestamp;

    use super::*;

    #[test]
    fn every_kind_has_names_of_its_own() {
        let names = |name: fn(Entry) -> &'static str| Kind::ALL.into_iter().map(|kind| name(entry(kind))).collect::<HashSet<_>>().len();
        assert_eq!(names(|entry| entry.workflow_type), ROWS.len());
        assert_eq!(names(|entry| entry.activity_type), ROWS.len());
    }

    /// A kind that `Kind::ALL` left out would be found by no name.
    #[test]
    fn every_row_is_among_all_kinds() {
        assert_eq!(ROWS, Kind::ALL);
    }

    #[test]
    fn an_id_names_type_tenant_entity_and_due_time() {
        let due = DueWork {
            scope: Scope { tenant_id: "tenant_a".into(), environment_id: "env_a".into() },
            id: "compute_invoice/inv_1".into(),
            kind: "compute_invoice".into(),
            entity_id: "inv_1".into(),
            due_at: Timestamp::from_micros(1_738_368_900_000_001),
            attempts: 2,
            last_error: "before".into(),
        };
        assert_eq!(entry(Kind::ComputeInvoice).workflow_id(&due), "ComputeInvoiceWorkflow/tenant_a/inv_1/2025-02-01T00:15:00.000001Z");
    }
}
