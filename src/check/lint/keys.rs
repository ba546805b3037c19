//! PRIMARY KEY and UNIQUE constraints.

use super::checks::{self, Verdict};
use super::finding::{LintFinding, LintInput, object, row_with_null};
use super::references::is_reference;
use crate::check::finding::Level;
use crate::schema::references::column_names;
use crate::schema::{Affinity, Column, IndexedColumn, Table};
use crate::sql::{plain_name, plain_names};

pub(super) fn lint(input: &LintInput, found: &mut Vec<LintFinding>) {
    for table in input.tables() {
        no_primary_key(input, table, found);
        pk_nullable(input, table, found);
        int_pk_not_rowid(table, found);
        autoincrement(table, found);
        for key in &table.unique {
            unique_with_nullable(input, table, &key.terms, key.name.as_deref(), found);
        }
        for index in table.indexes.iter().filter(|index| index.unique && index.partial.is_none()) {
            unique_with_nullable(input, table, &index.terms, Some(&index.name), found);
        }
    }
}

fn columns_of<'a>(table: &'a Table, terms: &[IndexedColumn]) -> Vec<&'a Column> {
    column_names(terms).into_iter().filter_map(|name| table.column(name)).collect()
}

/// Returns the columns of each key that tells all rows apart: UNIQUE, and of columns that are never NULL.
fn identifying_keys<'a>(input: &'a LintInput, table: &'a Table) -> impl Iterator<Item = Vec<&'a Column>> {
    let by_index = table.indexes.iter().filter(|index| index.unique && index.partial.is_none());
    let keys = table.primary_key.iter().chain(&table.unique).map(|key| &key.terms);
    keys.chain(by_index.map(|index| &index.terms)).filter_map(move |terms| {
        let columns = columns_of(table, terms);
        let is_never_null = |column: &&Column| !checks::accepts_null(input, table, column);
        (columns.len() == terms.len() && columns.iter().all(is_never_null)).then_some(columns)
    })
}

fn no_primary_key(input: &LintInput, table: &Table, found: &mut Vec<LintFinding>) {
    if table.primary_key.is_some() || identifying_keys(input, table).next().is_some() {
        return;
    }
    let what = format!("{} has no PRIMARY KEY, and no other key of columns that are NOT NULL", table.name);
    let cost = "identical rows differ only in their rowid, which VACUUM may change if no column declares it; foreign keys, upserts and sync have nothing to refer to";
    // A UNIQUE that accepts NULL is meant to identify the rows, and nearly does.
    let has_unique = !table.unique.is_empty() || table.indexes.iter().any(|index| index.unique);
    let level = if has_unique { Level::Review } else { Level::Warning };
    let finding = LintFinding::new("no-primary-key", &table.name, what, cost).level_of(level);
    found.push(match table.column("id") {
        None => finding.rebuild(table, |sql| sql.lead_with("id INTEGER PRIMARY KEY")),
        Some(_) => finding.text(format!("rebuild {} with a PRIMARY KEY", table.name)),
    });
}

/// Returns the column if the PRIMARY KEY is a single INTEGER that is not the rowid.
fn lone_integer(table: &Table) -> Option<&Column> {
    let key = table.primary_key.as_ref().filter(|key| !key.is_rowid && !table.without_rowid)?;
    match columns_of(table, &key.terms).as_slice() {
        [column] if key.terms.len() == 1 && column.affinity == Affinity::Integer => Some(column),
        _ => None,
    }
}

fn int_pk_not_rowid(table: &Table, found: &mut Vec<LintFinding>) {
    let Some(column) = lone_integer(table) else { return };
    let object = object(table, [column.name.as_str()]);
    let declared = match column.declared_type.eq_ignore_ascii_case("INTEGER") {
        true => "INTEGER PRIMARY KEY DESC".to_owned(),
        false => format!("{} PRIMARY KEY", column.declared_type),
    };
    let what = format!("{object} is {declared}, which is not the rowid: only INTEGER PRIMARY KEY is");
    let cost = "every row has a hidden rowid beside the key and a second b-tree from the one to the other; an insert without an id leaves NULL";
    found.push(
        LintFinding::new("int-pk-not-rowid", object, what, cost)
            .rebuild(table, |sql| sql.retype(&column.name, "INTEGER")?.without(&column.name, "DESC")),
    );
}

fn pk_nullable(input: &LintInput, table: &Table, found: &mut Vec<LintFinding>) {
    let Some(key) = table.primary_key.as_ref().filter(|key| !key.is_rowid && !table.without_rowid) else { return };
    let columns = columns_of(table, &key.terms);
    let nullable: Vec<&str> = columns
        .iter()
        .filter(|column| checks::accepts_null(input, table, column))
        .map(|column| column.name.as_str())
        .collect();
    // The fix of int-pk-not-rowid fixes this too.
    if nullable.is_empty() || lone_integer(table).is_some() {
        return;
    }
    let object = object(table, nullable.iter().copied());
    let what = format!("{object} is in the PRIMARY KEY and accepts NULL, in any number of rows");
    let cost = "outside of STRICT and WITHOUT ROWID tables, PRIMARY KEY does not imply NOT NULL; rows with NULL in the key are never equal to each other";
    found.push(LintFinding::new("pk-nullable", object, what, cost).rebuild(table, |mut sql| {
        for column in &nullable {
            sql = sql.constrain(column, "NOT NULL")?;
        }
        Some(sql)
    }));
}

