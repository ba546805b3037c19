//! Indexes that cost every write and help no query.

use super::checks;
use super::finding::{LintFinding, LintInput};
use crate::schema::references::column_names;
use crate::schema::schema_copy::SchemaCopy;
use crate::schema::{Affinity, Column, Index, IndexedColumn, IndexedExpr, Table};
use crate::sql::{plain_name, same_name};

pub(super) fn lint(input: &LintInput, found: &mut Vec<LintFinding>) {
    for table in input.tables() {
        for index in &table.indexes {
            // One reason to drop an index is enough.
            let redundant = duplicate(table, index).or_else(|| shadows(table, index)).or_else(|| prefix(table, index));
            found.extend(redundant);
            found.extend(low_value(input, table, index));
            found.extend(unusable(input, table, index));
        }
    }
}

fn drop_it(index: &Index) -> String {
    format!("DROP INDEX {};", plain_name(&index.name))
}

fn same_text(one: &str, two: &str) -> bool {
    one.split_whitespace().eq(two.split_whitespace())
}

fn same_term(one: &IndexedColumn, two: &IndexedColumn) -> bool {
    same_name(&one.collation, &two.collation)
        && match (&one.what, &two.what) {
            (IndexedExpr::Column(one), IndexedExpr::Column(two)) => one == two,
            (IndexedExpr::Expression(one), IndexedExpr::Expression(two)) => same_text(one, two),
            (IndexedExpr::Rowid, IndexedExpr::Rowid) => true,
            _ => false,
        }
}

/// Returns true if `whole` starts with `start`, in the same or the reverse order: an index can be read from either end.
fn starts_with(whole: &[IndexedColumn], start: &[IndexedColumn]) -> bool {
    let pairs = || whole.iter().zip(start);
    whole.len() >= start.len()
        && pairs().all(|(one, two)| same_term(one, two))
        && (pairs().all(|(one, two)| one.descending == two.descending)
            || pairs().all(|(one, two)| one.descending != two.descending))
}

/// Returns true if both indexes cover the same rows.
fn same_rows(one: &Index, two: &Index) -> bool {
    match (&one.partial, &two.partial) {
        (None, None) => true,
        (Some(one), Some(two)) => same_text(one, two),
        _ => false,
    }
}

const WRITES: &str = "every insert, every delete and many updates write it, the file and the cache hold it, and no query is faster for it";

fn duplicate(table: &Table, index: &Index) -> Option<LintFinding> {
    let same = |other: &&Index| {
        starts_with(&other.terms, &index.terms) && other.terms.len() == index.terms.len() && same_rows(index, other)
    };
    // Of two identical ones the UNIQUE one stays, else the first.
    let goes = |other: &&Index| match (index.unique, other.unique) {
        (false, true) => true,
        (true, false) => false,
        _ => other.name < index.name,
    };
    let other = table.indexes.iter().filter(|other| other.name != index.name).filter(same).find(goes)?;
    let what = format!("{} on {} is the same as {}", index.name, table.name, other.name);
    Some(LintFinding::new("index-duplicate", &index.name, what, WRITES).on(table).sql(drop_it(index)))
}

fn prefix(table: &Table, index: &Index) -> Option<LintFinding> {
    if index.unique || index.partial.is_some() {
        return None;
    }
    let longer = |terms: &[IndexedColumn]| terms.len() > index.terms.len() && starts_with(terms, &index.terms);
    let by_index = table.indexes.iter().filter(|other| other.partial.is_none() && longer(&other.terms));
    let mut others = by_index
        .map(|other| other.name.to_string())
        .chain(table.primary_key.iter().filter(|key| longer(&key.terms)).map(|_| "the PRIMARY KEY".to_owned()))
        .chain(
            table
                .unique
                .iter()
                .filter(|key| longer(&key.terms))
                .map(|key| format!("UNIQUE ({})", column_names(&key.terms).join(", "))),
        );
    let other = others.next()?;
    let what = format!("{} on {} is a prefix of {other}", index.name, table.name);
    Some(LintFinding::new("index-prefix-redundant", &index.name, what, WRITES).on(table).sql(drop_it(index)))
}

