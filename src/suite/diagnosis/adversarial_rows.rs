//! Rows that one version accepts and the next may refuse or change, made from the difference of the two schemas.

use rusqlite::Connection;

use crate::data::{StoredType, declared_digits, declared_length, type_word};
use crate::db::Image;
use crate::error::{Error, Result};
use crate::schema::references::column_names;
use crate::schema::{Affinity, Column, Schema, Table, TableKind};
use crate::sql::{Token, quote_identifier, quote_text, same_name, tokens};
use crate::suite::rows::{row_at, unique_keys};
use crate::suite::statements::Renames;
use crate::suite::versions::{Carried, UpgradeStep, VersionedDatabases};

/// Rows that made a migration fail.
pub(crate) struct RefusedRows {
    /// `table.column`.
    pub(crate) object: String,
    pub(crate) image: Image,
    pub(crate) error: Error,
}

/// Returns rows that the version before a migration accepts and that make the migration fail, one set for each object.
pub(crate) fn refused_rows(databases: &VersionedDatabases, step: &UpgradeStep) -> Result<Vec<RefusedRows>> {
    let mut found: Vec<RefusedRows> = Vec::new();
    let mut is_refused = |change: RowChange, Carried { before, mut database, .. }: Carried| {
        if !found.iter().any(|refused| refused.object == change.object)
            && let Err(error) = databases.migrate(&mut database, step.index)
        {
            found.push(RefusedRows { object: change.object, image: before.image, error });
        }
        Ok(())
    };
    with_changes(databases, step, |table| table.refusable(), &mut is_refused)?;
    Ok(found)
}

/// Returns the step on databases with a duplicate of what becomes unique, or with a value that its column cannot keep
/// unchanged, where the migration accepts them.
pub(crate) fn accepted_rows(databases: &VersionedDatabases, step: &UpgradeStep) -> Result<Vec<UpgradeStep>> {
    let changes = |table: &ChangedTable<'_>| {
        let mut changes = table.duplicates();
        changes.extend(table.edge_values(|column| databases.plan.is_given(table.before, column)));
        changes
    };
    accepted(databases, step, changes)
}

/// Returns the step on databases with a duplicate of what becomes unique, or with a value that a new foreign key forbids,
/// where the migration accepts them.
pub(crate) fn referring_rows(databases: &VersionedDatabases, step: &UpgradeStep) -> Result<Vec<UpgradeStep>> {
    accepted(databases, step, |table| table.duplicates().into_iter().chain(table.orphans()).collect())
}

fn accepted(
    databases: &VersionedDatabases,
    step: &UpgradeStep,
    changes: impl Fn(&ChangedTable<'_>) -> Vec<RowChange>,
) -> Result<Vec<UpgradeStep>> {
    let mut accepted = Vec::new();
    with_changes(databases, step, changes, &mut |_, Carried { before, database, since }| {
        let step = step.with_rows(databases, (before, database), since)?;
        accepted.extend(Some(step).filter(|step| step.after.is_some()));
        Ok(())
    })?;
    Ok(accepted)
}

/// Changes rows of each table that the migration changes, and passes on those databases before it whose schema accepts them.
fn with_changes(
    databases: &VersionedDatabases,
    step: &UpgradeStep,
    changes: impl Fn(&ChangedTable<'_>) -> Vec<RowChange>,
    accept: &mut dyn FnMut(RowChange, Carried) -> Result<()>,
) -> Result<()> {
    // Where plain rows are refused already, one reason cannot be told from another.
    let Some(after) = &step.after else { return Ok(()) };
    let Some((count, source)) = step.source() else { return Ok(()) };
    let (old, middle, new) = (&source.schema, &step.before.schema, &after.schema);
    let carried = Renames::of_schema(old, &databases.effects_between(count, step.index));
    let renames = Renames::of_schema(old, &databases.effects_between(count, step.index + 1));
    let mut opened = None;
    for table in old.tables.iter().filter(|table| table.kind == TableKind::Ordinary) {
        let Some(twin) = successor(table, &renames, new) else { continue };
        let is_changed = |was: &Table| twin.sql != was.sql || twin.indexes != was.indexes;
        if !successor(table, &carried, middle).is_some_and(is_changed) {
            continue;
        }
        let mut table = ChangedTable::new(table, twin);
        if changes(&table).is_empty() {
            continue;
        }
        let before = match &opened {
            Some(before) => before,
            None => opened.insert(databases.open(&source.image)?),
        };
        if !table.find_rows(before) {
            continue;
        }
        for change in changes(&table) {
            let database = before.copy()?;
            if !change.sql.iter().all(|sql| database.execute_batch(sql).is_ok()) {
                continue;
            }
            if let Some(carried) = step.carried(databases, database)? {
                accept(change, carried)?;
            }
        }
    }
    Ok(())
}

/// Returns the table that has the place of this one in a later schema.
fn successor<'s>(table: &Table, renames: &Renames, schema: &'s Schema) -> Option<&'s Table> {
    schema.table(renames.successor(&table.name).map_or(&*table.name, |table| table.name))
}

