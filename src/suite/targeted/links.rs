//! Partners of rows that a statement joins, looks up or collides with: none, one and two.

use rusqlite::types::Value;

use super::rows::{Partner, RowMaker, RowRequest, is_unique, outside_of_partial_keys};
use crate::schema::Table;
use crate::schema::references::parent_columns;
use crate::sql::{Name, quote_identifier};

/// One side of a comparison of columns, and the request for rows of its source.
pub(super) struct End<'s> {
    pub(super) table: &'s Table,
    pub(super) columns: Vec<Name>,
    pub(super) rows: RowRequest,
}

impl End<'_> {
    /// Returns the columns as SQL, as a row value if there are several.
    pub(super) fn list(&self) -> String {
        self.columns.iter().map(|column| quote_identifier(column)).collect::<Vec<_>>().join(", ")
    }

    /// Returns a query of the values of all rows without NULLs.
    pub(super) fn query(&self) -> String {
        format!("(SELECT {} FROM {} WHERE {})", self.list(), quote_identifier(&self.table.name), self.has_values())
    }

    /// Returns the condition that no column is NULL.
    fn has_values(&self) -> String {
        let all = self.columns.iter().map(|column| format!("{} IS NOT NULL", quote_identifier(column)));
        all.collect::<Vec<_>>().join(" AND ")
    }

    pub(super) fn with(&self, values: &[Value]) -> RowRequest {
        self.columns
            .iter()
            .zip(values)
            .fold(self.rows.clone(), |rows, (column, value)| rows.with(column, value.clone()))
    }
}

/// Makes rows of both sides with and without partners, and `sharing` rows that share one.
pub(super) fn link(one: &End<'_>, other: &End<'_>, sharing: u64, maker: &mut RowMaker<'_>) {
    let shared = partner(one, other, maker).or_else(|| partner(other, one, maker));
    for (end, twin) in [(one, other), (other, one)] {
        if let Some(values) = &shared
            && !is_unique(end.table, &end.columns)
        {
            maker.ensure(end.table, &end.with(values), sharing);
        }
        alone(end, twin, maker);
    }
    // The row that was made alone in the other one may be its partner.
    alone(one, other, maker);
}

/// Makes a row whose partner satisfies its conditions too. Returns the values that they share.
fn partner(one: &End<'_>, other: &End<'_>, maker: &mut RowMaker<'_>) -> Option<Vec<Value>> {
    maker.ensure(one.table, &one.rows, 1);
    let partners = format!(
        "({}) IN (SELECT {} FROM {} WHERE {})",
        one.list(),
        other.list(),
        quote_identifier(&other.table.name),
        other.rows.all_conditions()
    );
    if let Some(values) = maker.values(one.table, &one.rows.and(partners), &one.columns) {
        return Some(values);
    }
    let values = maker.values(one.table, &one.rows, &one.columns)?;
    maker.ensure(other.table, &other.with(&values), 1).then_some(values)
}

/// Makes a row without a partner, and rows with a NULL.
fn alone(end: &End<'_>, twin: &End<'_>, maker: &mut RowMaker<'_>) {
    let is_alone = end.rows.and(end.has_values()).and(format!("({}) NOT IN {}", end.list(), twin.query()));
    let is_there = |maker: &RowMaker<'_>| maker.value(end.table, &is_alone, "1").is_some();
    if !is_there(maker) {
        maker.make(end.table, &end.rows, 1);
    }
    let Some(column) = end.columns.first() else { return };
    let refers = end.table.foreign_keys.iter().any(|key| key.columns.contains(column));
    if !is_there(maker) && !refers {
        let is_text = RowRequest::of(&[format!("typeof({}) = 'text'", quote_identifier(column))]);
        let value = match maker.value(end.table, &is_text, "1") {
            Some(_) => Value::Text(String::from("no such partner")),
            None => Value::Integer(987_654_321),
        };
        maker.make(end.table, &end.rows.with(column, value), 1);
    }
    for column in nullable(end.table, &end.columns) {
        maker.ensure(end.table, &end.rows.and(format!("{} IS NULL", quote_identifier(column))), 1);
    }
}

/// Makes rows that refer to a row which satisfies the conditions and is replaced: its key is there afterwards, but ON DELETE
/// has fired. Children of a key that goes away are in `children`.
pub(super) fn children(table: &Table, rows: &RowRequest, maker: &mut RowMaker<'_>) {
    for child in maker.referring(table) {
        for key in child.foreign_keys.iter().filter(|key| table.name == key.parent) {
            let of: Vec<Name> = parent_columns(key, table).into_iter().map(Name::from).collect();
            let partner = Partner { columns: key.columns.clone(), table: table.name.clone(), of, rows: rows.clone() };
            maker.ensure(&child, &RowRequest { partners: vec![partner], ..RowRequest::default() }, 1);
        }
    }
}

/// Makes `equal` rows that are equal in these columns.
pub(super) fn duplicates(table: &Table, columns: &[Name], rows: &RowRequest, equal: u64, maker: &mut RowMaker<'_>) {
    if columns.is_empty() || is_unique(table, columns) || !maker.ensure(table, rows, 1) {
        return;
    }
    if maker.values(table, rows, columns).is_none() {
        let filled = columns.iter().map(|column| format!("{} IS NOT NULL", quote_identifier(column)));
        maker.ensure(table, &filled.fold(rows.clone(), |rows, condition| rows.and(condition)), 1);
    }
    let Some(values) = maker.values(table, rows, columns) else { return };
    let twins = columns.iter().zip(values).fold(rows.clone(), |rows, (column, value)| rows.with(column, value));
    if let Some(outside) = outside_of_partial_keys(table, columns, &twins) {
        maker.ensure(table, &outside, equal);
    }
    maker.ensure(table, &twins, equal);
}

/// Returns the columns that may be NULL.
pub(super) fn nullable<'c>(table: &Table, columns: &'c [Name]) -> impl Iterator<Item = &'c Name> {
    columns.iter().filter(|column| table.column(column).is_some_and(|it| !it.not_null && it.generated.is_none()))
}
