//! PRIMARY KEY and UNIQUE constraints.

use super::checks::{self, Verdict};
use super::finding::{LintFinding, LintInput, is_nullable, object, row_with_null};
use crate::schema::references::column_names;
use crate::schema::{Affinity, Column, IndexedColumn, Table};
use crate::sql::{plain_name, plain_names};

pub(super) fn lint(input: &LintInput, found: &mut Vec<LintFinding>) {
    for table in input.tables() {
        no_primary_key(table, found);
        pk_nullable(table, found);
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

fn no_primary_key(table: &Table, found: &mut Vec<LintFinding>) {
    let identifies = |terms: &[IndexedColumn]| {
        let columns = columns_of(table, terms);
        columns.len() == terms.len() && columns.iter().all(|column| !is_nullable(table, column))
    };
    let by_index = table.indexes.iter().filter(|index| index.unique && index.partial.is_none());
    if table.primary_key.is_some()
        || table.unique.iter().any(|key| identifies(&key.terms))
        || by_index.into_iter().any(|index| identifies(&index.terms))
    {
        return;
    }
    let what = format!("{} has no PRIMARY KEY, and no other key of columns that are NOT NULL", table.name);
    let cost = "identical rows differ only in their rowid, which VACUUM may change if no column declares it; foreign keys, upserts and sync have nothing to refer to";
    let finding = LintFinding::new("no-primary-key", &table.name, what, cost);
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

fn pk_nullable(table: &Table, found: &mut Vec<LintFinding>) {
    let Some(key) = table.primary_key.as_ref().filter(|key| !key.is_rowid && !table.without_rowid) else { return };
    let columns = columns_of(table, &key.terms);
    let nullable: Vec<&str> =
        columns.iter().filter(|column| is_nullable(table, column)).map(|column| column.name.as_str()).collect();
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
        .filter(|column| is_nullable(table, column) && !is_guarded(input, table, &columns, column))
        .collect();
    if unguarded.is_empty() {
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
    let finding = LintFinding::new("unique-with-nullable", object, what, cost).on(table);
    let rest = |column: &Column| -> Vec<&str> {
        columns.iter().map(|other| other.name.as_str()).filter(|other| *other != column.name).collect()
    };
    let guards: Vec<String> = unguarded
        .iter()
        .map(|column| {
            format!(
                "CREATE UNIQUE INDEX {} ON {}({}) WHERE {} IS NULL;",
                plain_name(&input.schema.free_name(&table.name, &rest(column), &[])),
                plain_name(&table.name),
                plain_names(rest(column)),
                plain_name(&column.name)
            )
        })
        .collect();
    found.push(finding.sql(guards.join("\n")));
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