/// A change of a row.
pub(crate) struct RowChange {
    /// `table.column`.
    pub(crate) object: String,
    pub(crate) sql: Vec<String>,
}

/// A table that a migration changes.
pub(crate) struct ChangedTable<'a> {
    pub(crate) before: &'a Table,
    after: &'a Table,
    /// The table as SQL.
    name: String,
    /// Conditions that are true of one row each. Empty until they are chosen.
    rows: [String; 2],
}

impl<'a> ChangedTable<'a> {
    pub(crate) fn new(before: &'a Table, after: &'a Table) -> ChangedTable<'a> {
        ChangedTable { before, after, name: quote_identifier(&before.name), rows: [String::new(), String::new()] }
    }

    /// Chooses the rows to change. Returns false if the table has none.
    fn find_rows(&mut self, connection: &Connection) -> bool {
        let Some(first) = row_at(connection, self.before, 0) else { return false };
        let second = row_at(connection, self.before, 1).unwrap_or_else(|| first.clone());
        self.rows = [first, second];
        true
    }

    /// Returns changes that the new schema may refuse.
    pub(crate) fn refusable(&self) -> Vec<RowChange> {
        let mut changes = self.other_types();
        changes.extend(self.duplicates());
        changes.extend(self.check_breakers());
        changes.extend(self.orphans());
        changes
    }

    fn columns(&self) -> impl Iterator<Item = (&'a Column, &'a Column)> {
        let stored = self.before.columns.iter().filter(|column| column.generated.is_none());
        let after = self.after;
        stored.filter_map(move |column| Some((column, after.column(&column.name)?)))
    }

    fn has_both(&self, column: &str) -> bool {
        self.before.column(column).is_some() && self.after.column(column).is_some()
    }

    fn set(&self, column: &str, value: &str) -> RowChange {
        let sql = format!("UPDATE {} SET {} = {value} WHERE {}", self.name, quote_identifier(column), self.rows[1]);
        RowChange { object: format!("{}.{column}", self.before.name), sql: vec![sql] }
    }

    /// Returns NULL for a new NOT NULL, and values of other types for a new type.
    fn other_types(&self) -> Vec<RowChange> {
        let mut changes = Vec::new();
        for (was, is) in self.columns() {
            if is.not_null && !was.not_null {
                changes.push(self.set(&was.name, "NULL"));
            }
            let becomes_strict = self.after.strict && !self.before.strict;
            if becomes_strict || was.declared_type != is.declared_type {
                // Where SQLite itself refuses no type, only those count that the old column is for.
                let is_refused = self.after.strict || self.after.is_rowid(&is.name);
                let values = [
                    ("'text'", &[Affinity::Text, Affinity::Blob][..]),
                    ("x'00ff'", &[Affinity::Blob]),
                    ("0.5", &[Affinity::Real, Affinity::Numeric, Affinity::Blob]),
                ];
                let values = values.into_iter().filter(|(_, kept)| is_refused || kept.contains(&was.affinity));
                changes.extend(values.map(|(value, _)| self.set(&was.name, value)));
            }
        }
        changes
    }

    /// Returns values that a new CHECK may forbid.
    fn check_breakers(&self) -> Vec<RowChange> {
        let mut changes = Vec::new();
        let is_old = |expression: &str| self.before.checks.iter().any(|old| old.expression == expression);
        for check in self.after.checks.iter().filter(|check| !is_old(&check.expression)) {
            let names: Vec<String> = tokens(&check.expression).iter().filter_map(Token::name).collect();
            for (column, _) in self.columns().filter(|(column, _)| names.iter().any(|name| column.name == *name)) {
                let values = ["-1", "0", "1000000007", "''", "'?'", "'  spaces  '", "zeroblob(3)"];
                changes.extend(values.map(|value| self.set(&column.name, value)));
                changes.push(self.set(&column.name, &quote_text(&"long ".repeat(400))));
            }
        }
        changes
    }

    /// Returns dangling references for a new foreign key.
    fn orphans(&self) -> Vec<RowChange> {
        let new = self.after.foreign_keys.iter().filter(|key| !self.before.foreign_keys.contains(key));
        new.filter_map(|key| {
            let [column] = key.columns.as_slice() else { return None };
            let is_new = !self.before.foreign_keys.iter().any(|old| old.columns == key.columns);
            (is_new && self.has_both(column)).then(|| self.set(column, "987654321"))
        })
        .collect()
    }

    /// Returns copies of one row's values to another row, for a new UNIQUE.
    pub(crate) fn duplicates(&self) -> Vec<RowChange> {
        let mut changes = Vec::new();
        let [first, second] = &self.rows;
        let name = &self.name;
        let is_old = |terms| unique_keys(self.before).any(|known| known == terms);
        for terms in unique_keys(self.after).filter(|terms| !is_old(*terms)) {
            let columns = column_names(terms);
            if columns.len() < terms.len() || !columns.iter().all(|column| self.has_both(column)) {
                continue;
            }
            let quoted: Vec<String> = columns.iter().map(|column| quote_identifier(column)).collect();
            // A NULL is equal to nothing: the row that is copied needs a value.
            let filled = quoted.iter().map(|column| {
                format!(
                    "UPDATE {name} SET {column} = (SELECT {column} FROM {name} WHERE {column} IS NOT NULL LIMIT 1) \
                     WHERE {first} AND {column} IS NULL"
                )
            });
            let filled: Vec<String> = filled.collect();
            let has_nocase = terms.iter().any(|term| same_name(&term.collation, "NOCASE"));
            let functions: &[&str] = if has_nocase { &["", "upper", "lower"] } else { &[""] };
            for function in functions {
                let set =
                    |column: &String| format!("{column} = {function}((SELECT {column} FROM {name} WHERE {first}))");
                let sets = quoted.iter().map(set).collect::<Vec<_>>().join(", ");
                let copy = format!("UPDATE {name} SET {sets} WHERE {second}");
                changes.push(RowChange {
                    object: format!("{}.{}", self.before.name, columns.join(", ")),
                    sql: filled.iter().cloned().chain([copy]).collect(),
                });
            }
        }
        changes
    }

    /// Returns values that SQLite may change silently in a column of another type.
    pub(crate) fn edge_values(&self, is_given: impl Fn(&str) -> bool) -> Vec<RowChange> {
        let refers = |column: &str| {
            let mut columns = self.before.foreign_keys.iter().flat_map(|key| &key.columns);
            columns.any(|name| name == column)
        };
        let free = self.columns().filter(|(column, _)| !refers(&column.name) && !is_given(&column.name));
        free.flat_map(|(was, is)| {
            let values = changed_silently((was, self.before.strict), (is, self.after.strict));
            let set = |value: String| {
                let mut change = self.set(&was.name, &value);
                // A column of dates holds nothing else.
                let is_no_date = format!(" AND ({} GLOB '????-??-??*') IS NOT TRUE", quote_identifier(&was.name));
                change.sql.iter_mut().for_each(|sql| sql.push_str(&is_no_date));
                change
            };
            values.into_iter().map(set).collect::<Vec<_>>()
        })
        .collect()
    }
}

