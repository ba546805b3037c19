//! The tables and the numbers of rows that a test requests.

/// The tables and the numbers of rows that a test requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct FillRequest {
    pub(crate) rows: Vec<(String, u64)>,
    pub(crate) every: Option<u64>,
    pub(crate) each: Vec<RowsForEach>,
    /// True if fewer rows are fine for a table that has no room for more.
    pub(crate) may_be_fewer: bool,
    /// Tables and labels of rows.
    pub(crate) labels: Vec<(String, String)>,
}

/// Rows of a table for each row of a parent.
#[derive(Clone, Debug)]
pub(crate) struct RowsForEach {
    pub(crate) parent: String,
    pub(crate) child: String,
    pub(crate) low: u64,
    pub(crate) high: u64,
}

/// The request for one table.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableRequest {
    pub(crate) rows: u64,
    /// True if fewer rows are an error.
    pub(crate) is_exact: bool,
    /// True if the test gave the number, false if it follows from what the children need.
    pub(crate) is_given: bool,
    pub(crate) labels: Vec<String>,
    pub(crate) per_parent: Option<PerParent>,
}

/// The request for each table of the schema. `None` if it is not filled.
pub(crate) type TableRequests = Vec<Option<TableRequest>>;

/// Rows for each row of a parent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PerParent {
    /// The place of the parent in the schema.
    pub(crate) parent: usize,
    pub(crate) low: u64,
    pub(crate) high: u64,
}
