//! What kinds of due work there are.

use std::fmt;

use storage::due_work::DueWork;

/// What is to be done with an entity later. Adding one follows docs/recipes/add-a-kind-of-due-work.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Turns the periods of a subscription that ended.
    RollOverSubscription,
    /// Computes the lines of a draft.
    ComputeInvoice,
    /// Makes a computed draft final.
    FinalizeInvoice,
    /// Reads the next past events for a meter.
    BackfillMeter,
    /// Transforms the next raw objects of a collector again.
    ReprocessRawEvents,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::RollOverSubscription, Self::ComputeInvoice, Self::FinalizeInvoice, Self::BackfillMeter, Self::ReprocessRawEvents];

    /// The name in the database and in the histories of workflows, which never changes: planned work is known by it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RollOverSubscription => "roll_over_subscription",
            Self::ComputeInvoice => "compute_invoice",
            Self::FinalizeInvoice => "finalize_invoice",
            Self::BackfillMeter => "backfill_meter",
            Self::ReprocessRawEvents => "reprocess_raw_events",
        }
    }

    /// The kind of this name; `None` for one that only a newer release knows.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The kind of planned work; `None` for one that only a newer release knows.
    pub fn of(due: &DueWork) -> Option<Self> {
        Self::named(&due.kind)
    }

    /// The id of this work with an entity: `<kind>/<entity>`, so that an entity has each kind planned once.
    pub fn work_id(self, entity_id: &str) -> String {
        format!("{self}/{entity_id}")
    }

    /// Whether it reads usage that it fixes for ever, and so waits until all events that were accepted before are counted.
    pub(super) const fn waits_for_events(self) -> bool {
        match self {
            Self::ComputeInvoice => true,
            Self::RollOverSubscription | Self::FinalizeInvoice | Self::BackfillMeter | Self::ReprocessRawEvents => false,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows and histories of earlier releases carry them.
    #[test]
    fn names_are_as_they_always_were() {
        let names = Kind::ALL.map(Kind::name);
        let recorded = ["roll_over_subscription", "compute_invoice", "finalize_invoice", "backfill_meter", "reprocess_raw_events"];
        assert_eq!(names, recorded);
        assert_eq!(names.map(Kind::named), Kind::ALL.map(Some));
        assert_eq!(Kind::named("from_the_future"), None);
    }

    #[test]
    fn an_id_names_kind_and_entity() {
        assert_eq!(Kind::ComputeInvoice.work_id("inv_1"), "compute_invoice/inv_1");
    }
}