/// Returns values that the old column holds and the new one may hold only as another value. Each column comes with whether
/// its table is STRICT.
fn changed_silently((was, was_strict): (&Column, bool), (is, is_strict): (&Column, bool)) -> Vec<String> {
    let is_number = |column: &Column| ["NUMERIC", "DECIMAL", "NUMBER"].contains(&&*type_word(column));
    // A column declared as a date or a flag holds nothing else, whatever SQLite would accept.
    let has_format = |column: &Column| {
        let word = type_word(column);
        ["DATE", "TIME", "BOOL", "JSON"].iter().any(|kind| word.starts_with(kind))
    };
    let values: &[&str] = match (StoredType::of(was, was_strict), StoredType::of(is, is_strict)) {
        (StoredType::Text | StoredType::Any, StoredType::Integer | StoredType::Real) => &["'07'"],
        (StoredType::Text | StoredType::Any, StoredType::Numeric) if !has_format(is) => &["'07'"],
        // Beyond 2^53 a float is no longer exact.
        (StoredType::Integer, StoredType::Real) => &["9007199254740993"],
        (StoredType::Numeric, StoredType::Real) if is_number(was) && declared_digits(was).is_none() => {
            &["9007199254740993"]
        }
        // A fraction, and a number beyond 64 bits.
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
