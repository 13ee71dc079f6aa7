//! Which workflow does a kind of due work, under which id, on which queue; and which schedule looks for it (spec 60 §15).

use app::due_work::DueWork;

use super::Queue;

/// What does a piece of due work. The names are the types' on the server: histories and dashboards know them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PieceWorkflow {
    /// Turns the periods of a subscription.
    ProcessSubscriptionBilling,
    /// Computes the lines of a draft.
    ComputeInvoice,
    /// Makes a computed draft final.
    FinalizeDraftInvoice,
    /// Reads the next past events for a meter.
    BackfillMeter,
    /// Transforms the next raw objects of a collector again.
    ReprocessRawEvents,
}

impl PieceWorkflow {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::ProcessSubscriptionBilling, Self::ComputeInvoice, Self::FinalizeDraftInvoice, Self::BackfillMeter, Self::ReprocessRawEvents];

    /// The workflow of a kind of due work; `None` for a kind that this build does not know.
    pub fn of_kind(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|workflow| workflow.kind() == kind)
    }

    /// The kind of due work that it does.
    pub fn kind(self) -> &'static str {
        match self {
            Self::ProcessSubscriptionBilling => "roll_over_subscription",
            Self::ComputeInvoice => "compute_invoice",
            Self::FinalizeDraftInvoice => "finalize_invoice",
            Self::BackfillMeter => "backfill_meter",
            Self::ReprocessRawEvents => "reprocess_raw_events",
        }
    }

    /// The type's name on the server.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::ProcessSubscriptionBilling => "ProcessSubscriptionBillingWorkflow",
            Self::ComputeInvoice => "ComputeInvoiceWorkflow",
            Self::FinalizeDraftInvoice => "FinalizeDraftInvoiceWorkflow",
            Self::BackfillMeter => "BackfillMeterWorkflow",
            Self::ReprocessRawEvents => "ReprocessRawEventsWorkflow",
        }
    }

    /// The queue that it runs on: what concerns one subscription or one invoice goes before runs over many events.
    pub fn queue(self) -> Queue {
        match self {
            Self::ProcessSubscriptionBilling | Self::ComputeInvoice | Self::FinalizeDraftInvoice => Queue::HighPriority,
            Self::BackfillMeter | Self::ReprocessRawEvents => Queue::Background,
        }
    }

    /// The workflow's id: `<type>/<tenant>/<entity>/<due>`. The same piece always has the same; a piece that was put off or planned
    /// anew is due at another instant and has another.
    pub fn id(self, due: &DueWork) -> String {
        format!("{}/{}/{}/{}", self.type_name(), due.scope.tenant_id, due.entity_id, due.due_at)
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
    /// All of them.
    pub const ALL: [Self; 2] = [Self::SubscriptionBilling, Self::DraftFinalization];

    /// The workflows that it starts.
    pub fn workflows(self) -> &'static [PieceWorkflow] {
        match self {
            Self::SubscriptionBilling => &[
                PieceWorkflow::ProcessSubscriptionBilling,
                PieceWorkflow::ComputeInvoice,
                PieceWorkflow::BackfillMeter,
                PieceWorkflow::ReprocessRawEvents,
            ],
            Self::DraftFinalization => &[PieceWorkflow::FinalizeDraftInvoice],
        }
    }

    /// The kinds of due work that it looks for.
    pub fn kinds(self) -> Vec<String> {
        self.workflows().iter().map(|workflow| workflow.kind().to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use app::due_work::KINDS;
    use domain::scope::Scope;
    use domain::time::Timestamp;

    use super::*;

    #[test]
    fn every_kind_of_due_work_has_a_workflow_and_one_schedule_that_looks_for_it() {
        for kind in KINDS {
            let workflow = PieceWorkflow::of_kind(kind).unwrap_or_else(|| panic!("no workflow does {kind}"));
            let scanners = Scanner::ALL.iter().filter(|scanner| scanner.workflows().contains(&workflow)).count();
            assert_eq!(scanners, 1, "schedules that look for {kind}");
        }
        assert_eq!(KINDS.len(), PieceWorkflow::ALL.len());
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
        assert_eq!(PieceWorkflow::ComputeInvoice.id(&due), "ComputeInvoiceWorkflow/tenant_a/inv_1/2025-02-01T00:15:00.000001Z");
    }
}
