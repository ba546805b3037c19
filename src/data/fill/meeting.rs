//! Columns that several keys of a row share: `(tenant, item)` and `(tenant, warehouse)`. A row of one tenant needs an item and
//! a warehouse of that tenant, which there are only where not each of them has a tenant of its own.

use crate::data::fill::{order, references};
use crate::schema::{ForeignKey, Schema};

/// Whether several foreign keys of a table take a column, each with others.
pub(super) fn is_shared(schema: &Schema, table: usize, column: &str) -> bool {
    let takes = |key: &&ForeignKey| key.columns.len() > 1 && key.columns.iter().any(|own| own == column);
    schema.tables[table].foreign_keys.iter().filter(takes).count() > 1
}

/// The columns of a table that descendants share: what they refer to has to have few parents.
pub(super) fn columns(schema: &Schema, table: usize) -> Vec<String> {
    let mut found: Vec<(usize, String)> = Vec::new();
    for at in 0..schema.tables.len() {
        for name in schema.tables[at].columns.iter().map(|column| column.name.as_str()) {
            if is_shared(schema, at, name) {
                parents(schema, at, name, &mut found);
            }
        }
    }
    let mut at = 0;
    while at < found.len() {
        let (of, name) = found[at].clone();
        parents(schema, of, &name, &mut found);
        at += 1;
    }
    found.into_iter().filter(|(of, _)| *of == table).map(|(_, name)| name).collect()
}

/// Adds the columns to which a column refers together with others.
fn parents(schema: &Schema, table: usize, column: &str, found: &mut Vec<(usize, String)>) {
    for key in schema.tables[table].foreign_keys.iter().filter(|key| key.columns.len() > 1) {
        let Some(parent) = order::parent(schema, key).filter(|parent| *parent != table) else { continue };
        let theirs = references::parent_columns(schema, Some(parent), key).unwrap_or_default();
        let at = key.columns.iter().position(|own| own == column);
        let Some(name) = at.and_then(|at| theirs.get(at)) else { continue };
        let declared = schema.tables[parent].column(name).map_or(name.as_str(), |column| column.name.as_str());
        if !found.iter().any(|(of, name)| *of == parent && name == declared) {
            found.push((parent, declared.to_owned()));
        }
    }
}
