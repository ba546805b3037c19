//! Advice as values.

/// SQL that improves a plan. [`advise`](super::super::advise) and [`Plan::advice`](super::super::Plan::advice) return it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Advice {
    /// A `CREATE INDEX`, or several, one to a line, if only all of them together help.
    pub sql: String,
    /// The indexes that it creates.
    pub indexes: Vec<AdvisedIndex>,
    /// The steps that are gone from the plan with them.
    pub removes: Vec<Removed>,
}

/// An index that does not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AdvisedIndex {
    /// Its name, which nothing in the schema has.
    pub name: String,
    /// Its table.
    pub table: String,
    /// Its columns and expressions in order, as SQL: `status`, `name COLLATE NOCASE`, `lower(email)`, `created_at DESC`.
    pub columns: Vec<String>,
    /// An index that can be dropped, because this one starts with all of its columns.
    pub replaces: Option<String>,
    /// Those of its columns that may hold long values, which the index stores a second time.
    pub long: Vec<String>,
}

/// A step that an index removes from a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Removed {
    /// The scan of this table.
    Scan(String),
    /// A temporary b-tree, by its purpose: `ORDER BY`, `GROUP BY`, `DISTINCT`.
    Sort(String),
    /// The automatic index of this table, built for one run of the statement.
    AutomaticIndex(String),
}
