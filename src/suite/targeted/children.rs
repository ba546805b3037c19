//! Children of the rows that a migration takes away: whether they go too, keep it from running or stay as orphans shows only
//! where there are some.

use rusqlite::Connection;

use crate::db::Scratch;
use crate::error::Result;
use crate::order::SortedSet;
use crate::schema::references::Pair;
use crate::schema::{ForeignKey, Schema, Table};
use crate::sql::{Name, quote_identifier};
use crate::suite::rows::{literal, row_at};
use crate::suite::statements::Renames;
use crate::suite::versions::{UpgradeStep, VersionState, VersionedDatabases};

/// The number of rows of a child that are tried as the one that gets another parent.
const TRIED: usize = 4;

/// Returns a database from before a migration in which rows refer to a row whose key the migration takes away, for each
/// foreign key of which no row does. None if there is no such key.
pub(crate) fn children_of_the_gone(
    databases: &VersionedDatabases,
    step: &UpgradeStep,
    (count, source): (usize, &VersionState),
) -> Result<Option<Scratch>> {
    let Some(after) = &step.after else { return Ok(None) };
    let schema: &Schema = &source.schema;
    let keys = schema.tables.iter().flat_map(|child| child.foreign_keys.iter().map(move |key| (child, key)));
    let (rows, rows_after) = (databases.rows(source)?, databases.rows(after)?);
    let is_kept = |parent: &Table| match (rows.table(&parent.name), rows_after.table(&parent.name)) {
        (Some(rows), rows_after) => rows.rows.is_empty() || rows_after.is_some_and(|after| std::ptr::eq(rows, after)),
        _ => false,
    };
    let parent = |key: &ForeignKey| schema.table(&key.parent).filter(|parent| !is_kept(parent));
    let pairs: Vec<Pair<'_>> = keys.filter_map(|(child, key)| Pair::of(child, key, parent(key)?)).collect();
    if pairs.is_empty() {
        return Ok(None);
    }
    let renames = Renames::of_schema(schema, &databases.effects_between(count, step.index + 1));
    let (database, migrated) = (databases.open(&source.image)?, databases.open(&after.image)?);
    let mut is_changed = false;
    for pair in pairs.iter().filter(|pair| databases.plan.is_filled(pair.child)) {
        is_changed |= refer_to_the_gone(&database, &migrated, pair, &renames) == Some(true);
    }
    databases.plan.break_cycles(&database, schema);
    Ok(is_changed.then_some(database))
}

/// Lets a row of the child refer to a key that is gone. None if no key is, or if a row does already.
fn refer_to_the_gone(database: &Connection, migrated: &Connection, pair: &Pair<'_>, renames: &Renames) -> Option<bool> {
    let parent = &pair.parent.name;
    let columns: Vec<&Name> = pair.columns.iter().map(|(_, parent)| &parent.name).collect();
    let later: Vec<&Name> = columns.iter().map(|column| renames.column_after(parent, column)).collect();
    let kept = keys(migrated, renames.successor(parent)?.name, &later)?;
    let gone: Vec<String> = keys(database, parent, &columns)?.into_iter().filter(|key| !kept.contains(key)).collect();
    let own: Vec<String> = pair.columns.iter().map(|(child, _)| quote_identifier(&child.name)).collect();
    let (child, own) = (quote_identifier(&pair.child.name), own.join(", "));
    let is_referred = |key: &String| {
        let sql = format!("SELECT 1 FROM {child} WHERE ({own}) = ({key})");
        database.prepare(&sql).and_then(|mut query| query.exists([])).unwrap_or(true)
    };
    if gone.iter().any(is_referred) {
        return None;
    }
    let key = gone.first()?;
    Some((0..TRIED).any(|place| is_given(database, pair.child, place, &format!("({own}) = ({key})"))))
}

fn is_given(database: &Connection, child: &Table, place: usize, value: &str) -> bool {
    let Some(row) = row_at(database, child, place) else { return false };
    database.execute(&format!("UPDATE {} SET {value} WHERE {row}", quote_identifier(&child.name)), []).is_ok()
}

/// Returns the keys of a table as lists of literals, without those that have a NULL. None if a column is gone.
fn keys(connection: &Connection, table: &str, columns: &[&Name]) -> Option<SortedSet<String>> {
    let table = quote_identifier(table);
    // In quotes alone, the name of a missing column would be a text.
    let columns: Vec<String> = columns.iter().map(|column| format!("{table}.{}", quote_identifier(column))).collect();
    let literals: Vec<String> = columns.iter().map(|column| literal(column)).collect();
    let set: Vec<String> = columns.iter().map(|column| format!("{column} IS NOT NULL")).collect();
    let sql = format!("SELECT {} FROM {table} WHERE {}", literals.join(" || ', ' || "), set.join(" AND "));
    let mut query = connection.prepare(&sql).ok()?;
    query.query_map([], |row| row.get(0)).ok()?.collect::<Result<_, _>>().ok()
}
