//! What travels through workflow histories: small, versioned by adding optional fields only, because old histories are read for weeks.

use app::due_work::{DuePosition, DueWork};
use domain::scope::Scope;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use temporalio_common::{HasWorkflowDefinition, WorkflowDefinition};

/// A piece of due work as a workflow carries it. What changes between tries (attempts, last error) stays in the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The tenant.
    pub tenant_id: String,
    /// Its environment.
    pub environment_id: String,
    /// The row's id.
    pub id: String,
    /// What is to do.
    pub kind: String,
    /// With what.
    pub entity_id: String,
    /// Due since, microseconds since 1970.
    pub due_at_micros: i64,
}

impl From<&DueWork> for Piece {
    fn from(due: &DueWork) -> Self {
        Self {
            tenant_id: due.scope.tenant_id.to_string(),
            environment_id: due.scope.environment_id.to_string(),
            id: due.id.clone(),
            kind: due.kind.clone(),
            entity_id: due.entity_id.clone(),
            due_at_micros: due.due_at.micros(),
        }
    }
}

impl From<Piece> for DueWork {
    fn from(piece: Piece) -> Self {
        Self {
            scope: Scope { tenant_id: piece.tenant_id.into(), environment_id: piece.environment_id.into() },
            id: piece.id,
            kind: piece.kind,
            entity_id: piece.entity_id,
            due_at: Timestamp::from_micros(piece.due_at_micros),
            attempts: 0,
            last_error: String::new(),
        }
    }
}

/// The workflow of a piece, by the name of its type: for those who start it.
pub(super) struct PieceWorkflow {
    pub(super) type_name: &'static str,
}

impl WorkflowDefinition for PieceWorkflow {
    type Input = Piece;
    type Output = PieceOutcome;

    fn name(&self) -> &str {
        self.type_name
    }
}

impl HasWorkflowDefinition for PieceWorkflow {
    type Run = Self;
}

/// What became of a piece that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PieceOutcome {
    /// It was done.
    Done,
    /// It needed no doing any more.
    Gone,
}

/// A schedule's run through the table of due work, page by page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
    /// Rows of a page.
    pub batch_size: u32,
    /// Most workflows to start; 0 = no limit.
    pub workflows_max: u32,
    /// Workflows started by earlier runs of this scan.
    #[serde(default)]
    pub started: u32,
    /// Where this run begins; `None` = at the earliest.
    #[serde(default)]
    pub from: Option<ScanPosition>,
}

/// A place in the table of due work, and the instant up to which it is read: later work is left to the next scan, so every scan ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanPosition {
    /// Work that is due by then.
    pub until_micros: i64,
    /// The last piece that was read.
    pub after: Piece,
}

impl ScanPosition {
    /// Before everything that is due by then.
    pub(super) fn start(until: Timestamp) -> Self {
        let (tenant_id, environment_id) = (String::new(), String::new());
        let (id, kind, entity_id) = (String::new(), String::new(), String::new());
        let after = Piece { tenant_id, environment_id, id, kind, entity_id, due_at_micros: Timestamp::MIN.micros() };
        Self { until_micros: until.micros(), after }
    }

    pub(super) fn due_position(&self) -> DuePosition {
        DuePosition::from(&DueWork::from(self.after.clone()))
    }
}

/// Asks for one page of due work to be started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRequest {
    /// Kinds of work.
    pub kinds: Vec<String>,
    /// Most rows.
    pub limit: u32,
    /// Where to begin; `None` = at the earliest.
    #[serde(default)]
    pub from: Option<ScanPosition>,
}

/// What became of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageStarted {
    /// Workflows that were started.
    pub started: u32,
    /// Pieces whose workflow runs or has run.
    pub known: u32,
    /// Where the next page begins; `None` when this was the last.
    #[serde(default)]
    pub next: Option<ScanPosition>,
}

/// What a whole scan started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scanned {
    /// Workflows that were started.
    pub started: u32,
}
