//! The input of the lints, and helpers for several of them.

use crate::schema::schema_copy::SchemaCopy;
use crate::schema::{Column, Schema, Table, TableKind, is_ledger};
use crate::sql::same_name;

/// The schema of a database, and an empty copy of it.
pub(super) struct LintInput {
    pub(super) schema: Schema,
    pub(super) copy: SchemaCopy,
}

impl LintInput {
    /// Iterates over the tables that are linted.
    pub(super) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.schema.tables.iter().filter(|table| is_linted(table))
    }
}

/// Returns true for ordinary tables but ledgers: an app neither declares nor reads the ledger of a runner.
pub(super) fn is_linted(table: &Table) -> bool {
    table.kind == TableKind::Ordinary && !is_ledger(&table.name)
}

/// Returns `table.column`, and `table.one,two` for several columns.
pub(super) fn object<'a>(table: &Table, columns: impl IntoIterator<Item = &'a str>) -> String {
    format!("{}.{}", table.name, columns.into_iter().collect::<Vec<_>>().join(","))
}

/// Returns true if a column can hold NULL. The rowid turns NULL into a number.
pub(super) fn is_nullable(table: &Table, column: &Column) -> bool {
    let is_rowid = table
        .primary_key
        .as_ref()
        .is_some_and(|key| key.is_rowid && key.terms.iter().any(|term| term.what.is_column(&column.name)));
    !column.not_null && !is_rowid && column.generated.is_none()
}

/// Returns true if both lists have the same names in the same order.
pub(super) fn same_names(one: &[&str], two: &[&str]) -> bool {
    one.len() == two.len() && one.iter().zip(two).all(|(one, two)| same_name(one, two))
}
