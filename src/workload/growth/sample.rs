//! What was counted on a database of one size.

use crate::plan::{OpenedTables, Plan, TableRows};

/// The work at one size.
pub(super) struct Sample {
    pub(super) steps: u64,
    pub(super) has_single_step_rows: bool,
    /// The number of rows that the statement returned.
    pub(super) returned: u64,
    /// The queries that the code ran, in the order of their first runs.
    pub(super) queries: Vec<QueryRuns>,
    pub(super) plan: Option<Plan>,
    /// The rows of all tables.
    pub(super) tables: TableRows,
}

/// The runs of one query at one size.
pub(super) struct QueryRuns {
    pub(super) normalized: String,
    pub(super) times: u64,
    pub(super) steps: u64,
    /// The rows that they examined.
    pub(super) examined: u64,
    pub(super) opened: OpenedTables,
}
