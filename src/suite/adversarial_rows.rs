//! Rows that one version accepts and the next may not: made on purpose from the difference of the two schemas.

use rusqlite::Connection;

use super::renames::Renames;
use super::shrink::row_at;
use super::statement_effects::{Effect, StatementEffect};
use super::versioned_databases::{UpgradeStep, VersionedDatabases};
use crate::data::{StoredType, declared_length, type_word};
use crate::db::Image;
use crate::error::{Error, Refusal, Result};
use crate::schema::{Column, IndexedColumn, IndexedExpr, Table, TableKind};
use crate::sql::{quote_identifier, quote_text, tokens};

/// Rows that made a migration fail.
pub(super) struct RefusedRows {
    /// `table.column`.
    pub(super) object: String,
    pub(super) image: Image,
    pub(super) error: Error,
}

/// A change of one row that the old schema may accept and the new one not.
struct RowChange {
    object: String,
    sql: Vec<String>,
}

/// Every such change that makes the migration fail, one for each object.
pub(super) fn refused(databases: &VersionedDatabases, step: &UpgradeStep) -> Result<Vec<RefusedRows>> {
    let mut found: Vec<RefusedRows> = Vec::new();
    for (change, image) in changed_databases(databases, step, changes)? {
        if found.iter().any(|refused| refused.object == change.object) {
            continue;
        }
        let mut database = databases.open(&image)?;
        if let Err(error) = databases.step(&mut database, step.index) {
            found.push(RefusedRows { object: change.object, image, error });
        }
    }
    Ok(found)
}

/// The step on databases with a duplicate of what has to be unique behind it, or with a value that a column holds no more
/// as it was, where it takes them.
pub(super) fn accepted(databases: &VersionedDatabases, step: &UpgradeStep) -> Result<Vec<UpgradeStep>> {
    let mut taken = Vec::new();
    let both = |table: &Table, twin: &Table, connection: &Connection| {
        let mut changes = duplicates(table, twin, connection);
        changes.extend(edge_values(table, twin, connection, &|column| databases.is_given(table, column)));
        changes
    };
    for (_, image) in changed_databases(databases, step, both)? {
        let step = databases.step_with_rows(step, image)?;
        if step.after.is_some() {
            taken.push(step);
        }
    }
    Ok(taken)
}

/// The databases that the schema before the migration accepts, of tables that are others behind it.
fn changed_databases(
    databases: &VersionedDatabases,
    step: &UpgradeStep,
    changes: impl Fn(&Table, &Table, &Connection) -> Vec<RowChange>,
) -> Result<Vec<(RowChange, Image)>> {
    // Where plain rows are refused already, there is nothing to tell one reason from another.
    let Some(after) = &step.after else { return Ok(Vec::new()) };
    let (old, new) = (&step.before.schema, &after.schema);
    let effects = databases.effects(step.index);
    let renames = Renames::of(old.tables.iter().map(|table| table.name.as_str()), effects);
    let mut accepted = Vec::new();
    let mut opened = None;
    for table in old.tables.iter().filter(|table| table.kind == TableKind::Ordinary) {
        let name = renames.name_after(&table.name).map_or(table.name.as_str(), |(name, _)| name);
        let Some(twin) = new.table(name).filter(|twin| twin.sql != table.sql || twin.indexes != table.indexes) else {
            continue;
        };
        let before = match &opened {
            Some(before) => before,
            None => opened.insert(databases.open(&step.before.image)?),
        };
        for change in changes(table, twin, before) {
            let database = before.copy()?;
            if change.sql.iter().all(|sql| database.execute_batch(sql).is_ok()) {
                accepted.push((change, database.image()?));
            }
        }
    }
    Ok(accepted)
}

