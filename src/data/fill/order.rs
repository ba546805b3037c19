//! Which table comes first: parents before children, as far as foreign keys leave a choice.

use crate::schema::{ForeignKey, Schema, Table, TableKind};

/// The places of tables in the schema, in the order in which they are filled.
///
/// In a cycle a key that may be NULL is broken first: what it refers to comes later.
pub(crate) fn order(schema: &Schema, tables: &[usize]) -> Vec<usize> {
    let mut left = tables.to_vec();
    let mut ordered = Vec::new();
    while !left.is_empty() {
        let waits = |table: usize, strictly: bool| {
            schema.tables[table].foreign_keys.iter().any(|key| {
                let parent = parent(schema, key);
                parent.is_some_and(|parent| parent != table && left.contains(&parent))
                    && (!strictly || !is_nullable(&schema.tables[table], key))
            })
        };
        let next = left
            .iter()
            .position(|table| !waits(*table, false))
            .or_else(|| left.iter().position(|table| !waits(*table, true)))
            .unwrap_or(0);
        ordered.push(left.remove(next));
    }
    ordered
}

/// The place of the table that a key refers to, if it is one that rows can be inserted into.
pub(crate) fn parent(schema: &Schema, key: &ForeignKey) -> Option<usize> {
    schema
        .tables
        .iter()
        .position(|table| table.kind == TableKind::Ordinary && table.name.eq_ignore_ascii_case(&key.parent))
}

/// Whether one of its columns may be NULL, so that it need not refer to anything.
pub(crate) fn is_nullable(table: &Table, key: &ForeignKey) -> bool {
    key.columns.iter().any(|name| table.column(name).is_some_and(|column| may_be_null(table, &column.name)))
}

/// Whether a column may be NULL. SQLite lets a PRIMARY KEY be NULL that does not say NOT NULL; nobody means that.
pub(crate) fn may_be_null(table: &Table, name: &str) -> bool {
    let Some(column) = table.column(name) else { return false };
    let in_key = table.primary_key.as_ref().is_some_and(|key| {
        key.terms.iter().any(
            |term| matches!(&term.what, crate::schema::IndexedExpr::Column(other) if other.eq_ignore_ascii_case(name)),
        )
    });
    !column.not_null && !in_key
}
