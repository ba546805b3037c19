//! The columns of a table, as the solver knows them.

use crate::data::values::domain::Domain;
use crate::data::values::source::Source;
use crate::schema::{Column, Table};

/// The columns of a table, in the order of their declaration. All lists have one item for each.
pub(crate) struct SolverInput<'t> {
    pub(crate) table: &'t Table,
    pub(crate) names: Vec<String>,
    /// The index of the column in the list of the table.
    pub(crate) places: Vec<usize>,
    /// The restrictions of the column alone: NOT NULL, a value that the test sets.
    pub(crate) domains: Vec<Domain>,
    /// True if the value comes from a parent or a closure.
    pub(crate) is_external: Vec<bool>,
    /// The source that the column has without any condition.
    pub(crate) default_sources: Vec<Option<Source>>,
    /// Returns the source that any column would have without conditions.
    pub(crate) default_source: &'t dyn Fn(&Column) -> Option<Source>,
    /// True if the column is part of a key.
    pub(crate) is_in_key: Vec<bool>,
    pub(crate) seed: u64,
}

impl SolverInput<'_> {
    /// Returns the declaration of a column.
    pub(super) fn declaration(&self, column: usize) -> &Column {
        &self.table.columns[self.places[column]]
    }
}