fn changes(table: &Table, twin: &Table, connection: &Connection) -> Vec<RowChange> {
    let mut changes = Vec::new();
    let name = quote_identifier(&table.name);
    let Some([_, second]) = two_rows(connection, table) else { return changes };
    let object = |column: &str| format!("{}.{column}", table.name);
    let both = |column: &str| table.column(column).zip(twin.column(column));
    let set =
        |column: &str, value: &str| format!("UPDATE {name} SET {} = {value} WHERE {second}", quote_identifier(column));
    let columns = || table.columns.iter().filter(|column| column.generated.is_none());
    for column in columns() {
        let Some((was, is)) = both(&column.name) else { continue };
        if is.not_null && !was.not_null {
            changes.push(RowChange { object: object(&column.name), sql: vec![set(&column.name, "NULL")] });
        }
        if (twin.strict && !table.strict) || was.declared_type != is.declared_type {
            for value in ["'text'", "x'00ff'", "0.5"] {
                changes.push(RowChange { object: object(&column.name), sql: vec![set(&column.name, value)] });
            }
        }
    }
    changes.extend(duplicates(table, twin, connection));
    for check in twin.checks.iter().filter(|check| !table.checks.iter().any(|old| old.expression == check.expression)) {
        let mentioned: Vec<&str> = columns()
            .map(|column| column.name.as_str())
            .filter(|column| {
                let named =
                    |token: &crate::sql::Token<'_>| token.name().is_some_and(|name| name.eq_ignore_ascii_case(column));
                both(column).is_some() && tokens(&check.expression).iter().any(named)
            })
            .collect();
        for column in mentioned {
            for value in ["-1", "0", "1000000007", "''", "'?'", "'  spaces  '", "zeroblob(3)"] {
                changes.push(RowChange { object: object(column), sql: vec![set(column, value)] });
            }
            changes
                .push(RowChange { object: object(column), sql: vec![set(column, &quote_text(&"long ".repeat(400)))] });
        }
    }
    for key in twin.foreign_keys.iter().filter(|key| !table.foreign_keys.contains(key)) {
        if let [column] = key.columns.as_slice()
            && both(column).is_some()
            && !table.foreign_keys.iter().any(|old| old.columns == key.columns)
        {
            changes.push(RowChange { object: object(column), sql: vec![set(column, "987654321")] });
        }
    }
    changes
}

/// The values of one row in another one, where no two rows may be the same behind the migration.
fn duplicates(table: &Table, twin: &Table, connection: &Connection) -> Vec<RowChange> {
    let mut changes = Vec::new();
    let name = quote_identifier(&table.name);
    let Some([first, second]) = two_rows(connection, table) else { return changes };
    for terms in unique_terms(twin).filter(|terms| !unique_terms(table).any(|known| known == *terms)) {
        let names: Option<Vec<&str>> = terms
            .iter()
            .map(|term| match &term.what {
                IndexedExpr::Column(column) if table.column(column).is_some() && twin.column(column).is_some() => {
                    Some(column.as_str())
                }
                _ => None,
            })
            .collect();
        let Some(names) = names.filter(|names| !names.is_empty()) else { continue };
        let copy = |shape: &dyn Fn(&str) -> String| {
            let sets: Vec<String> = names
                .iter()
                .map(|column| {
                    let column = quote_identifier(column);
                    let other = format!("(SELECT {column} FROM {name} WHERE {first})");
                    format!("{column} = {}", shape(&other))
                })
                .collect();
            format!("UPDATE {name} SET {} WHERE {second}", sets.join(", "))
        };
        // A NULL is equal to nothing: the row that is copied needs a value.
        let filled: Vec<String> = names
            .iter()
            .map(|column| {
                let column = quote_identifier(column);
                format!(
                    "UPDATE {name} SET {column} = (SELECT {column} FROM {name} WHERE {column} IS NOT NULL LIMIT 1) \
                     WHERE {first} AND {column} IS NULL"
                )
            })
            .collect();
        let with = |last: String| filled.iter().cloned().chain([last]).collect::<Vec<_>>();
        let object = format!("{}.{}", table.name, names.join(", "));
        changes.push(RowChange { object: object.clone(), sql: with(copy(&|other| other.to_owned())) });
        if terms.iter().any(|term| term.collation.eq_ignore_ascii_case("NOCASE")) {
            for case in ["upper", "lower"] {
                changes
                    .push(RowChange { object: object.clone(), sql: with(copy(&|other| format!("{case}({other})"))) });
            }
        }
    }
    changes
}