fn shadows(table: &Table, index: &Index) -> Option<LintFinding> {
    if index.partial.is_some() {
        return None;
    }
    let same = |terms: &[IndexedColumn]| terms.len() == index.terms.len() && starts_with(terms, &index.terms);
    let is_rowid = |term: &IndexedColumn| match &term.what {
        IndexedExpr::Rowid => true,
        IndexedExpr::Column(name) => table
            .primary_key
            .as_ref()
            .is_some_and(|key| key.is_rowid && column_names(&key.terms).iter().any(|column| name == column)),
        IndexedExpr::Expression(_) => false,
    };
    let by_key = table.primary_key.iter().any(|key| same(&key.terms))
        || matches!(index.terms.as_slice(), [term] if is_rowid(term));
    let constraint = match (by_key, table.unique.iter().any(|key| same(&key.terms))) {
        (true, _) => "PRIMARY KEY",
        (false, true) => "UNIQUE",
        _ => return None,
    };
    let columns = column_names(&index.terms).join(", ");
    let what = format!("{} on {} indexes what {constraint} ({columns}) has an index for", index.name, table.name);
    Some(LintFinding::new("index-shadows-unique", &index.name, what, WRITES).on(table).sql(drop_it(index)))
}

/// Returns the column of an index on a single column.
fn only_column<'a>(table: &'a Table, index: &Index) -> Option<&'a Column> {
    match index.terms.as_slice() {
        [IndexedColumn { what: IndexedExpr::Column(name), .. }] => table.column(name),
        _ => None,
    }
}

fn low_value(input: &LintInput, table: &Table, index: &Index) -> Option<LintFinding> {
    if index.unique || index.partial.is_some() {
        return None;
    }
    let column = only_column(table, index)?;
    let declared = ["BOOL", "BOOLEAN"].iter().any(|name| column.declared_type.eq_ignore_ascii_case(name));
    if !declared && !checks::is_two_valued(input, table, column) {
        return None;
    }
    let what = format!("{} indexes {}.{}, which has two values", index.name, table.name, column.name);
    let cost = "half of the table for each value: reading it through the index is slower than reading the table. If one value is rare, a partial index (WHERE column = value) holds just those rows";
    Some(LintFinding::new("index-low-value", &index.name, what, cost).on(table).sql(drop_it(index)))
}

/// Finds an index in another collation than its column's, if no other index starts with the column. The plan of a plain
/// comparison proves it.
fn unusable(input: &LintInput, table: &Table, index: &Index) -> Option<LintFinding> {
    let IndexedColumn { what: IndexedExpr::Column(name), collation, .. } = index.terms.first()? else { return None };
    let column = table.column(name)?;
    let textual = matches!(column.affinity, Affinity::Text | Affinity::Blob | Affinity::Any);
    if same_name(collation, &column.collation) || index.partial.is_some() || !textual {
        return None;
    }
    let select = format!("SELECT * FROM {} WHERE {} = ?", plain_name(&table.name), plain_name(&column.name));
    let plan = input.copy.plan(&select).filter(|_| !input.copy.is_missing(&table.name))?;
    if !SchemaCopy::scans(&plan, &table.name) {
        return None;
    }
    let what = format!(
        "{} is COLLATE {collation}, and {}.{} is COLLATE {}: {name} = ? cannot use it",
        index.name, table.name, column.name, column.collation
    );
    let cost = "a comparison takes the column's collation unless it names another, and an index serves only its own; each such query reads the whole table";
    let unique = if index.unique { "UNIQUE " } else { "" };
    let terms: Vec<String> = index.terms.iter().enumerate().map(|(at, term)| again(term, at == 0)).collect();
    Some(
        LintFinding::new("index-collation-unusable", &index.name, what, cost)
            .on(table)
            .evidence("plan", format!("{select}\n> {}", plan.join("\n")))
            .sql(format!(
                "{}\nCREATE {unique}INDEX {} ON {}({});",
                drop_it(index),
                plain_name(&index.name),
                plain_name(&table.name),
                terms.join(", ")
            )),
    )
}

/// Returns a term as SQL, without its collation if `plain`.
fn again(term: &IndexedColumn, plain: bool) -> String {
    let what = match &term.what {
        IndexedExpr::Column(name) => plain_name(name),
        IndexedExpr::Rowid => "rowid".to_owned(),
        IndexedExpr::Expression(expression) => expression.clone(),
    };
    let collation = if plain { String::new() } else { format!(" COLLATE {}", plain_name(&term.collation)) };
    format!("{what}{collation}{}", if term.descending { " DESC" } else { "" })
}