fn autoincrement(table: &Table, found: &mut Vec<LintFinding>) {
    let Some(key) = table.primary_key.as_ref().filter(|_| table.autoincrement) else { return };
    let columns = column_names(&key.terms);
    let Some(column) = columns.first() else { return };
    let object = object(table, [*column]);
    let what = format!("{object} is AUTOINCREMENT");
    let cost = "each insert reads and writes sqlite_sequence too; without it an id is still unique, and one that has been deleted comes back only if it was the largest";
    found.push(
        LintFinding::new("autoincrement-unneeded", object, what, cost)
            .rebuild(table, |sql| sql.without(column, "AUTOINCREMENT")),
    );
}

/// Finds a UNIQUE key of several columns that allows NULL in one, so that the others may repeat: UNIQUE (email, deleted_at)
/// allows an address any number of times as long as nothing is deleted. UNIQUE of one nullable column is taken for "different
/// if given".
fn unique_with_nullable(
    input: &LintInput,
    table: &Table,
    terms: &[IndexedColumn],
    name: Option<&str>,
    found: &mut Vec<LintFinding>,
) {
    let columns = columns_of(table, terms);
    if columns.len() < 2 || columns.len() != terms.len() {
        return;
    }
    let unguarded: Vec<&Column> = columns
        .iter()
        .copied()
        .filter(|column| checks::accepts_null(input, table, column) && !is_guarded(input, table, &columns, column))
        .collect();
    // A shorter key keeps them from repeating.
    let is_within = |key: Vec<&Column>| key.iter().all(|own| columns.iter().any(|column| column.name == own.name));
    if unguarded.is_empty() || identifying_keys(input, table).any(is_within) {
        return;
    }
    let list = |columns: &[&Column]| columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
    let object = match name {
        Some(name) if table.indexes.iter().any(|index| index.name == name) => name.to_owned(),
        _ => object(table, columns.iter().map(|column| column.name.as_str())),
    };
    let what = format!(
        "{} is UNIQUE ({}), and rows with NULL in {} may repeat the rest",
        table.name,
        list(&columns),
        list(&unguarded)
    );
    let cost =
        "for UNIQUE, NULL differs from NULL: where one of the columns is NULL, nothing keeps the others from repeating";
    let ends = unguarded.iter().any(|column| is_end(column));
    let level = if ends { Level::Warning } else { Level::Review };
    let finding = LintFinding::new("unique-with-nullable", object, what, cost).level_of(level).on(table);
    let rest = |column: &Column| -> Vec<&Column> {
        columns.iter().copied().filter(|other| other.name != column.name).collect()
    };
    if let Some(column) = unguarded.iter().find(|column| !is_end(column) && !is_scope(table, column, &columns)) {
        found.push(finding.text(format!(
            "declare {} NOT NULL if every row has one. UNIQUE ({}) WHERE {0} IS NULL would forbid a second row without one \
             for the same {1}",
            column.name,
            list(&rest(column))
        )));
        return;
    }
    let guard = |column: &&Column| {
        let names: Vec<&str> = rest(column).iter().map(|column| column.name.as_str()).collect();
        format!(
            "CREATE UNIQUE INDEX {} ON {}({}) WHERE {} IS NULL; -- forbids two rows with the same {} where {} is NULL",
            plain_name(&input.schema.free_name(&table.name, &names, &[])),
            plain_name(&table.name),
            plain_names(names.iter().copied()),
            plain_name(&column.name),
            names.join(", "),
            column.name
        )
    };
    found.push(finding.sql(unguarded.iter().map(guard).collect::<Vec<_>>().join("\n")));
}

/// Returns true if a column tells that a row is no longer valid, so that NULL means one that is.
fn is_end(column: &Column) -> bool {
    let name = column.name.to_ascii_lowercase();
    #[rustfmt::skip]
    let words = [
        "archived", "cancelled", "canceled", "closed", "deactivated", "deleted", "deletedat", "deletion", "disabled",
        "dismissed", "ended", "expired", "finished", "gone", "left", "removed", "replaced", "resolved", "retired",
        "revoked", "superseded", "terminated", "unlinked", "withdrawn",
    ];
    name.split('_').any(|word| words.contains(&word)) || name == "valid_to" || name == "valid_until"
}

/// Returns true if a column says within what the others are unique: the parent of a folder, before its name.
/// `(tenant, number)` has it the other way round: there NULL is a row without a number, of which a tenant has many.
fn is_scope(table: &Table, column: &Column, columns: &[&Column]) -> bool {
    let refers =
        |column: &Column| is_reference(table, &column.name) || column.name.to_ascii_lowercase().ends_with("_id");
    let is_tree = table.foreign_keys.iter().any(|key| key.parent == table.name && key.columns == [column.name.clone()]);
    let is_first = columns.first().is_some_and(|first| first.name == column.name) && refers(column);
    (is_tree || is_first) && columns.iter().any(|other| !refers(other))
}

/// Returns true if a partial UNIQUE index keeps the other columns unique where this one is NULL.
fn is_guarded(input: &LintInput, table: &Table, columns: &[&Column], column: &Column) -> bool {
    let others: Vec<&&Column> = columns.iter().filter(|other| other.name != column.name).collect();
    table.indexes.iter().filter(|index| index.unique).any(|index| {
        let Some(condition) = &index.partial else { return false };
        let same = index.terms.len() == others.len()
            && others.iter().all(|other| index.terms.iter().any(|term| term.what.is_column(&other.name)));
        same && checks::evaluate(&input.copy, condition, &row_with_null(table, column)) == Verdict::True
    })
}