/// Values that another type may change without a word, in columns that get one.
fn edge_values(
    table: &Table,
    twin: &Table,
    connection: &Connection,
    is_given: &dyn Fn(&str) -> bool,
) -> Vec<RowChange> {
    let name = quote_identifier(&table.name);
    let Some([_, second]) = two_rows(connection, table) else { return Vec::new() };
    let refers = |column: &str| table.foreign_keys.iter().any(|key| key.columns.iter().any(|name| name == column));
    let free = table.columns.iter().filter(|column| column.generated.is_none() && !refers(&column.name));
    free.filter(|column| !is_given(&column.name))
        .filter_map(|column| Some((column, twin.column(&column.name)?)))
        .flat_map(|(was, is)| {
            let values = changed_in_silence((was, table.strict), (is, twin.strict));
            values.into_iter().map(|value| (was.name.as_str(), value)).collect::<Vec<_>>()
        })
        .map(|(column, value)| RowChange {
            object: format!("{}.{column}", table.name),
            sql: vec![format!("UPDATE {name} SET {} = {value} WHERE {second}", quote_identifier(column))],
        })
        .collect()
}

/// What a column keeps that may be another value in the one that takes its place. A column and whether its table is STRICT.
fn changed_in_silence((was, was_strict): (&Column, bool), (is, is_strict): (&Column, bool)) -> Vec<String> {
    // What is declared as a date or a flag holds nothing else, whatever SQLite would take.
    let is_number = |column: &Column| ["NUMERIC", "DECIMAL", "NUMBER"].contains(&&*type_word(column));
    let says_what = |column: &Column| {
        let word = type_word(column);
        ["DATE", "TIME", "BOOL", "JSON"].iter().any(|kind| word.starts_with(kind))
    };
    let values: &[&str] = match (StoredType::of(was, was_strict), StoredType::of(is, is_strict)) {
        (StoredType::Text | StoredType::Any, StoredType::Integer | StoredType::Real) => &["'07'"],
        (StoredType::Text | StoredType::Any, StoredType::Numeric) if !says_what(is) => &["'07'"],
        // Beyond 2^53 a float is no longer exact.
        (StoredType::Integer, StoredType::Real) => &["9007199254740993"],
        (StoredType::Numeric, StoredType::Real) if is_number(was) => &["9007199254740993"],
        // A part of one, and more than 64 bits hold.
        (StoredType::Real, StoredType::Integer) => &["0.5", "1e19"],
        (StoredType::Numeric, StoredType::Integer) if is_number(was) => &["0.5", "1e19"],
        (StoredType::Blob, StoredType::Text) => &["x'61ff00'"],
        (StoredType::Text, StoredType::Text) => {
            let length = declared_length(is).filter(|is| declared_length(was).is_none_or(|was| was > *is));
            return length.map(|length| quote_text(&"x".repeat(length + 1))).into_iter().collect();
        }
        _ => &[],
    };
    values.iter().map(|value| (*value).to_owned()).collect()
}

fn unique_terms(table: &Table) -> impl Iterator<Item = &Vec<IndexedColumn>> {
    let of_indexes = table.indexes.iter().filter(|index| index.unique).map(|index| &index.terms);
    table.unique.iter().chain(&table.primary_key).map(|key| &key.terms).chain(of_indexes)
}

/// What is true of the first row alone, and of the second one.
fn two_rows(connection: &Connection, table: &Table) -> Option<[String; 2]> {
    let first = row_at(connection, table, 0)?;
    let second = row_at(connection, table, 1).unwrap_or_else(|| first.clone());
    Some([first, second])
}

/// `table.column`, or `table.one, other`, as SQLite names what a row offends; `*` where it names nothing.
pub(super) fn refused_object(error: &Error, effects: &[StatementEffect]) -> String {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(refusal) = error.downcast_ref::<rusqlite::Error>().and_then(Refusal::of) {
            let Some((_, objects)) = refusal.message.split_once(" constraint failed: ") else { break };
            let Some((table, column)) = objects.split(", ").next().and_then(|object| object.split_once('.')) else {
                break;
            };
            // Of a key of several columns, all: `t.a, t.b`.
            let others = objects.split(", ").skip(1).filter_map(|object| object.split_once('.'));
            let columns: Vec<&str> = std::iter::once(column).chain(others.map(|(_, column)| column)).collect();
            // A table that is being rebuilt has a name of its own for a while.
            let final_name = effects.iter().find_map(|effect| match &effect.effect {
                Effect::RenameTable { table: new, to } if new.eq_ignore_ascii_case(table) => Some(to.as_str()),
                _ => None,
            });
            return format!("{}.{}", final_name.unwrap_or(table), columns.join(", "));
        }
        cause = error.source();
    }
    String::from("*")
}
