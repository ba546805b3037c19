//! Keys that are declared after a rebuild as before, and do something else.

use super::lost_constraints::LostConstraint;
use crate::check::Level;
use crate::schema::references::column_names;
use crate::schema::{Affinity, Column, IndexedColumn, Table};
use crate::sql::plain_name;

/// Finds what the primary key of a table does not do any more after its rebuild.
pub(crate) fn lost_keys(before: &Table, after: &Table) -> Option<LostConstraint> {
    let (key, is) = (before.primary_key.as_ref()?, after.primary_key.as_ref()?);
    let names = |terms: &[IndexedColumn]| -> Vec<String> {
        column_names(terms).iter().map(|column| column.to_ascii_lowercase()).collect()
    };
    if names(&key.terms) != names(&is.terms) {
        return None;
    }
    let columns = column_names(&key.terms);
    match key.is_rowid {
        true if !is.is_rowid => lost_rowid(before, after, columns.first()?),
        false if before.without_rowid && !after.without_rowid && !is.is_rowid => accepts_null(before, after, &columns),
        _ => None,
    }
}

/// Finds an `INTEGER PRIMARY KEY` that is not the rowid any more: only this type makes it one. Another kind of key, a text, is
/// made by the app.
fn lost_rowid(before: &Table, after: &Table, name: &str) -> Option<LostConstraint> {
    let is_number = |column: &Column| match column.affinity {
        Affinity::Integer | Affinity::Numeric | Affinity::Real => true,
        _ => column.declared_type.is_empty(),
    };
    let column = after.column(name).filter(|column| is_number(column) && column.default.is_none())?;
    let (level, cost) = match (after.without_rowid, column.not_null) {
        (true, _) => (Level::Review, "an INSERT without one fails from now on"),
        (false, true) => (Level::Error, "an INSERT without one fails from now on"),
        (false, false) => (Level::Error, "an INSERT without one stores NULL from now on, in as many rows as there are"),
    };
    Some(LostConstraint {
        code: "rebuild-loses-objects",
        level,
        object: format!("{}.{}", before.name, column.name),
        what: format!("loses the INTEGER PRIMARY KEY {}", plain_name(&column.name)),
        cost: format!("SQLite hands out numbers only to an INTEGER PRIMARY KEY that is the rowid: {cost}"),
    })
}

/// Finds a key that may be NULL now. Without WITHOUT ROWID and STRICT, SQLite does not take PRIMARY KEY for NOT NULL.
fn accepts_null(before: &Table, after: &Table, columns: &[&str]) -> Option<LostConstraint> {
    let mut nullable = columns.iter().filter_map(|name| after.column(name)).filter(|column| !column.not_null);
    let column = plain_name(&nullable.next()?.name);
    Some(LostConstraint {
        code: "rebuild-loses-objects",
        level: Level::Error,
        object: before.name.to_string(),
        what: String::from("loses WITHOUT ROWID"),
        cost: format!("the key {column} may be NULL from now on, in several rows: it is not declared NOT NULL"),
    })
}
