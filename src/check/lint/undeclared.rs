//! Columns that by their name and their type refer to a table, without a foreign key.

use super::finding::{LintFinding, LintInput, object};
use super::references::is_reference;
use crate::check::finding::Level;
use crate::schema::references::{class, column_names};
use crate::schema::{Column, Table};
use crate::sql::{plain_name, same_name};

/// Finds such columns in schemas that declare foreign keys. A schema without any has decided against them.
pub(super) fn lint(input: &LintInput, found: &mut Vec<LintFinding>) {
    let children: Vec<&Table> = input.tables().filter(|table| !table.foreign_keys.is_empty()).collect();
    if children.is_empty() {
        return;
    }
    let by_name: Vec<(String, &Table)> = input.tables().map(|table| (plain(&table.name), table)).collect();
    for table in input.tables() {
        for column in &table.columns {
            let Some((parent, key)) = parent_by_name(&by_name, table, column) else { continue };
            let declare: Vec<String> = children
                .iter()
                .flat_map(|child| child.foreign_keys.iter().map(move |key| (child, key)))
                .filter(|(_, key)| key.parent == parent.name && key.columns.len() == 1)
                .map(|(child, key)| object(child, [key.columns[0].as_str()]))
                .collect();
            found.push(finding(input, table, column, (parent, key), &declare));
        }
    }
}

/// Returns the table that a column seems to refer to, and the key of that table.
fn parent_by_name<'a>(
    by_name: &[(String, &'a Table)],
    table: &Table,
    column: &Column,
) -> Option<(&'a Table, &'a Column)> {
    let stem = stem(&column.name)?;
    if is_reference(table, &column.name) || column.generated.is_some() || is_polymorphic(table, stem) {
        return None;
    }
    let wanted = plain(stem);
    let mut named = by_name.iter().filter(|(name, _)| is_named_after(name, &wanted));
    let (_, parent) = *named.next().filter(|(_, parent)| parent.name != table.name)?;
    if named.next().is_some() {
        return None;
    }
    let terms = column_names(&parent.primary_key.as_ref()?.terms);
    let [key] = terms.as_slice() else { return None };
    let key = parent.column(key)?;
    // A second number of the parent, such as that of another system, has the longer name.
    let has_another = !same_name(&key.name, &column.name) && parent.column(&column.name).is_some();
    (!has_another && key.affinity == column.affinity && class(key) == class(column)).then_some((parent, key))
}

/// Returns `customer` of `customer_id` and `customerId`.
fn stem(column: &str) -> Option<&str> {
    let at = column.len().checked_sub(2).filter(|at| *at > 0 && column.is_char_boundary(*at))?;
    let (stem, end) = column.split_at(at);
    match stem.strip_suffix('_') {
        Some(stem) if same_name(end, "id") => Some(stem).filter(|stem| !stem.is_empty()),
        None if end == "Id" || end == "ID" && stem.ends_with(|c: char| c.is_ascii_lowercase()) => Some(stem),
        _ => None,
    }
}

/// Returns a name in small letters and without underscores.
fn plain(name: &str) -> String {
    name.replace('_', "").to_ascii_lowercase()
}

/// Returns true for `customer`, `customers` and the like.
fn is_named_after(table: &str, stem: &str) -> bool {
    table.strip_prefix(stem).is_some_and(|end| matches!(end, "" | "s" | "es"))
        || stem.strip_suffix('y').is_some_and(|start| table.strip_prefix(start) == Some("ies"))
}

/// Returns true if another column says to which table this one refers: `owner_id` and `owner_type`.
fn is_polymorphic(table: &Table, stem: &str) -> bool {
    ["type", "kind", "table", "class"].iter().any(|end| table.column(&format!("{stem}_{end}")).is_some())
}

/// Returns true for a table whose rows are kept when what they name is deleted.
fn is_history(table: &Table) -> bool {
    let name = table.name.to_ascii_lowercase();
    #[rustfmt::skip]
    let words = [
        "archive", "audit", "backup", "deleted", "event", "events", "history", "journal", "log", "logs", "metric",
        "metrics", "outbox", "snapshot", "snapshots", "stat", "statistics", "stats", "tombstones",
    ];
    name.split('_').any(|word| words.contains(&word))
}

fn finding(
    input: &LintInput,
    table: &Table,
    column: &Column,
    (parent, key): (&Table, &Column),
    declare: &[String],
) -> LintFinding {
    let object = object(table, [column.name.as_str()]);
    let what = format!("{object} looks like a reference to {}.{}, and is no foreign key", parent.name, key.name);
    let cost = "nothing refuses a row whose parent does not exist, and rows stay behind when their parent is deleted; if they are meant to stay, say so";
    // Where the same parent is declared elsewhere, it was probably forgotten here.
    let level = if declare.is_empty() || is_history(table) { Level::Style } else { Level::Review };
    let mut finding = LintFinding::new("fk-undeclared", object, what, cost).level_of(level);
    if !declare.is_empty() {
        finding = finding.evidence("declared elsewhere", declare.join(", "));
    }
    let reference = format!("REFERENCES {}({})", plain_name(&parent.name), plain_name(&key.name));
    let finding = finding.rebuild(table, |sql| sql.constrain(&column.name, &reference));
    if is_indexed(table, column) {
        return finding;
    }
    finding.then(&format!(
        "CREATE INDEX {} ON {}({});",
        plain_name(&input.schema.free_name(&table.name, &[column.name.as_str()], &[])),
        plain_name(&table.name),
        plain_name(&column.name)
    ))
}

fn is_indexed(table: &Table, column: &Column) -> bool {
    let keys = table.primary_key.iter().chain(&table.unique).map(|key| &key.terms);
    let indexes = table.indexes.iter().filter(|index| index.partial.is_none()).map(|index| &index.terms);
    keys.chain(indexes).any(|terms| terms.first().is_some_and(|term| term.what.is_column(&column.name)))
}
