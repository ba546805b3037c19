//! The order of tables by their foreign keys.

use super::facts::{ForeignKey, Schema, Table, TableKind};
use super::runner_ledgers::is_ledger;

impl Schema {
    /// Orders tables, given by their positions in the schema, so that parents come before children.
    ///
    /// In a cycle a foreign key that may be NULL is ignored first: the table that it refers to comes later.
    pub(crate) fn parents_first(&self, tables: &[usize]) -> Vec<usize> {
        let mut left = tables.to_vec();
        let mut ordered = Vec::new();
        while !left.is_empty() {
            let is_waiting = |table: usize, ignore_nullable: bool| {
                self.tables[table].foreign_keys.iter().any(|key| {
                    let parent = self.parent_of(key);
                    parent.is_some_and(|parent| parent != table && left.contains(&parent))
                        && !(ignore_nullable && key.columns.iter().any(|name| self.tables[table].may_be_null(name)))
                })
            };
            let next = left
                .iter()
                .position(|table| !is_waiting(*table, false))
                .or_else(|| left.iter().position(|table| !is_waiting(*table, true)))
                .unwrap_or(0);
            ordered.push(left.remove(next));
        }
        ordered
    }

    /// Returns the position of the table that a foreign key refers to, if rows can be inserted into it.
    pub(crate) fn parent_of(&self, key: &ForeignKey) -> Option<usize> {
        self.tables.iter().position(|table| table.kind == TableKind::Ordinary && table.name == key.parent)
    }
}

impl Table {
    /// Returns true if a column may be NULL. SQLite allows NULL in a PRIMARY KEY without NOT NULL, but nobody means that.
    pub(crate) fn may_be_null(&self, name: &str) -> bool {
        let Some(column) = self.column(name) else { return false };
        let in_key =
            self.primary_key.as_ref().is_some_and(|key| key.terms.iter().any(|term| term.what.is_column(name)));
        !column.not_null && !in_key
    }

    /// Returns true if a column is the rowid.
    pub(crate) fn is_rowid(&self, name: &str) -> bool {
        let key = self.primary_key.as_ref();
        key.is_some_and(|key| key.is_rowid && key.terms.iter().any(|term| term.what.is_column(name)))
    }

    /// Returns true for ordinary tables except ledgers: an app neither declares nor reads the ledger of a runner.
    pub(crate) fn is_of_app(&self) -> bool {
        self.kind == TableKind::Ordinary && !is_ledger(&self.name)
    }
}
