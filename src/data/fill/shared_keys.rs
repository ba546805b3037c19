//! Columns that a child shares between the keys of several parents: `(hotel, guest)` and `(hotel, floor, room)`. The parents of a
//! row have to agree on them. Where no table lists their values, one parent takes them from another, as by a foreign key.

use crate::data::constraints::conditions;
use crate::data::constraints::expression::Comparison;
use crate::data::relations::Relation;
use crate::schema::{ForeignKey, ForeignKeyAction, Name, Schema, Table};

/// A column, with the place of its table.
type Place = (usize, Name);

/// Returns the schema with foreign keys between the parents of the filled tables. `is_filled` is true for these.
pub(super) fn with_references(
    schema: &Schema,
    relations: &[Vec<Relation>],
    is_filled: &dyn Fn(usize) -> bool,
) -> Option<Schema> {
    let mut found: Vec<(usize, ForeignKey)> = Vec::new();
    for at in (0..schema.tables.len()).filter(|at| is_filled(*at)) {
        let keys: Vec<&Relation> = relations[at].iter().collect();
        if keys.len() < 2 || keys.iter().all(|key| key.columns.len() < 2) {
            continue;
        }
        for (one, other) in shared(&schema.tables[at], &keys) {
            let (first, second) = (root(relations, (at, one.0), one.1), root(relations, (at, other.0), other.1));
            let is_known = found.iter().any(|(table, key)| *table == second.0 && key.columns[0] == second.1);
            if first.0 == second.0 || first.0 == at || second.0 == at || is_known {
                continue;
            }
            // A table that the first one needs cannot wait for it.
            let (child, parent) = if reaches(relations, first.0, second.0) { (first, second) } else { (second, first) };
            if !reaches(relations, parent.0, child.0) && is_filled(child.0) && is_filled(parent.0) {
                found.push((child.0, reference(schema, &child, &parent)));
            }
        }
    }
    if found.is_empty() {
        return None;
    }
    let mut schema = schema.clone();
    for (at, key) in found {
        schema.tables[at].foreign_keys.push(key);
    }
    Some(schema)
}

/// A column of a key, with the key.
type Shared<'k> = (Name, &'k Relation);

/// Returns pairs of columns of two keys that have to be equal: the same column, or two that a CHECK compares.
fn shared<'k>(table: &Table, keys: &[&'k Relation]) -> Vec<(Shared<'k>, Shared<'k>)> {
    let mut found = Vec::new();
    let names: Vec<String> = table.columns.iter().map(|column| column.name.to_string()).collect();
    let equal = if table.checks.is_empty() { Vec::new() } else { conditions::of_table(table, &names) };
    let are_equal = |one: &Name, other: &Name| {
        one == other
            || equal.iter().any(|condition| match &condition.branches[..] {
                [only] => only.relations.iter().any(|relation| {
                    relation.comparison == Comparison::Equal
                        && [(relation.left, relation.right), (relation.right, relation.left)]
                            .iter()
                            .any(|(left, right)| *one == *names[*left] && *other == *names[*right])
                }),
                _ => false,
            })
    };
    for (at, first) in keys.iter().enumerate() {
        for second in &keys[at + 1..] {
            if first.columns.len() < 2 && second.columns.len() < 2 {
                continue;
            }
            for one in &first.columns {
                let other = second.columns.iter().find(|other| are_equal(one, other));
                found.extend(other.map(|other| ((one.clone(), *first), (other.clone(), *second))));
            }
        }
    }
    found
}

/// Returns the column in which the values of a column of a key come to be: that of the parent, or of its parent, and so on.
fn root(relations: &[Vec<Relation>], (table, column): Place, key: &Relation) -> Place {
    let parent = |key: &Relation, column: &Name| {
        let theirs = key.pairs().find(|(own, _)| *own == column).map(|(_, theirs)| theirs.clone());
        key.parent.zip(theirs)
    };
    let Some(mut at) = parent(key, &column) else { return (table, column) };
    for _ in 0..relations.len() {
        let next = relations[at.0].iter().filter(|key| key.parent != Some(at.0)).find_map(|key| parent(key, &at.1));
        match next {
            Some(next) => at = next,
            None => break,
        }
    }
    at
}

/// Returns true if a table refers to another, also by way of others.
fn reaches(relations: &[Vec<Relation>], from: usize, to: usize) -> bool {
    let mut seen = vec![from];
    let mut at = 0;
    while let Some(&table) = seen.get(at) {
        at += 1;
        for parent in relations[table].iter().filter_map(|key| key.parent) {
            if !seen.contains(&parent) {
                seen.push(parent);
            }
        }
    }
    seen[1..].contains(&to)
}

fn reference(schema: &Schema, child: &Place, parent: &Place) -> ForeignKey {
    ForeignKey {
        name: None,
        columns: vec![child.1.clone()],
        parent: schema.tables[parent.0].name.clone(),
        parent_columns: Some(vec![parent.1.clone()]),
        on_delete: ForeignKeyAction::NoAction,
        on_update: ForeignKeyAction::NoAction,
        deferred: false,
    }
}
