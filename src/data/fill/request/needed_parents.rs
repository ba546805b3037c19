//! The number of parents that the rows of a table need.

use crate::data::relations::{Relation, is_shared};
use crate::schema::{IndexedExpr, Table};
use crate::sql::tokens;

/// Returns the parents, by their places in the schema, and the number of rows that `rows` rows of a table need of each.
/// `at` is the place of the table.
pub(super) fn needed_parents(table: &Table, at: usize, relations: &[Relation], rows: u64) -> Vec<(usize, u64)> {
    let refuses = table.triggers.iter().any(|trigger| tokens(&trigger.sql).iter().any(|token| token.is("RAISE")));
    // Each gets a few children. A trigger may refuse some parents, such as a closed account.
    let least = if refuses { 5 } else { rows.min(5) };
    let usual = (rows / 4).clamp(least, 1_000.max(rows / 100));
    let uniques = uniques(table);
    let mut found = Vec::new();
    for key in relations {
        let Some(parent) = key.parent.filter(|parent| *parent != at) else { continue };
        let by_keys = uniques.iter().filter_map(|unique| to_differ(relations, key, unique, rows));
        let needed = by_keys.fold(usual, u64::max);
        found.push((parent, needed.max(1)));
    }
    found
}

/// Returns the number of parents that are needed if rows differ by their parents alone.
fn to_differ(relations: &[Relation], key: &Relation, unique: &[&str], rows: u64) -> Option<u64> {
    let is_ours = unique.iter().any(|column| key.has_column(column));
    let is_in_keys = |column: &&str| relations.iter().any(|key| key.has_column(column));
    if !is_ours || !unique.iter().all(is_in_keys) {
        return None;
    }
    let power = relations.iter().filter(|key| unique.iter().any(|column| key.has_column(column))).count() as u32;
    // One more, for pairs of parents that must differ.
    let needed = root(rows, power) + u64::from(power > 1);
    // Parents are combined only within their tenant. The number of tenants is the root of the number of parents.
    let is_by_tenant = power > 1 && key.columns.len() > 1 && key.columns.iter().any(|name| is_shared(relations, name));
    let by_tenant = if is_by_tenant { 2 * root(rows.saturating_mul(rows), power + 1) } else { 0 };
    Some(needed.max(by_tenant))
}

/// Returns the least number whose power is at least `number`.
fn root(number: u64, power: u32) -> u64 {
    if power <= 1 {
        return number;
    }
    let mut root = (number as f64).powf(1.0 / f64::from(power)) as u64;
    while root.saturating_pow(power) < number {
        root += 1;
    }
    root.max(1)
}

/// The columns of each key of a table.
fn uniques(table: &Table) -> Vec<Vec<&str>> {
    let indexes = table.indexes.iter().filter(|index| index.unique && index.partial.is_none());
    let keys = table.primary_key.iter().chain(&table.unique).map(|key| &key.terms);
    keys.chain(indexes.map(|index| &index.terms))
        .map(|terms| {
            let names = terms.iter().filter_map(|term| match &term.what {
                IndexedExpr::Column(name) => Some(name.as_str()),
                _ => None,
            });
            names.collect()
        })
        .collect()
}
